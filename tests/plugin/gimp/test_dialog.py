"""The dialog works under a virtual display: menu, preview, click, cancel, OK, undo, save. See inside/dialog.sh."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .conftest import Gimp, check_names

pytestmark = pytest.mark.editor
CANCEL_MS = 1000  # Maximum time for a cancellation, as promised in the documentation.
LIMIT_S = 1800  # This limit only guards against hanging.


@pytest.fixture(scope="module")
def used(gimp: Gimp) -> dict[str, str]:
    """Results of checks after the dialog is used. DIOPTRE_TEST_SCREENSHOTS names a folder for screenshots."""
    if gimp.tree is None:
        pytest.skip("needs a virtual display (an editor tree has one)")
    gimp.values("dialog.py", environment={"DIALOG": "make"}, worker=False)
    done = gimp.gui("dialog.sh", limit_s=LIMIT_S)
    if folder := os.environ.get("DIOPTRE_TEST_SCREENSHOTS"):
        for picture in gimp.out.glob("*.png"):
            shutil.copy(picture, Path(folder) / f"gimp-{gimp.series}-{picture.name}")
    assert done.returncode == 0, done.stdout[-4000:]
    return gimp.checks("dialog.py", environment={"DIALOG": "look"})


@pytest.mark.parametrize("check", check_names("dialog.py"))
def test_after_the_dialog(used: dict[str, str], check: str) -> None:
    assert used[check] == ""


def test_cancel_is_felt_at_once(used: dict[str, str], gimp: Gimp) -> None:
    assert used
    assert int((gimp.out / "cancel_ms").read_text(encoding="ascii")) <= CANCEL_MS
