"""The options of the operation `haze`."""

from __future__ import annotations

from dataclasses import dataclass

from dioptre_link.catalogue.depth import DepthOptions
from dioptre_link.catalogue.limit import RangeOptions


@dataclass(frozen=True, kw_only=True)
class HazeOptions(RangeOptions, DepthOptions):
    """The options of `haze`.

    Attributes:
        density: from -1, remove nearly all haze, to 1, the farthest parts disappear.
        air: (x, y) of a place that has the colour of the haze; None for the farthest bright area.
        mist: fraction of the added haze that lies near the ground.
    """

    operation = "haze"

    density: float = 0.5
    air: tuple[float, float] | None = None
    mist: float = 0.0
