"""Estimate the blur that a picture already has, as a function of depth or for given regions.

Each edge is blurred again by two known Gaussians; the ratio of the two gradients reveals the edge's original width
(S. Zhuo, T. Sim, "Defocus map estimation from a single image", Pattern Recognition 2011). Soft shadows look like
blurred edges, so the sharper edges determine the result for each depth and each region.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy import ndimage

from dioptre.imaging.resize import fitted_size, resize

_FINE_PX, _COARSE_PX = 1.0, 2.0  # standard deviations of the two Gaussians
_SHARP_PX = 0.9  # standard deviation of a sharp picture's edges, due to the pixel grid and demosaicing alone
_LARGEST_PX = 12.0
_EDGE_CONTRAST = 0.02  # minimum gradient of an edge after the finer Gaussian, in encoded values per pixel
_BINS = 24
_LEAST_EDGES = 60  # minimum number of edges in a depth bin or region for a reliable estimate
_SHARPER = 25.0  # percentile of the edge widths that represents a bin or region
_WORKING_PIXELS = 2_000_000


def existing_defocus_px(
    srgb_encoded: Float32[np.ndarray, "h w c"], disparity: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Estimate the radius in pixels of the disc by which each pixel is already blurred, 0 where it is sharp.

    A picture without enough edges counts as sharp. Known limitation: blur that does not follow depth is not
    detected.

    Args:
        srgb_encoded: the picture.
        disparity: its disparity map, in any unit.
    """
    full = disparity.shape[0], disparity.shape[1]
    peak, std, depth = _edges(srgb_encoded, disparity)
    low, high = float(depth.min()), float(depth.max())
    if std.size < _LEAST_EDGES or high <= low:
        return np.zeros(full, np.float32)
    bins = np.minimum(((depth[peak] - low) / (high - low) * _BINS).astype(int), _BINS - 1)
    centres, widths = [], []
    for number in range(_BINS):
        found = std[bins == number]
        if found.size >= _LEAST_EDGES:
            centres.append(low + (number + 0.5) / _BINS * (high - low))
            widths.append(float(np.percentile(found, _SHARPER)))
    if not centres:
        return np.zeros(full, np.float32)
    smooth = ndimage.median_filter(np.array(widths), 3, mode="nearest")
    radius = _radius_px(smooth) * full[0] / depth.shape[0]
    return np.interp(disparity, centres, radius).astype(np.float32)


def parts_defocus_px(
    srgb_encoded: Float32[np.ndarray, "h w c"],
    disparity: Float32[np.ndarray, "h w"],
    parts: Int[np.ndarray, "s t"],
    count: int,
) -> list[float | None]:
    """Estimate the radius in pixels of the disc by which each region of a picture is already blurred.

    Args:
        srgb_encoded: the picture.
        disparity: its disparity map, in any unit.
        parts: number of the region, from 1 to `count`, on a grid of any size over the picture; 0 for no region.
        count: number of regions.

    Returns:
        One radius per region, None for a region with too few edges.
    """
    peak, std, depth = _edges(srgb_encoded, disparity)
    rows, columns = np.nonzero(peak)
    grid = parts.shape[0] / depth.shape[0], parts.shape[1] / depth.shape[1]
    where = parts[((rows + 0.5) * grid[0]).astype(int), ((columns + 0.5) * grid[1]).astype(int)]
    found = [std[where == number] for number in range(1, count + 1)]
    scale = disparity.shape[0] / depth.shape[0]
    return [
        None if of.size < _LEAST_EDGES else float(_radius_px(np.percentile(of, _SHARPER)) * scale) for of in found
    ]


def _edges(
    srgb_encoded: Float32[np.ndarray, "h w c"], disparity: Float32[np.ndarray, "h w"]
) -> tuple[Bool[np.ndarray, "s t"], Float32[np.ndarray, " n"], Float32[np.ndarray, "s t"]]:
    """Find the edges of a reduced version of the picture and estimate their blur.

    Returns:
        A mask of the edge pixels, the standard deviation of the blur at each of them in pixels of the reduced
        picture, and the reduced disparity.
    """
    size = fitted_size((disparity.shape[0], disparity.shape[1]), pixels=_WORKING_PIXELS)
    luma = np.ascontiguousarray(srgb_encoded[..., :3].mean(axis=-1, dtype=np.float32))
    small, depth = resize(luma, size, method="area"), resize(disparity, size, method="area")
    fine = ndimage.gaussian_gradient_magnitude(small, _FINE_PX)
    coarse = ndimage.gaussian_gradient_magnitude(small, _COARSE_PX)
    peak = (fine > _EDGE_CONTRAST) & (fine >= ndimage.maximum_filter(fine, 3) * 0.98)
    # At depth edges, the blurs of two surfaces mix, and neither can be measured.
    peak &= ndimage.maximum_filter(depth, 7) - ndimage.minimum_filter(depth, 7) < 0.02 * np.ptp(depth) + 1e-6
    ratio = np.square(fine[peak] / np.maximum(coarse[peak], 1e-6))
    variance = (_COARSE_PX**2 - ratio * _FINE_PX**2) / np.maximum(ratio - 1, 1e-3)
    return peak, np.sqrt(np.clip(variance, 0, _LARGEST_PX**2)), depth


def _radius_px(std: np.ndarray | np.floating) -> np.ndarray | np.floating:
    """Convert the standard deviation of edges to the radius of a disc, deducting the width of sharp edges.

    A disc of radius r has a standard deviation of r / 2 along each axis.
    """
    return 2 * np.sqrt(np.maximum(np.square(std) - _SHARP_PX**2, 0))
