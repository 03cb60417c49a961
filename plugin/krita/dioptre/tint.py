"""The colours over Krita's canvas while the user paints on a depth layer, whose pixels stay grey: warm is near."""

from __future__ import annotations

from . import depth_editing
from .on_canvas import OnCanvas
from .painting import Painting
from .toolkit import QColor, QImage

FAR, NEAR, ALPHA = (30, 100, 255), (255, 130, 0), 110
_COLOURS = [
    QColor(*(far + (near - far) * value // 255 for far, near in zip(FAR, NEAR, strict=True)), ALPHA).rgba()
    for value in range(256)
]


class Tint:
    """A widget over the canvas, which leaves the pointer and the keys to Krita."""

    def __init__(self) -> None:
        self._on_canvas = OnCanvas(lambda *_: None, lambda _: False, None)

    def follow(self, strokes: Painting | None) -> None:
        """Colour the depth layer as it was seen last, while the canvas shows it."""
        if strokes is None or not depth_editing.is_seen(strokes):
            self._on_canvas.remove()
        elif (over := self._on_canvas.over(strokes.document, strokes.rect)) is not None:
            grey = strokes.seen.convertToFormat(QImage.Format.Format_Grayscale8)
            grey.reinterpretAsFormat(QImage.Format.Format_Indexed8)
            grey.setColorTable(_COLOURS)
            over.show_images(grey.convertToFormat(QImage.Format.Format_ARGB32))
