"""What a preview marks on the picture: the subject's outline, where the automatic focus lies, and its words."""

from __future__ import annotations

import math

from ..language import translated
from . import traits
from .events import Image
from .state import State

INSIDE = 128  # of 255: coverage from which a pixel belongs to the subject
_SAMPLES = 48  # along the shorter side, for the place of the focus
_DEPTH_WEIGHT = 4.0  # of a difference in depth beside a distance in the picture
_INSIDE = bytes(int(value >= INSIDE) for value in range(256))


def outline(coverage: Image) -> bytes:
    """1 along the subject's edge, two pixels wide, 0 elsewhere; one byte a pixel."""
    width, height = coverage.width, coverage.height
    inside = coverage.data.translate(_INSIDE)
    whole = int.from_bytes(inside, "little")
    across = whole ^ (whole >> 8) | whole ^ (whole << 8)
    along = whole ^ (whole >> 8 * width) | whole ^ (whole << 8 * width)
    edge = bytearray((across | along).to_bytes(len(inside) + width + 1, "little")[: len(inside)])
    edge[::width] = edge[width - 1 :: width] = bytes(height)  # rows do not continue each other
    edge[:width] = edge[-width:] = bytes(width)
    return bytes(edge)


def focus_place(coverage: Image, depth: Image | None, focal_disparity: float | None) -> tuple[float, float] | None:
    """A point of the subject at the depth of the focus, as fractions of the sides; None without a subject."""
    step = max(1, min(coverage.width, coverage.height) // _SAMPLES)
    points = [
        (x, y)
        for y in range(step // 2, coverage.height, step)
        for x in range(step // 2, coverage.width, step)
        if coverage.data[y * coverage.width + x] >= INSIDE
    ]
    if not points:
        return None
    middle = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)

    def cost(point: tuple[int, int]) -> float:
        x, y = point
        away = math.hypot(x - middle[0], y - middle[1]) / coverage.width
        if depth is None or focal_disparity is None:
            return away
        near = depth.at(x / coverage.width, y / coverage.height) / 255
        return away + _DEPTH_WEIGHT * abs(near - focal_disparity)

    x, y = min(points, key=cost)
    return (x + 0.5) / coverage.width, (y + 0.5) / coverage.height


def automatic_words(state: State) -> str:
    """What counts where the user clicked no point, in the user's language."""
    if not traits.focuses(state.operation):
        return translated("none: click in the picture")
    if state.options.get("focal_disparity") is not None:
        return translated("at one depth")
    shown = state.shown
    missing = shown is not None and not shown.draft and shown.subject is None  # the preview found none
    return translated("the subject" if traits.finds_subject(state.operation) and not missing else "automatic")
