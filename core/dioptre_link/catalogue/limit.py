"""The options that limit an effect to a range of depth, shared by all effects of light and air."""

from __future__ import annotations

from ..operation import fraction, grouped

FARTHEST, NEAREST, FEATHER = "range_farthest", "range_nearest", "range_feather"

RANGE_PARAMETERS = grouped(
    "Range of depth",
    fraction(
        name=FARTHEST,
        label="Farthest depth",
        help="Anything farther than this value of the depth map stays as it is; 0 is the farthest point.",
        default=0.0,
    ),
    fraction(
        name=NEAREST,
        label="Nearest depth",
        help="Anything nearer than this value of the depth map stays as it is; 1 is the nearest point.",
        default=1.0,
    ),
    fraction(
        name=FEATHER,
        label="Feather of the range",
        help="Width of the transition at each end of the range, in values of the depth map.",
        default=0.05,
        slider=(0.0, 0.5),
    ),
)
