"""What an editor asks of a preview: the operation, its options, and the pixels it hands over."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from ..buffers import Buffer
from ..client import Worker
from ..operation import PLACES, Operation
from . import traits
from .events import Image, Steps

DETAIL_SHAPE = 3 / 2  # width over height of the part that an enlargement shows

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Given:
    """One input as the editor hands it over.

    key: differs whenever the pixels differ. upload: steps that return a buffer with the pixels; the session deletes
    it.
    """

    key: Hashable
    upload: Callable[[Worker], Steps[Buffer]]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One preview.

    inputs: "picture", and where there are any "disparity" and "selection". size: the picture's, in pixels. place:
    centre of the part that an enlargement shows, as fractions. crop: for enlargements, the inputs' pixels in a
    rectangle (left, top, width, height), as buffers that the session deletes. depth_image: the given depth layer,
    reduced, for the views that show it.
    """

    operation: Operation
    options: Mapping[str, Any]
    inputs: Mapping[str, Given]
    size: tuple[int, int]
    longest_px: int
    opened_file: str | None = None
    place: Point = (0.5, 0.5)
    crop: Callable[[Worker, tuple[int, int, int, int]], Mapping[str, Buffer]] | None = None
    depth_image: Image | None = None

    @property
    def point(self) -> Point | None:
        parameter = traits.point_of(self.operation)
        return None if parameter is None else self.options.get(parameter.name)

    @property
    def choice(self) -> Hashable:
        """All places that the user chose: they decide which subject is found."""
        return tuple(
            one.points_of(self.options.get(one.name)) for one in self.operation.parameters if one.kind in PLACES
        )


def detail_rect(request: Request) -> tuple[int, int, int, int]:
    """Left, top, width and height of the part of the picture that an enlargement's preview shows, in pixels."""
    scale, full = float(request.options["scale"]), request.size
    width = max(1, min(full[0], int(request.longest_px / scale)))
    height = max(1, min(full[1], int(request.longest_px / scale / DETAIL_SHAPE)))
    left = min(max(round(request.place[0] * full[0] - width / 2), 0), full[0] - width)
    top = min(max(round(request.place[1] * full[1] - height / 2), 0), full[1] - height)
    return left, top, width, height
