"""The options that limit an effect to a range of depth, shared by all effects of light and air."""

from __future__ import annotations

from dataclasses import dataclass

from ..operation import Options, fraction

FARTHEST, NEAREST, FEATHER = "range_farthest", "range_nearest", "range_feather"
"""Names of the options for the ends of the range, and for the transition at each of them."""


@dataclass(frozen=True, kw_only=True)
class RangeOptions(Options, group="Range of depth"):
    """The options of effects that can be limited to a range of depth; see `dioptre.recipes.limit`."""

    range_farthest: float = fraction(
        0.0,
        label="Farthest depth",
        help="Anything farther than this value of the depth map stays as it is; 0 is the farthest point.",
    )
    range_nearest: float = fraction(
        1.0,
        label="Nearest depth",
        help="Anything nearer than this value of the depth map stays as it is; 1 is the nearest point.",
    )
    range_feather: float = fraction(
        0.05,
        label="Feather of the range",
        help="Width of the transition at each end of the range, in values of the depth map.",
        slider=(0.0, 0.5),
    )
