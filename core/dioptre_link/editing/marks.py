"""Markings on a preview: the subject's outline, and the position and description of the automatic focus."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ..catalogue.focus import FOCAL_DISPARITY
from ..catalogue.portrait import KEEP_SUBJECT
from ..language import translated
from . import traits, views
from .events import Image
from .state import State

INSIDE = 128  # smallest coverage, out of 255, of a pixel that belongs to the subject
_COVERED = bytes(INSIDE) + b"\xff" * (256 - INSIDE)
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

    It is None if the user chose the focus, or if it is not known yet.
    """
    chosen = state.point is not None or state.options.get(FOCAL_DISPARITY) is not None
    if chosen or state.shown is None or state.view == views.BEFORE:
        return None
    place: Sequence[float] | None = state.decided.get("focus_at")
    return None if place is None else (place[0], place[1])


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
