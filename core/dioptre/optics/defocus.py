"""Compute the defocus of each pixel from its disparity.

Defocus is a signed circle-of-confusion radius in pixels: positive in front of the plane in focus, negative
behind it. It is linear in disparity (inverse depth), so relative disparity works as well as metric disparity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dioptre.contract import Disparity, Plane
from dioptre_link.errors import UsageError
from dioptre_link.lenses import RADIUS_SHARE


@dataclass(frozen=True, kw_only=True)
class Focus:
    """The plane of focus, and the rate at which blur grows with distance from it.

    Attributes:
        focal_disparity: disparity of the plane in focus, in the disparity map's unit.
        max_radius_px: radius of the blur disc for a disparity difference of 1 (for a thin lens: aperture radius in
            metres times sensor distance in pixels, with disparity in 1/m).
        range: disparity difference on either side of the focus within which everything stays sharp.
        foreground: factor by which the radius is multiplied in front of the focus.
        background: factor by which the radius is multiplied behind the focus.
    """

    focal_disparity: float
    max_radius_px: float
    range: float = 0.0
    foreground: float = 1.0
    background: float = 1.0

    def __post_init__(self) -> None:
        for name in ("max_radius_px", "range", "foreground", "background"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError("{name} is {value}; it must be a number of at least 0.", name=name, value=value)
        if not math.isfinite(self.focal_disparity):
            raise UsageError(
                "focal_disparity is {focal_disparity}; it must be a number.", focal_disparity=self.focal_disparity
            )


def circle_of_confusion_px(disparity: Disparity, *, focus: Focus) -> Plane:
    """Return the signed radius in pixels of each pixel's blur disc."""
    difference = disparity - np.float32(focus.focal_disparity)
    outside = np.sign(difference) * np.maximum(np.abs(difference) - np.float32(focus.range), 0)
    strength = np.where(outside > 0, np.float32(focus.foreground), np.float32(focus.background))
    return outside * strength * np.float32(focus.max_radius_px)


def relative_max_radius_px(size: tuple[int, int], *, f_number: float) -> float:
    """Return `Focus.max_radius_px` for relative disparity, equivalent to an 85 mm full-frame lens.

    Args:
        size: height and width of the picture in pixels.
        f_number: f-number of the lens.
    """
    return RADIUS_SHARE * math.hypot(*size) / f_number
