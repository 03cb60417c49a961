"""The options of the operations `depth` and `repair_depth`, and of all operations that need depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dioptre.contract import Options
from dioptre_link.catalogue.depth import BEST


@dataclass(frozen=True, kw_only=True)
class DepthOptions(Options):
    """Where the depth of a picture comes from.

    Attributes:
        depth_source: "auto" prefers the camera's depth, "embedded" requires it, "estimate" ignores it.
        depth_model: a depth network's id, "best" for the best that is installed, "default" for the bundled network.
        equivalent_mm: 35 mm equivalent focal length of the picture; None for that of its file or of the network.
        refine: align the map with the edges of the picture.
    """

    depth_source: Literal["auto", "embedded", "estimate"] = "auto"
    depth_model: str = BEST
    equivalent_mm: float | None = None
    refine: bool = True


@dataclass(frozen=True, kw_only=True)
class RangedOptions(DepthOptions):
    """The options of effects by depth that can be limited to a range of it (see `dioptre.recipes.limit`).

    Attributes:
        range_farthest: disparity below which nothing changes.
        range_nearest: disparity above which nothing changes.
        range_feather: width of the transition at each end, in disparities.
    """

    range_farthest: float = 0.0
    range_nearest: float = 1.0
    range_feather: float = 0.05


@dataclass(frozen=True, kw_only=True)
class DepthMapOptions(DepthOptions):
    """The options of `depth`."""

    operation = "depth"

    confidence: bool = False


@dataclass(frozen=True, kw_only=True)
class RepairOptions(Options):
    """The options of `repair_depth`."""

    operation = "repair_depth"

    mode: Literal["estimate", "smooth", "fill", "match", "shift"] = "estimate"
    at: tuple[float, float] | None = None
    value: float | None = None
    amount: float = 0.1
    feather: float | None = None
    depth_model: str = BEST
