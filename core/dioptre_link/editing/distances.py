"""Known distances: click a place, enter how far away it is, and the depth map has a scale in metres."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..catalogue.focus import FOCUS_RESETS
from ..catalogue.lens import BLACK, KNOWN_DISTANCE, WHITE
from ..language import Message
from ..operation import Kind, Parameter
from ..parsers import DISTANCE_LIMITS_M
from .state import State

LABEL = Message("Distance of the focus point")
HELP = Message(
    "Click a place whose distance you know, and enter the distance here. Then click a second place, much nearer or "
    "farther away, and enter its distance. Click a mark to change its distance; Alt+click removes it."
)
LEAST_M, MOST_M = DISTANCE_LIMITS_M


def can_enter(state: State) -> bool:
    """Return whether the focus is at a clicked point, whose distance the user can enter."""
    fixed = any(state.options.get(name) is not None for name in FOCUS_RESETS)
    return state.point is not None and not fixed


def shown_m(state: State) -> float | None:
    """Return the distance to show for the focus in metres; None if it is unknown or infinite.

    It is the distance that the user entered for this point, or else that of the focus on the current scale. The two
    may differ slightly, because the focus on a subject is the depth of the whole subject.
    """
    if can_enter(state):
        for known in state.options[KNOWN_DISTANCE]:
            if known[:2] == state.point:
                return float(known[2])
    ruler = state.ruler
    return ruler.focus_m if ruler is not None and math.isfinite(ruler.focus_m) else None


def entered(state: State, distance_m: float) -> Mapping[str, Any]:
    """Return the options that change when the user enters the distance of the focus point.

    The distances of white and black become automatic, because they would compete with the entered distance.
    """
    point = state.point
    if point is None:
        return {}
    others = (known for known in state.options[KNOWN_DISTANCE] if known[:2] != point)
    distance_m = min(max(distance_m, LEAST_M), MOST_M)
    return {KNOWN_DISTANCE: (*others, (*point, distance_m)), WHITE: None, BLACK: None}


def is_entry(parameter: Parameter) -> bool:
    """Return whether the entry for the distance of the focus point belongs above this option's row."""
    return parameter.kind is Kind.DISTANCES
