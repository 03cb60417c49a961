"""How far out of focus each pixel is.

Defocus is a signed circle-of-confusion radius in pixels: positive in front of the plane in focus, negative
behind it. It is linear in disparity (inverse depth), so that relative disparity works as well as metric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from dioptre_link.errors import UsageError

RADIUS_SHARE = 0.05
"""Blur radius at f/1 for a disparity difference of 1, as a share of the picture's diagonal.

An 85 mm lens on full frame (diagonal 43.27 mm): aperture radius 42.5 mm / N, sensor distance about 90 mm, and a
relative disparity of 1 taken as 1 / 1.75 m: 42.5 * 90 / 1750 / 43.27 = 0.05.
"""


@dataclass(frozen=True, kw_only=True)
class Focus:
    """The plane of focus, and how fast blur grows with distance from it.

    focal_disparity: in the disparity map's own unit.
    max_radius_px: radius of the blur disc for a disparity difference of 1 (for a thin lens: aperture radius in
        metres times sensor distance in pixels, with disparity in 1/m).
    range: how much disparity to either side of the focus stays sharp.
    foreground, background: factors on the radius in front of and behind the focus.
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


def circle_of_confusion_px(disparity: Float32[np.ndarray, "h w"], *, focus: Focus) -> Float32[np.ndarray, "h w"]:
    """Signed radius in pixels of the disc into which each pixel spreads."""
    difference = disparity - np.float32(focus.focal_disparity)
    outside = np.sign(difference) * np.maximum(np.abs(difference) - np.float32(focus.range), 0)
    strength = np.where(outside > 0, np.float32(focus.foreground), np.float32(focus.background))
    return outside * strength * np.float32(focus.max_radius_px)


def relative_max_radius_px(size: tuple[int, int], *, f_number: float) -> float:
    """`max_radius_px` for relative disparity: the blur of an 85 mm full-frame lens at this f-number."""
    return RADIUS_SHARE * math.hypot(*size) / f_number


def thin_lens(
    *, focal_length_mm: float, f_number: float, focus_distance_m: float, sensor_width_mm: float, width_px: int
) -> Focus:
    """The focus of a thin lens, for disparity in 1/m.

    A point at z spreads over a disc of radius (f / 2N) · v · |1/z - 1/z_focus| on the sensor, which stands at
    v = f · z_focus / (z_focus - f) behind the lens. Raises UsageError for a focus inside the focal length.
    """
    focal_length_m = focal_length_mm / 1000
    if focus_distance_m <= focal_length_m:
        raise UsageError("The focus distance must be larger than the focal length.")
    sensor_distance_m = focal_length_m * focus_distance_m / (focus_distance_m - focal_length_m)
    pixels_per_m = width_px / (sensor_width_mm / 1000)
    return Focus(
        focal_disparity=1 / focus_distance_m,
        max_radius_px=focal_length_m / (2 * f_number) * sensor_distance_m * pixels_per_m,
    )
