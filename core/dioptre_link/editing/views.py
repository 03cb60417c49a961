"""The views of a preview: those that each operation has, their names, and the colours of the focus range."""

from __future__ import annotations

from dataclasses import dataclass

from ..operation import Operation, Role
from . import traits

AFTER, BEFORE, SPLIT, DEPTH, FOCUS = "after", "before", "split", "depth", "focus"
OLD_DEPTH, CONFIDENCE, PLACE = "old_depth", "confidence", "place"
SELECTED, CUT_OUT = "selected", "cut_out"

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
    if traits.changes_depth(operation):
        return DEPTH, OLD_DEPTH, BEFORE
    if Role.RESULT not in operation.outputs:
        return (DEPTH, BEFORE, CONFIDENCE) if Role.CONFIDENCE in operation.outputs else (DEPTH, BEFORE)
    return (AFTER, BEFORE, SPLIT, DEPTH, FOCUS) if traits.focuses(operation) else (AFTER, BEFORE, SPLIT)


FOCUS_COLOURS: Colours = (SHARP, IN_FRONT, BEHIND, *[(0, 0, 0, 0)] * 253)
"""Colours of the values of `scene.focus_parts`."""


def focus_colours(sharp: tuple[float, float]) -> list[tuple[int, int, int, int]]:
    """Return the overlay's colour for each of 256 depth values (255 is nearest)."""
    return [FOCUS_COLOURS[part] for part in focus_classes(sharp)]


def focus_classes(sharp: tuple[float, float]) -> bytes:
    """Return the index in `FOCUS_COLOURS` (sharp, in front, behind) for each of 256 depth values (255 nearest)."""
    low, high = sharp
    return bytes(2 if value / 255 < low else 1 if value / 255 > high else 0 for value in range(256))


def histogram(depth: bytes, bins: int = 64) -> list[float]:
    """Return how much of the picture lies at each depth, from far to near, relative to the fullest bin.

    Args:
        depth: one 8-bit value per pixel, 255 nearest.
        bins: number of bins.
    """
    counts = [0] * bins
    for value in range(256):
        counts[value * bins // 256] += depth.count(value)
    fullest = max(counts) or 1
    return [count / fullest for count in counts]
