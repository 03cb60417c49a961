"""Row of bokeh shapes, with a picture button for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import style
from .dioptre_link.editing import bokeh
from .dioptre_link.language import translated
from .qt import QHBoxLayout, QIcon, QImage, QPixmap, QSize, QSizePolicy, QToolButton, QWidget

PICTURE_PX = 26  # Side of a shape's picture in layout pixels; seven fit next to each other in 300 pixels.
DENSITY = 2  # Pixels of a picture per pixel of the layout, for HiDPI screens.


class ShapesRow(QWidget):
    """Row of shape buttons; none is active if the options match no shape."""

    def __init__(self, on_change: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_shapes")
        self.setAccessibleName(translated("Bokeh"))
        self._on_change = on_change
        self._buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        for shape in bokeh.SHAPES:
            button = self._buttons[shape.name] = QToolButton()
            button.setObjectName(f"dioptre_shape_{shape.name}")
            button.setIcon(_icon(shape))
            button.setIconSize(QSize(PICTURE_PX, PICTURE_PX))
            button.setCheckable(True)
            button.setStyleSheet(style.SHAPE)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            button.setToolTip(f"{translated(shape.label)}: {translated(shape.tip)}")
            button.setAccessibleName(translated(shape.label))
            button.setAccessibleDescription(translated(shape.tip))
            button.clicked.connect(lambda *_, chosen=shape: self._chose(chosen))
            row.addWidget(button)

    def render(self, options: Mapping[str, Any]) -> None:
        chosen = bokeh.shape_of(options)
        for name, button in self._buttons.items():
            button.setChecked(chosen is not None and chosen.name == name)

    def _chose(self, shape: bokeh.Shape) -> None:
        self._buttons[shape.name].setChecked(True)  # Clicking the active shape must not switch it off.
        self._on_change(dict(shape.options))


def _icon(shape: bokeh.Shape) -> QIcon:
    side = PICTURE_PX * DENSITY
    image = QImage(shape.picture(side), side, side, side, QImage.Format.Format_Grayscale8).copy()
    return QIcon(QPixmap.fromImage(image))
