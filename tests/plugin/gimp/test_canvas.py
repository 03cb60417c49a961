"""The preview on GIMP's canvas, under a virtual display. See inside/canvas.sh."""

from __future__ import annotations

import pytest

from .conftest import Gimp

pytestmark = pytest.mark.editor


def test_the_canvas_shows_the_preview_and_nothing_stays(gimp: Gimp) -> None:
    gimp.person("canvas.sh", start="dialog.py", named="canvas-", sandbox=("--screen", "1920x1080"))
