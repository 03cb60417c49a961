"""Adjusting the focus range: the options that result from dragging on the depth histogram or pressing a key.

The range is a pair of disparities, (far end, near end), from 0 to 1; `at` is a position on the same scale. A real
lens renders `lens_reach` on either side of the focus sharp; the option `focus_range` adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from ..catalogue.focus import FOCAL_DISPARITY, FOCUS_RANGE, FOCUS_RESETS
from ..language import translated

Range = tuple[float, float]
Options = Mapping[str, Any]

KEY_STEP = 0.02
GRIP = 0.025  # distance from an end of the range within which a press grabs it
ARROWS = ("left", "right", "up", "down")
AUTOMATIC: Options = {FOCUS_RANGE: None, **FOCUS_RESETS}


class Grip(Enum):
    """The part of the range that a drag moves."""

    MIDDLE = "middle"
    END = "end"


def is_automatic(options: Options) -> bool:
    """Return whether both the range and its middle are chosen automatically."""
    return all(options.get(name) is None for name in AUTOMATIC)


def fixed(sharp: Range, *, lens_reach: float = 0.0) -> Options:
    """Return options that keep the current range fixed instead of automatic."""
    return _with_reach(_reach(sharp) - lens_reach)


def grip_at(sharp: Range, at: float, tolerance: float) -> Grip:
    """Return the part that a mouse press at `at` would drag: an end within `tolerance`, or else the middle."""
    return Grip.END if min(abs(at - end) for end in sharp) <= tolerance else Grip.MIDDLE


def dragged(sharp: Range, grip: Grip, at: float, *, lens_reach: float = 0.0) -> Options:
    """Return the options after dragging `grip` to `at`; both ends move symmetrically."""
    return focused(at) if grip is Grip.MIDDLE else _with_reach(abs(at - sum(sharp) / 2) - lens_reach)


def nudged(sharp: Range, key: str, *, lens_reach: float = 0.0) -> Options:
    """Return the options after an arrow key: "left" and "right" move the range, "up" and "down" resize it."""
    if key in ("left", "right"):
        return focused(sum(sharp) / 2 + (KEY_STEP if key == "right" else -KEY_STEP))
    return _with_reach(_reach(sharp) - lens_reach + (KEY_STEP / 2 if key == "up" else -KEY_STEP / 2))


def focused(disparity: float) -> Options:
    """Return options that focus on a disparity instead of a distance in metres; the clicked point stays."""
    return {**FOCUS_RESETS, FOCAL_DISPARITY: _rounded(disparity)}


def ends_words(sharp: Range | None) -> str:
    """Say in the user's language where far and near are, or which end of the range lies beyond the histogram."""
    far, near = (0.0, 1.0) if sharp is None else sharp
    if far < 0 and near > 1:
        return translated("everything is sharp")
    if far < 0 or near > 1:
        return translated("everything far is sharp" if far < 0 else "everything near is sharp")
    return f"{translated('far')} ← → {translated('near')}"


class RangeDrag:
    """Turns presses, drags and keys on a histogram into options.

    Attributes:
        sharp: the range that is shown; None while it is unknown, which ignores all input.
        lens_reach: as in `dragged`.
    """

    def __init__(self, on_change: Callable[[Options], object]) -> None:
        self._on_change = on_change
        self.sharp: Range | None = None
        self.lens_reach = 0.0
        self._grip: Grip | None = None  # set while the mouse button is down

    def pressed(self, at: float) -> None:
        if self.sharp is None:
            return
        self._grip = grip_at(self.sharp, at, GRIP)
        if self._grip is Grip.MIDDLE:
            self.moved(at)

    def moved(self, at: float) -> None:
        if self.sharp is not None and self._grip is not None:
            self._on_change(self._dragged(self.sharp, self._grip, at))

    def released(self) -> None:
        self._grip = None

    def key(self, name: str) -> bool:
        """Handle an arrow key as in `nudged`; return whether it was one."""
        if self.sharp is None or name not in ARROWS:
            return False
        self._on_change(self._nudged(self.sharp, name))
        return True

    def _dragged(self, sharp: Range, grip: Grip, at: float) -> Options:
        return dragged(sharp, grip, at, lens_reach=self.lens_reach)

    def _nudged(self, sharp: Range, key: str) -> Options:
        return nudged(sharp, key, lens_reach=self.lens_reach)

    def set_automatic(self, on: bool) -> None:
        if on:
            self._on_change(AUTOMATIC)
        elif self.sharp is not None:
            self._on_change(fixed(self.sharp, lens_reach=self.lens_reach))


def _reach(sharp: Range) -> float:
    return (sharp[1] - sharp[0]) / 2


def _with_reach(reach: float) -> Options:
    return {FOCUS_RANGE: _rounded(reach)}


def _rounded(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 4)
