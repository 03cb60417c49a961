"""The plug-in works in a real Krita: operations, documents of every kind, trouble during a job, and real clicks.

The checks themselves run inside Krita (see inside/); each of them is a test here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from ...editors.phone import write_phone_photo
from .conftest import Krita, check_names

pytestmark = pytest.mark.editor
SCRIPTS = ("operations.py", "following.py", "documents.py", "kinds.py", "trouble.py")
SCRIPTS += ("shown.py", "panel.py", "brushing.py", "changing.py", "selecting.py", "copying.py", "placing.py")
SCRIPTS += ("on_canvas.py",)


@pytest.fixture(scope="session")
def results(krita: Krita, request: pytest.FixtureRequest) -> Mapping[str, Mapping[str, str]]:
    """Results of the selected checks by script; they run in one Krita."""
    write_phone_photo(krita.out / "phone.jpg")
    wanted: dict[str, list[str]] = defaultdict(list)
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.path == Path(__file__):
            wanted[item.callspec.params["script"]].append(item.callspec.params["check"])
    return krita.checks_of(wanted)


@pytest.mark.parametrize(
    ("script", "check"), [(script, check) for script in SCRIPTS for check in check_names(script)]
)
def test_in_krita(results: Mapping[str, Mapping[str, str]], script: str, check: str) -> None:
    assert results[script][check] == ""
