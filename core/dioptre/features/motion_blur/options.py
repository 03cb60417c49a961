"""The options of the operation `motion_blur`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dioptre_link.catalogue.depth import DepthOptions
from dioptre_link.catalogue.limit import RangeOptions


@dataclass(frozen=True, kw_only=True)
class MotionBlurOptions(RangeOptions, DepthOptions):
    """The options of `motion_blur`.

    Attributes:
        motion: "pan": the camera turns with the subject. "travel": it moves sideways, aimed at the target.
        length: length of the longest streaks in per cent of the picture's longer side.
        angle: direction of the streaks in degrees: 0 horizontal, above 0 rising to the right.
        target: (x, y) of a place on what stays sharp; None for the subject.
    """

    operation = "motion_blur"

    motion: Literal["pan", "travel"] = "pan"
    length: float = 3.0
    angle: float = 0.0
    target: tuple[float, float] | None = None
