"""The preview on GIMP's canvas, under a virtual display. See inside/canvas.sh."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Gimp

pytestmark = pytest.mark.editor


def test_the_canvas_shows_the_preview_and_nothing_stays(make_gimp: Callable[[], Gimp]) -> None:
    gimp = make_gimp()  # GIMP remembers the switch.
    gimp.person("canvas.sh", start="canvas.py", named="canvas-", sandbox=("--screen", "1920x1080"))
    assert set(gimp.checks("canvas.py", environment={"DIALOG": "look"}, worker=False).values()) == {""}
