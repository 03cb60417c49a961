"""The plug-in in a real Krita: operations, documents of every kind, trouble, the docker with real clicks.

The checks themselves run inside of Krita (see inside/); here each becomes a test.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from .conftest import Krita, check_names

pytestmark = pytest.mark.editor
SCRIPTS = ("operations.py", "documents.py", "trouble.py", "panel.py")


@pytest.fixture(scope="session")
def results(krita: Krita) -> Mapping[str, Mapping[str, str]]:
    return {script: krita.checks(script) for script in SCRIPTS}


@pytest.mark.parametrize(
    ("script", "check"), [(script, check) for script in SCRIPTS for check in check_names(script)]
)
def test_in_krita(results: Mapping[str, Mapping[str, str]], script: str, check: str) -> None:
    assert results[script][check] == ""
