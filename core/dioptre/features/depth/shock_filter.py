"""A shock filter that sharpens the steps of a depth map and leaves its slopes unchanged.

S. Osher and L. Rudin, "Feature-Oriented Image Enhancement Using Shock Filters", SIAM J. Numer. Anal. 1990. Along
the gradient, a pixel with positive curvature takes a value from farther down, and a pixel with negative curvature
takes one from farther up, so values move to the middle of a ramp from both sides. Because values only move, there
are no halos. Outlines stay smooth, because the curvature is measured on a smoothed map. An even slope, such as a
floor, has no curvature; in addition, pixels change only where the range of values hardly grows with the window.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter, minimum_filter

from dioptre.contract import Disparity, Plane

_PASSES = 12  # each pass moves values by up to one pixel, so ramps up to 24 pixels wide become steps
_SIGMA_PX = 1.75
_CURVATURE = 0.001  # second derivative, per pixel squared, from which values move at nearly full speed
_REACH_PX = 10
_SLOPE = 0.55  # range of values in a window, divided by that in one of twice the size: 1/2 on a slope, 1 at a step
_LEAST, _SURE = 0.01, 0.04  # excess of the range over a slope's: no effect below the first, full above the second


def shock_filtered(disparity: Disparity) -> Plane:
    """Narrow the steps of `disparity` (about [0, 1]) from a few pixels to about one pixel."""
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


def _stepness(values: Plane) -> Plane:
    """Return 1 near steps, and 0 on flat areas and slopes."""
    narrow, wide = (
        maximum_filter(values, 2 * reach + 1) - minimum_filter(values, 2 * reach + 1)
        for reach in (_REACH_PX, 2 * _REACH_PX)
    )
    return gaussian_filter(np.clip((narrow - _SLOPE * wide - _LEAST) / (_SURE - _LEAST), 0, 1), 2.0)
