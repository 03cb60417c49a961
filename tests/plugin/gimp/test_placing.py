"""A layer is placed in the photo below it under a virtual display: click, OK, undo, Edit. See inside/placing.sh."""

from __future__ import annotations

import pytest

from .conftest import Gimp, check_names

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def used(gimp: Gimp) -> dict[str, str]:
    """Results of checks after the dialog is used."""
    gimp.person("placing.sh", start="placing_dialog.py")
    return gimp.checks("placing_dialog.py", environment={"DIALOG": "look"})


@pytest.mark.parametrize("check", check_names("placing_dialog.py"))
def test_after_placing(used: dict[str, str], check: str) -> None:
    assert used[check] == ""
