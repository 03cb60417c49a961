"""A photo in Krita, and its preview in the docker."""

import os

from dioptre.dioptre_link.editing.state import Phase
from person import docker, widget
from qt import QImage, QWidget
from rig import (
    add_layer,
    expect,
    new_document,
    until,
)

PHOTO_PX = 256

WHOLE = (0, 0, PHOTO_PX, PHOTO_PX)


def state():
    return docker().session.state


def ready():
    """Wait until the preview matches the options."""
    yield from until(lambda: state().phase in (Phase.READY, Phase.FAILED), "the preview")
    expect("preview", (state().phase, state().message if state().phase is Phase.FAILED else ""), (Phase.READY, ""))
    for _ in range(3):
        yield


def changing(act):
    """Execute `act`, which requests another preview, and wait for it."""
    shown = state().shown
    yield from act
    yield from until(lambda: state().shown is not shown and not state().busy, "another preview")
    yield from ready()


def at(x, y):
    """Convert fractions of the preview's picture to fractions of its widget."""
    canvas = widget(QWidget, "dioptre_preview")
    left, upper, width, height = canvas.place()
    return canvas, (left + x * width) / canvas.width(), (upper + y * height) / canvas.height()


def open_photo(side=PHOTO_PX):
    photo = QImage(os.environ.get("PHOTO", "/examples/astronaut.jpg"))
    photo = photo.scaled(side, side).convertToFormat(QImage.Format.Format_ARGB32)
    data = photo.constBits().asstring(photo.sizeInBytes())
    document = yield from new_document(photo.width(), photo.height())
    node = yield from add_layer(document, data, rect=(0, 0, photo.width(), photo.height()))
    return document, node
