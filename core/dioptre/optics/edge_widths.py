"""Measure the widths of a picture's edges.

The picture is blurred with two known Gaussians; the ratio of the two gradients at an edge gives the edge's width
(S. Zhuo, T. Sim, "Defocus map estimation from a single image", Pattern Recognition 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import Disparity, Plane

_FINE_PX, _COARSE_PX = 1.0, 2.0  # standard deviations of the two Gaussians
_LARGEST_PX = 12.0  # standard deviation to which wider edges are clipped
_CONTRAST = 0.02  # minimum gradient of an edge after the finer Gaussian, in encoded values per pixel
SHARP_PX = 0.9
"""Standard deviation of the edges of a sharp picture, which are blurred only by the pixels and demosaicing."""


@dataclass(frozen=True, kw_only=True)
class EdgeWidths:
    """The edges of a picture at one size.

    Attributes:
        where: (H, W), mask of the edge pixels.
        std_px: (N,), standard deviation of the blur at each edge pixel, in pixels, in row-major order of `where`.
    """

    where: Bool[np.ndarray, "h w"]
    std_px: Float32[np.ndarray, " n"]


def edge_widths(luma: Plane) -> EdgeWidths:
    """Find the edges of a plane of encoded values in [0, 1] and measure their widths."""
    fine = ndimage.gaussian_gradient_magnitude(luma, _FINE_PX)
    coarse = ndimage.gaussian_gradient_magnitude(luma, _COARSE_PX)
    peak = (fine > _CONTRAST) & (fine >= ndimage.maximum_filter(fine, 3) * 0.98)
    ratio = np.square(fine[peak] / np.maximum(coarse[peak], 1e-6))
    variance = (_COARSE_PX**2 - ratio * _FINE_PX**2) / np.maximum(ratio - 1, 1e-3)
    return EdgeWidths(where=peak, std_px=np.sqrt(np.clip(variance, 0, _LARGEST_PX**2)))


def away_from_steps(disparity: Disparity, *, tolerance: float = 0.02) -> Bool[np.ndarray, "h w"]:
    """Return a mask of the pixels away from depth steps, because an edge between two depths mixes their blurs.

    Args:
        disparity: disparity map in any unit.
        tolerance: largest difference in disparity within a square of 7 pixels that is not a step, as a fraction of
            the map's whole range.
    """
    range_around = ndimage.maximum_filter(disparity, 7) - ndimage.minimum_filter(disparity, 7)
    return np.asarray(range_around < tolerance * np.ptp(disparity) + 1e-6)


def radius_px(std_px: np.ndarray | np.floating) -> np.ndarray | np.floating:
    """Return the radius of the disc that blurred edges of this width.

    A disc of radius r has a standard deviation of r / 2.
    """
    return 2 * np.sqrt(np.maximum(np.square(std_px) - SHARP_PX**2, 0))
