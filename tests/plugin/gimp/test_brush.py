"""The focus brush works in the dialog under a virtual display. See inside/brush.sh."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Gimp, check_names

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def painted(make_gimp: Callable[[], Gimp]) -> dict[str, str]:
    """Results of checks after the dialog is used."""
    gimp = make_gimp()
    gimp.person("brush.sh", start="brush.py")
    return gimp.checks("brush.py", environment={"DIALOG": "look"}, worker=False)


@pytest.mark.parametrize("check", check_names("brush.py"))
def test_after_painting(painted: dict[str, str], check: str) -> None:
    assert painted[check] == ""
