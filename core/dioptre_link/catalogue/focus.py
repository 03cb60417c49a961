"""Options, shared by all blurs, that determine what stays sharp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..operation import Options, Point, fraction, option
from ..strokes import Strokes
from .lens import FOCUS_M

FOCUS, FOCAL_DISPARITY, FOCUS_RANGE = "focus", "focal_disparity", "focus_range"
"""Names of the options of what stays sharp: a point, its disparity, and the range around it."""

USUAL_FOCUS_RANGE = 0.04
"""Disparity on either side of the focus that stays sharp if no range is chosen."""

FOCUS_RESETS: Mapping[str, Any] = {FOCAL_DISPARITY: None, FOCUS_M: None}
"""Options that become automatic again when the user clicks on a focus point."""


@dataclass(frozen=True, kw_only=True)
class FocusOptions(Options, group="Focus"):
    """What a blur focuses on."""

    focus: Point | None = option(
        None, label="Focus point", help="The point to focus on. Auto: the subject.", simple=True
    )
    focal_disparity: float | None = fraction(
        None,
        label="Focus depth",
        help="The depth to focus on, as a value of the depth map: 1 nearest, 0 farthest. Auto: the depth of the "
        "focus point.",
    )
    focus_range: float | None = fraction(
        None,
        label="Focus range",
        help="Range of depth in front of and behind the focus that stays sharp, in values of the depth map. Auto: "
        "a narrow range.",
        slider=(0.0, 0.3),
        simple=True,
    )


@dataclass(frozen=True, kw_only=True)
class BrushOptions(Options, group="Focus"):
    """What stays sharp, or is blurred, where the user painted."""

    strokes: Strokes = option(
        (),
        label="Focus brush",
        help="Brush strokes over areas to keep sharp or to blur by depth. Paint them in the editor's preview.",
        bytes_per_pixel=8,  # two float32 planes: the mask of strokes, and a plane adjusted under it
    )
