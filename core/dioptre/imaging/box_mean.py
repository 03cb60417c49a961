"""Compute means over square windows, at a cost that does not depend on the window's size."""

from __future__ import annotations

from scipy import ndimage

from dioptre.contract import Plane


def box_mean(values: Plane, radius_px: int) -> Plane:
    """Return the mean over a square of half-width `radius_px` at each pixel; border pixels repeat outwards."""
    mean: Plane = ndimage.uniform_filter(values, 2 * radius_px + 1, mode="nearest")
    return mean
