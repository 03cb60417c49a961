"""The focus brush works in the dialog under a virtual display. See inside/brush.sh."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Gimp, check_names

pytestmark = pytest.mark.editor
LIMIT_S = 1200  # This limit only guards against hanging.


@pytest.fixture(scope="module")
def painted(make_gimp: Callable[[], Gimp]) -> dict[str, str]:
    """Results of checks after the dialog is used. DIOPTRE_TEST_SCREENSHOTS names a folder for screenshots."""
    gimp = make_gimp()
    if gimp.tree is None:
        pytest.skip("needs a virtual display (an editor tree has one)")
    gimp.values("brush.py", environment={"DIALOG": "make"}, worker=False)
    done = gimp.gui("brush.sh", limit_s=LIMIT_S)
    if folder := os.environ.get("DIOPTRE_TEST_SCREENSHOTS"):
        for picture in gimp.out.glob("*.png"):
            shutil.copy(picture, Path(folder) / f"gimp-{gimp.series}-{picture.name}")
    assert done.returncode == 0, done.stdout[-4000:]
    return gimp.checks("brush.py", environment={"DIALOG": "look"}, worker=False)


@pytest.mark.parametrize("check", check_names("brush.py"))
def test_after_painting(painted: dict[str, str], check: str) -> None:
    assert painted[check] == ""
