"""The options of the operation `spatial`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dioptre_link.catalogue.depth import DepthOptions


@dataclass(frozen=True, kw_only=True)
class SpatialOptions(DepthOptions):
    """The options of `spatial`.

    Attributes:
        layout: how the views are arranged.
        budget: how far the nearest and the farthest points move against each other between the outermost views, in
            per cent of the width.
        screen: (x, y) of a point that appears in the plane of the screen; None for the subject.
    """

    operation = "spatial"

    layout: Literal["parallel", "crossed", "anaglyph", "rgbd", "quilt", "mpo"] = "parallel"
    budget: float = 3.0
    screen: tuple[float, float] | None = None
