"""How blurred a picture is already, as a function of depth, or in parts of it.

Every edge is blurred a little more by two known Gaussians; the ratio of its gradients tells how wide it was
(S. Zhuo, T. Sim, "Defocus map estimation from a single image", Pattern Recognition 2011). Soft shadows look like
blurred edges, so each depth, and each part, is given the sharpness of its sharper edges.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy import ndimage

from dioptre.imaging.resize import fitted_size, resize

_FINE_PX, _COARSE_PX = 1.0, 2.0  # standard deviations of the two Gaussians
_SHARP_PX = 0.9  # standard deviation that a sharp picture's edges have by pixels and demosaicing alone
_LARGEST_PX = 12.0
_EDGE_CONTRAST = 0.02  # of the fine gradient, per pixel, encoded values
_BINS = 24
_LEAST_EDGES = 60  # in a depth bin, to believe it
_SHARPER = 25.0  # percentile taken of a bin's edge widths
_WORKING_PIXELS = 2_000_000


def existing_defocus_px(
    srgb_encoded: Float32[np.ndarray, "h w c"], disparity: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Radius in pixels of the disc that the picture is blurred by, per pixel; 0 where it is sharp.

    A picture without enough edges counts as sharp. Known limit: blur that does not follow depth is not seen.
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
    """Radius in pixels of the disc that each part of a picture is blurred by; None where it has too few edges.

    parts: the number of the part, from 1 to `count`, on any grid over the picture; 0 is none.
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
    """Where the edges of the reduced picture run; the standard deviation of each in its pixels; its disparity."""
    size = fitted_size((disparity.shape[0], disparity.shape[1]), pixels=_WORKING_PIXELS)
    luma = np.ascontiguousarray(srgb_encoded[..., :3].mean(axis=-1, dtype=np.float32))
    small, depth = resize(luma, size, method="area"), resize(disparity, size, method="area")
    fine = ndimage.gaussian_gradient_magnitude(small, _FINE_PX)
    coarse = ndimage.gaussian_gradient_magnitude(small, _COARSE_PX)
    peak = (fine > _EDGE_CONTRAST) & (fine >= ndimage.maximum_filter(fine, 3) * 0.98)
    # Depth edges mix two blurs; they say nothing.
    peak &= ndimage.maximum_filter(depth, 7) - ndimage.minimum_filter(depth, 7) < 0.02 * np.ptp(depth) + 1e-6
    ratio = np.square(fine[peak] / np.maximum(coarse[peak], 1e-6))
    variance = (_COARSE_PX**2 - ratio * _FINE_PX**2) / np.maximum(ratio - 1, 1e-3)
    return peak, np.sqrt(np.clip(variance, 0, _LARGEST_PX**2)), depth


def _radius_px(std: np.ndarray | np.floating) -> np.ndarray | np.floating:
    """A disc of radius r has a standard deviation of r / 2 along each axis."""
    return 2 * np.sqrt(np.maximum(np.square(std) - _SHARP_PX**2, 0))
