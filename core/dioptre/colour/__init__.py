"""White points, correlated colour temperature, and chromatic adaptation."""

from .adaptation import D65_XY as D65_XY
from .adaptation import adapt as adapt
from .adaptation import adaptation_matrix as adaptation_matrix
from .adaptation import linear_rgb_to_xy as linear_rgb_to_xy
from .adaptation import xy_to_linear_rgb as xy_to_linear_rgb
from .white_point import TINT_PER_DUV as TINT_PER_DUV
from .white_point import WhitePoint as WhitePoint
from .white_point import between as between

__all__ = [
    "D65_XY",
    "TINT_PER_DUV",
    "WhitePoint",
    "adapt",
    "adaptation_matrix",
    "between",
    "linear_rgb_to_xy",
    "xy_to_linear_rgb",
]
