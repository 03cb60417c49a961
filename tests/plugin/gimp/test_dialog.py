"""The dialog works under a virtual display: menu, preview, click, cancel, OK, undo, save. See inside/dialog.sh."""

from __future__ import annotations

import pytest

from .conftest import Gimp, check_names

pytestmark = pytest.mark.editor
CANCEL_MS = 1000  # Maximum time for a cancellation, as promised in the documentation.


@pytest.fixture(scope="module")
def used(gimp: Gimp) -> dict[str, str]:
    """Results of checks after the dialog is used."""
    gimp.person("dialog.sh", start="dialog.py")
    return gimp.checks("dialog.py", environment={"DIALOG": "look"})


@pytest.mark.parametrize("check", check_names("dialog.py"))
def test_after_the_dialog(used: dict[str, str], check: str) -> None:
    assert used[check] == ""


def test_cancel_is_felt_at_once(used: dict[str, str], gimp: Gimp) -> None:
    assert used
    assert int((gimp.out / "cancel_ms").read_text(encoding="ascii")) <= CANCEL_MS
