"""The plug-in works in a real Krita: operations, documents of every kind, trouble during a job, and real clicks.

The checks themselves run inside Krita (see inside/); each of them is a test here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import pytest

from ...editors.phone import write_phone_photo
from .conftest import Krita, check_names

pytestmark = pytest.mark.editor
SCRIPTS = ("operations.py", "following.py", "documents.py", "kinds.py", "trouble.py")
SCRIPTS += ("shown.py", "panel.py", "brushing.py", "changing.py", "selecting.py", "copying.py")


@pytest.fixture(scope="session")
def results(krita: Krita) -> Callable[[str], Mapping[str, str]]:
    """A function that returns the results of a script's checks and runs each script only once."""
    write_phone_photo(krita.out / "phone.jpg")
    return functools.cache(krita.checks)


@pytest.mark.parametrize(
    ("script", "check"), [(script, check) for script in SCRIPTS for check in check_names(script)]
)
def test_in_krita(results: Callable[[str], Mapping[str, str]], script: str, check: str) -> None:
    assert results(script)[check] == ""
