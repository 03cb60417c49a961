"""Let a depth map step exactly where a subject's matte does."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from .resize import fitted_size, resize
from .spread import spread_known

_WORKING_PX = 640  # longest side on which both sides are filled in: they are smooth
_BAND = 0.03  # half-width of the band round the outline that is replaced, in short sides
_NO_STEP, _STEP = 0.04, 0.1  # disparity steps between which snapping sets in


def snap_to_matte(
    disparity: Float32[np.ndarray, "h w"], matte: Float32[np.ndarray, "h w"], *, band: float = _BAND
) -> Float32[np.ndarray, "h w"]:
    """`disparity` with its step at the outline of `matte`.

    In a band round the outline each side is filled in from its own depth beyond the band. Where the two sides lie
    at one depth (feet on the ground) nothing is changed. Thin parts that lie wholly in the band, such as hair, get
    the depth of what they belong to. Give it a matte of a sure subject only: a wrong outline becomes a false step.

    disparity: [0, 1], 1 = nearest. matte: the subject's coverage, [0, 1]. band: half-width, in short sides.
    """
    full = disparity.shape
    size = fitted_size((full[0], full[1]), longest_px=_WORKING_PX)
    small = resize(disparity, size, method="area")
    mask = (resize(matte, size, method="area") > 0.5).astype(np.float32)
    radius = max(1, round(band * min(size)))
    inside = _box_mean(mask, radius)
    depth_inside = spread_known(small, (inside > 0.999).astype(np.float32))
    depth_outside = spread_known(small, (inside < 0.001).astype(np.float32))
    if not (inside > 0.999).any() or not (inside < 0.001).any():
        return disparity.copy()  # no side has depth of its own
    step = np.clip((np.abs(depth_inside - depth_outside) - _NO_STEP) / (_STEP - _NO_STEP), 0, 1)
    near_outline = np.clip((1 - np.abs(2 * inside - 1)) * 5, 0, 1)  # 1 but in the band's outer tenths
    weight, depth_inside, depth_outside = (
        resize(plane.astype(np.float32), (full[0], full[1]), method="bilinear")
        for plane in (step * near_outline, depth_inside, depth_outside)
    )
    snapped: np.ndarray = disparity + weight * (np.where(matte > 0.5, depth_inside, depth_outside) - disparity)
    return snapped


def _box_mean(values: Float32[np.ndarray, "h w"], radius: int) -> Float32[np.ndarray, "h w"]:
    """Mean over a square of half-width `radius`, the border repeated outwards."""
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (radius + 1, radius)
        sums = np.pad(values, padding, mode="edge").astype(np.float64).cumsum(axis)
        length = values.shape[axis]
        upper = np.take(sums, np.arange(2 * radius + 1, 2 * radius + 1 + length), axis)
        values = ((upper - np.take(sums, np.arange(length), axis)) / (2 * radius + 1)).astype(np.float32)
    return values
