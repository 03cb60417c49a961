"""Pictures of an out-of-focus point of light, which show the effect of a blur's aperture options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .dioptre_link import aperture_picture
from .dioptre_link.language import translated
from .qt import QHBoxLayout, QImage, QLabel, QPixmap, QWidget

APERTURE_PX = 44


class Aperture(QWidget):
    """Pictures of the disc that an out-of-focus light becomes: one at the picture's centre and one in a corner."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("dioptre_aperture")
        self._shown: Mapping[str, Any] = {}
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        self._pictures = {aperture_picture.CENTRE: QLabel(), aperture_picture.CORNER: QLabel()}
        for picture, words in zip(
            self._pictures.values(), (translated("Middle"), translated("Corner")), strict=True
        ):
            line.addWidget(picture)
            line.addWidget(QLabel(words), 1)

    def show_shape(self, options: Mapping[str, Any]) -> None:
        if options == self._shown:
            return
        self._shown = dict(options)
        side = APERTURE_PX
        for field, label in self._pictures.items():
            data = aperture_picture.disc(side, options, field=field)
            image = QImage(data, side, side, side, QImage.Format.Format_Grayscale8)
            label.setPixmap(QPixmap.fromImage(image))
