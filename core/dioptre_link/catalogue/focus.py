"""Options, shared by all blurs, that determine what stays sharp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..operation import Kind, Parameter, fraction, grouped
from .lens import FOCUS_M

FOCUS, FOCAL_DISPARITY, FOCUS_RANGE = "focus", "focal_disparity", "focus_range"
"""Names of the options of what stays sharp: a point, its disparity, and the range around it."""

USUAL_FOCUS_RANGE = 0.04
"""Disparity on either side of the focus that stays sharp if no range is chosen."""

FOCUS_RESETS: Mapping[str, Any] = {FOCAL_DISPARITY: None, FOCUS_M: None}
"""Options that become automatic again when the user clicks on a focus point."""

FOCUS_PARAMETERS = grouped(
    "Focus",
    Parameter(
        name=FOCUS,
        kind=Kind.POINT,
        label="Focus point",
        help="The point to focus on. Auto: the subject.",
        simple=True,
    ),
    fraction(
        name=FOCAL_DISPARITY,
        label="Focus depth",
        help=(
            "The depth to focus on, as a value of the depth map: 1 nearest, 0 farthest. "
            "Auto: the depth of the focus point."
        ),
    ),
    fraction(
        name=FOCUS_RANGE,
        label="Focus range",
        help=(
            "Range of depth in front of and behind the focus that stays sharp, in values of "
            "the depth map. Auto: a narrow range."
        ),
        slider=(0.0, 0.3),
        simple=True,
    ),
)

STROKES = Parameter(
    name="strokes",
    kind=Kind.STROKES,
    label="Focus brush",
    help="Brush strokes over areas to keep sharp or to blur by depth. Paint them in the editor's preview.",
    default=(),
    group="Focus",
    bytes_per_pixel=8,  # two float32 planes: the mask of strokes, and a plane adjusted under it
)
