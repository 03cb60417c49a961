"""The focus distance and known distances: enter how far away a clicked place is, or where to focus, in metres."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..catalogue.focus import FOCUS_RESETS
from ..catalogue.lens import BLACK, KNOWN_DISTANCE, WHITE
from ..language import Message
from ..operation import DISTANCE_LIMITS_M
from . import focus_range
from .state import State

LABEL = Message("Focus distance")
HELP = Message(
    "The distance in focus. To give the depth map a scale, click a place whose distance you know, and enter the "
    "distance here; then do the same for a second place, much nearer or farther away. Click a mark to change its "
    "distance; Ctrl+click removes it. Without a clicked place, the focus moves to the distance that you enter."
)
LEAST_M, MOST_M = DISTANCE_LIMITS_M


def can_enter(state: State) -> bool:
    """Return whether the user can enter a distance: that of a clicked point, or any on a known scale."""
    return _is_at_point(state) or state.ruler is not None


def _is_at_point(state: State) -> bool:
    fixed = any(state.options.get(name) is not None for name in FOCUS_RESETS)
    return state.point is not None and not fixed


def shown_m(state: State) -> float | None:
    """Return the distance to show for the focus in metres; None if it is unknown or infinite.

    It is the distance that the user entered for this point, or else that of the focus on the current scale. The two
    may differ slightly, because the focus on a subject is the depth of the whole subject.
    """
    if _is_at_point(state):
        for known in state.options[KNOWN_DISTANCE]:
            if known[:2] == state.point:
                return float(known[2])
    ruler = state.ruler
    return ruler.focus_m if ruler is not None and math.isfinite(ruler.focus_m) else None


def entered(state: State, distance_m: float) -> Mapping[str, Any]:
    """Return the options that change when the user enters a distance.

    At a clicked point it is the true distance of that point; the distances of white and black become automatic,
    because they would compete with it. Otherwise, the focus moves to it.
    """
    distance_m = min(max(distance_m, LEAST_M), MOST_M)
    if _is_at_point(state):
        point = state.point
        others = (known for known in state.options[KNOWN_DISTANCE] if known[:2] != point)
        return {KNOWN_DISTANCE: (*others, (*(point or ()), distance_m)), WHITE: None, BLACK: None}
    return {} if state.ruler is None else focus_range.focused(state.ruler.scale.disparity(distance_m))
