"""Markings on a preview: the subject's outline, and the position and description of the automatic focus."""

from __future__ import annotations

import math
from functools import lru_cache

from ..catalogue.focus import FOCAL_DISPARITY
from ..catalogue.portrait import KEEP_SUBJECT
from ..language import translated
from . import traits, views
from .events import Image
from .state import State

INSIDE = 128  # smallest coverage, out of 255, of a pixel that belongs to the subject
_COVERED = bytes(INSIDE) + b"\xff" * (256 - INSIDE)
_SAMPLES = 48  # number of pixels along the shorter side that are searched for the focus position
_DEPTH_WEIGHT = 4.0  # cost of a disparity difference of 1; a distance of one picture width costs 1
_INSIDE = bytes(int(value >= INSIDE) for value in range(256))


@lru_cache(maxsize=1)
def outline(coverage: Image) -> Image:
    """Return a mask of the same size: 1 along the subject's edge, two pixels wide, and 0 elsewhere."""
    width, height = coverage.width, coverage.height
    inside = coverage.data.translate(_INSIDE)
    whole = int.from_bytes(inside, "little")
    across = whole ^ (whole >> 8) | whole ^ (whole << 8)
    along = whole ^ (whole >> 8 * width) | whole ^ (whole << 8 * width)
    edge = bytearray((across | along).to_bytes(len(inside) + width + 1, "little")[: len(inside)])
    edge[::width] = edge[width - 1 :: width] = bytes(height)  # a row's end is not next to the next row's start
    edge[:width] = edge[-width:] = bytes(width)
    return Image(width=width, height=height, channels=1, data=bytes(edge))


def automatic_place(state: State) -> tuple[float, float] | None:
    """Return the point to mark as the automatic focus, as fractions of the picture's width and height.

    Without a subject it is the point at the focal depth that is nearest the middle of the picture. It is None if
    the user chose the focus, or if it is not known yet.
    """
    shown = state.shown
    chosen = state.point is not None or state.options.get(FOCAL_DISPARITY) is not None
    if chosen or shown is None or state.view == views.BEFORE or not traits.focuses(state.operation):
        return None
    if shown.subject is None and shown.draft:
        return None  # the subject may still be found
    return focus_place(shown.subject, shown.depth, state.decided.get(FOCAL_DISPARITY))


@lru_cache(maxsize=2)  # an editor asks for every progress message
def focus_place(
    coverage: Image | None, depth: Image | None, focal_disparity: float | None
) -> tuple[float, float] | None:
    """Return a point at the focal depth, on the subject if there is one; None if neither is known.

    Its coordinates are fractions of the picture's width and height.
    """
    by_depth = depth is not None and focal_disparity is not None
    searched = coverage if coverage is not None else depth if by_depth else None
    if searched is None:
        return None
    width, height = searched.width, searched.height
    step = max(1, min(width, height) // _SAMPLES)
    points = [
        (x, y)
        for y in range(step // 2, height, step)
        for x in range(step // 2, width, step)
        if coverage is None or coverage.data[y * width + x] >= INSIDE
    ]
    if not points:
        return None
    middle = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)

    def cost(point: tuple[int, int]) -> float:
        x, y = point
        away = math.hypot(x - middle[0], y - middle[1]) / width
        if depth is None or focal_disparity is None:
            return away
        near = depth.at(x / width, y / height) / 255
        return away + _DEPTH_WEIGHT * abs(near - focal_disparity)

    x, y = min(points, key=cost)
    return (x + 0.5) / width, (y + 0.5) / height


def focus_parts(state: State) -> Image | None:
    """Return an image that marks each pixel as sharp, in front of the focus, or behind it; None if unknown.

    Its values are indices of `views.FOCUS_COLOURS`. A subject whose depth is pulled into focus is sharp over a
    wider range of its own depth.
    """
    shown, sharp = state.shown, state.sharp
    if shown is None or shown.depth is None or sharp is None:
        return None
    depth, subject, keep = shown.depth, shown.subject, float(state.options.get(KEEP_SUBJECT.name) or 0.0)
    parts = depth.data.translate(views.focus_classes(sharp))
    if keep and subject is not None and (subject.width, subject.height) == (depth.width, depth.height):
        middle, reach = (sharp[0] + sharp[1]) / 2, (sharp[1] - sharp[0]) / 2
        reach = reach / (1 - keep) if keep < 1 else 1.0
        kept = depth.data.translate(views.focus_classes((middle - reach, middle + reach)))
        parts = _where(subject.data.translate(_COVERED), kept, parts)
    return Image(width=depth.width, height=depth.height, channels=1, data=parts)


def _where(mask: bytes, inside: bytes, outside: bytes) -> bytes:
    """Take bytes from `inside` where the mask is 255 and from `outside` where it is 0, using large integers."""
    chosen, first, second = (int.from_bytes(part, "little") for part in (mask, inside, outside))
    return (second ^ (chosen & (first ^ second))).to_bytes(len(mask), "little")


def automatic_words(state: State) -> str:
    """Describe, in the user's language, what is in focus if the user clicked no point."""
    if not traits.focuses(state.operation):
        return translated("none: click the picture")
    if state.options.get(FOCAL_DISPARITY) is not None:
        return translated("at a fixed depth")
    shown = state.shown
    missing = shown is not None and not shown.draft and shown.subject is None  # the exact preview found no subject
    return translated("the subject" if traits.finds_subject(state.operation) and not missing else "automatic")
