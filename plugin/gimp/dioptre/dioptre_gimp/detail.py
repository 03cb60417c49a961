"""Preview of an enlargement: one place of the picture, as large as it will be."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import gi

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf  # noqa: E402  (the version must be named first)

from dioptre_link.client import Result, Worker  # noqa: E402
from dioptre_link.operations import Operation  # noqa: E402
from dioptre_link.wire import PixelFormat  # noqa: E402

from . import jobs  # noqa: E402
from .host import Gegl, Gimp  # noqa: E402
from .log import logger  # noqa: E402
from .preview import pixbuf_from_rgb  # noqa: E402
from .screen import SMALL_PX  # noqa: E402

FORMAT = PixelFormat("u8", 4)
SHAPE = 3 / 2


class Detail:
    """A place of a layer that is shown enlarged."""

    def __init__(self, worker: Worker, operation: Operation, picture: Gimp.Layer) -> None:
        self._worker, self._operation, self._picture = worker, operation, picture
        self._centre = (0.5, 0.5)

    def move(self, x: float, y: float) -> None:
        """Centre on a point, given as shares of the picture."""
        self._centre = (x, y)

    def words(self, options: Mapping[str, Any]) -> str:
        """What size comes out."""
        width, height, scale = self._picture.get_width(), self._picture.get_height(), float(options["scale"])
        size = f"{width} × {height} → {width * scale:.0f} × {height * scale:.0f} pixels."
        return f"{size} Click in “Place” to look elsewhere."

    def before(self, options: Mapping[str, Any]) -> GdkPixbuf.Pixbuf:
        """The place as an editor enlarges it."""
        rect, scale = self._rect(options), float(options["scale"])
        plain = pixbuf_from_rgb(rect.width, rect.height, 4, self._read(rect))
        return plain.scale_simple(
            round(rect.width * scale), round(rect.height * scale), GdkPixbuf.InterpType.BILINEAR
        )

    def steps(self, options: Mapping[str, Any]) -> jobs.Steps[Result]:
        """The place enlarged by the operation."""
        rect, began = self._rect(options), time.monotonic()
        with self._worker.new_buffer(rect.width, rect.height, FORMAT) as buffer:
            buffer.write_rows(0, self._read(rect))
            job = self._worker.submit(
                self._operation.name, options, {"picture": buffer}, colour_format=FORMAT, supersede="preview"
            )
            result = yield from jobs.follow(job)
        logger.info("Preview by %s: %.3f s", self._operation.name, time.monotonic() - began)
        return result

    def _rect(self, options: Mapping[str, Any]) -> Gegl.Rectangle:
        scale = float(options["scale"])
        full = self._picture.get_width(), self._picture.get_height()
        width = min(full[0], int(SMALL_PX / scale))
        height = min(full[1], int(SMALL_PX / SHAPE / scale))
        x = round(self._centre[0] * full[0] - width / 2)
        y = round(self._centre[1] * full[1] - height / 2)
        return Gegl.Rectangle.new(min(max(x, 0), full[0] - width), min(max(y, 0), full[1] - height), width, height)

    def _read(self, rect: Gegl.Rectangle) -> bytes:
        data: bytes = self._picture.get_buffer().get(rect, 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE)
        return data
