"""The views of a preview: those that each operation has, their names, and the colours of the focus range."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from ..operation import Operation, Role
from . import traits
from .events import Image

AFTER, BEFORE, SPLIT, DEPTH, FOCUS = "after", "before", "split", "depth", "focus"
OLD_DEPTH, CONFIDENCE, PLACE = "old_depth", "confidence", "place"
SELECTED, CUT_OUT, INVENTED = "selected", "cut_out", "invented"

INSIDE = 128
"""Smallest coverage, out of 255, of a pixel that belongs to the subject."""

COVERED = bytes(INSIDE) + b"\xff" * (256 - INSIDE)
"""Table that turns coverage into 255 inside the subject and 0 outside."""

Colours = tuple[tuple[int, int, int, int], ...]
"""The colour of each of 256 values as red, green, blue and alpha."""

IN_FRONT, SHARP, BEHIND = (40, 110, 255, 110), (60, 220, 90, 110), (255, 140, 30, 110)
"""Colours of the focus overlay as red, green, blue and alpha."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A view of a preview.

    Attributes:
        name: one of the constants above.
        label: English label.
        tip: English tooltip.
        shows_after: whether the view shows a result, which is out of date until the preview matches the options.
    """

    name: str
    label: str
    tip: str
    shows_after: bool = False


VIEWS = {
    view.name: view
    for view in (
        View(name=AFTER, label="After", tip="The result with these settings", shows_after=True),
        View(name=BEFORE, label="Before", tip="The unchanged layer"),
        View(name=SPLIT, label="Split", tip="Before on the left, after on the right", shows_after=True),
        View(name=DEPTH, label="Depth", tip="White is near, black is far"),
        View(name=OLD_DEPTH, label="Depth before", tip="The unchanged depth layer"),
        View(name=FOCUS, label="Focus", tip="Green is sharp, blue is nearer, orange is farther", shows_after=True),
        View(name=CONFIDENCE, label="Confidence", tip="White where the depth is reliable, dark where it is not"),
        View(name=SELECTED, label="Selection", tip="Red is selected", shows_after=True),
        View(name=CUT_OUT, label="Cut-out", tip="Only the selected part", shows_after=True),
        View(name=INVENTED, label="Invented", tip="Red is what the picture does not show", shows_after=True),
        View(name=PLACE, label="Whole layer", tip="Click to choose the area to preview"),
    )
}


def views_of(operation: Operation) -> tuple[View, ...]:
    """Return the views of an operation, starting with the initial one."""
    return tuple(VIEWS[name] for name in _names(operation))


def _names(operation: Operation) -> tuple[str, ...]:
    if traits.enlarges(operation):
        return AFTER, BEFORE, PLACE
    if traits.selects(operation):
        return (
            (SELECTED, CUT_OUT, BEFORE, DEPTH) if Role.DEPTH in operation.outputs else (SELECTED, CUT_OUT, BEFORE)
        )
    if traits.films(operation):
        return AFTER, INVENTED, BEFORE
    if traits.changes_depth(operation):
        return DEPTH, OLD_DEPTH, BEFORE
    if Role.RESULT not in operation.outputs:
        return (DEPTH, BEFORE, CONFIDENCE) if Role.CONFIDENCE in operation.outputs else (DEPTH, BEFORE)
    return (AFTER, BEFORE, SPLIT, DEPTH, FOCUS) if traits.focuses(operation) else (AFTER, BEFORE, SPLIT)


FOCUS_COLOURS: Colours = (SHARP, IN_FRONT, BEHIND, *[(0, 0, 0, 0)] * 253)
"""Colours of the values of `scene.focus_parts`."""


def focus_classes(sharp: tuple[float, float]) -> bytes:
    """Return the index in `FOCUS_COLOURS` (sharp, in front, behind) for each of 256 depth values (255 nearest)."""
    low, high = sharp
    return bytes(2 if value / 255 < low else 1 if value / 255 > high else 0 for value in range(256))


@lru_cache(maxsize=2)
def depth_counts(depth: Image, subject: Image | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Count the pixels at each of 256 depths (255 nearest): those of the whole picture and those of the subject."""
    every = tuple(depth.data.count(value) for value in range(256))
    if subject is None:
        return every, (0,) * 256
    mask = subject.data.translate(COVERED)
    inside = int.from_bytes(depth.data, "little") & int.from_bytes(mask, "little")
    data = inside.to_bytes(len(mask), "little")
    nearer = tuple(data.count(value) for value in range(1, 256))
    return every, (mask.count(255) - sum(nearer), *nearer)


def depth_range(counts: tuple[int, ...]) -> tuple[float, float] | None:
    """Return the disparities between which all but the farthest and the nearest tenth lie; None without pixels."""
    if not any(counts):
        return None
    below = list(accumulate(counts))
    low, high = (next(v for v, count in enumerate(below) if count >= below[-1] * at) for at in (0.1, 0.9))
    return low / 255, high / 255
