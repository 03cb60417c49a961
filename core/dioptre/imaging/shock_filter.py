"""A shock filter: it turns ramps at the steps of a depth map into steps, and leaves slopes.

S. Osher and L. Rudin, "Feature-Oriented Image Enhancement Using Shock Filters", SIAM J. Numer. Anal. 1990. Along
the gradient, a pixel of positive curvature takes its value from farther down and one of negative curvature from
farther up, so that values travel to the middle of a ramp from both sides. Values only move, so there are no halos,
and outlines stay smooth, as the curvature is that of a smoothed map. An even slope, such as a floor, has no
curvature; beside that, only places whose range hardly grows with the window change.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter, minimum_filter

_PASSES = 12  # of up to a pixel: half of the widest ramp
_SIGMA_PX = 1.75
_CURVATURE = 0.001  # second derivative, per pixel squared, from which values travel at full speed
_REACH_PX = 10
_SLOPE = 0.55  # range in a window by that in one of twice the size: 1/2 on a slope, 1 at a step
_LEAST, _SURE = 0.01, 0.04  # what is left of a step's range without the slope's, from and to full effect


def shock_filtered(disparity: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """`disparity` (about [0, 1], its steps some pixels wide) with steps about one pixel wide."""
    values = disparity.astype(np.float32)
    speed = _stepness(values)
    rows, columns = np.nonzero(speed > 0.02)
    if not rows.size:
        return values
    speed = speed[rows, columns]
    height, width = values.shape
    above, below = np.maximum(rows - 1, 0), np.minimum(rows + 1, height - 1)
    before, after = np.maximum(columns - 1, 0), np.minimum(columns + 1, width - 1)
    for _ in range(_PASSES):
        s = gaussian_filter(values, _SIGMA_PX, truncate=3.0)
        here = 2 * s[rows, columns]
        up, down, left, right = s[above, columns], s[below, columns], s[rows, before], s[rows, after]
        along_y, along_x = (down - up) / 2, (right - left) / 2
        steepness = np.hypot(along_y, along_x) + np.float32(1e-6)
        along_y, along_x = along_y / steepness, along_x / steepness
        mixed = (s[below, after] - s[below, before] - s[above, after] + s[above, before]) / 4
        curvature = (
            along_x**2 * (right + left - here) + along_y**2 * (down + up - here) + 2 * along_x * along_y * mixed
        )
        step = speed * np.tanh(curvature / _CURVATURE)
        places = [rows - along_y * step, columns - along_x * step]
        values[rows, columns] = map_coordinates(values, places, order=1, mode="nearest")
    return values


def _stepness(values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """1 near steps, 0 on flat ground and slopes."""
    narrow, wide = (
        maximum_filter(values, 2 * reach + 1) - minimum_filter(values, 2 * reach + 1)
        for reach in (_REACH_PX, 2 * _REACH_PX)
    )
    return gaussian_filter(np.clip((narrow - _SLOPE * wide - _LEAST) / (_SURE - _LEAST), 0, 1), 2.0)
