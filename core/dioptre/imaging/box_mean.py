"""Compute means over square windows, at a cost that does not depend on the window's size."""

from __future__ import annotations

import numpy as np

from dioptre.contract import Plane


def box_mean(values: Plane, radius_px: int) -> Plane:
    """Return the mean over a square of half-width `radius_px` at each pixel; border pixels repeat outwards."""
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (radius_px + 1, radius_px)
        sums = np.pad(values, padding, mode="edge").cumsum(axis, dtype=np.float64)
        length = values.shape[axis]
        upper = np.take(sums, np.arange(2 * radius_px + 1, 2 * radius_px + 1 + length), axis)
        values = ((upper - np.take(sums, np.arange(length), axis)) / (2 * radius_px + 1)).astype(np.float32)
    return values
