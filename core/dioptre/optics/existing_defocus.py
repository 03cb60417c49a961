"""How blurred a picture is already, as a function of depth.

Every edge is blurred a little more by two known Gaussians; the ratio of its gradients tells how wide it was
(S. Zhuo, T. Sim, "Defocus map estimation from a single image", Pattern Recognition 2011). Soft shadows look like
blurred edges, so each depth is given the sharpness of its sharper edges.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from dioptre.imaging.resize import fitted_size, resize

_FINE_PX, _COARSE_PX = 1.0, 2.0  # deviations of the two Gaussians
_SHARP_PX = 0.9  # deviation that a sharp picture's edges have by pixels and demosaicing alone
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
    size = fitted_size(full, pixels=_WORKING_PIXELS)
    luma = np.ascontiguousarray(srgb_encoded[..., :3].mean(axis=-1, dtype=np.float32))
    small, depth = resize(luma, size, method="area"), resize(disparity, size, method="area")
    fine = ndimage.gaussian_gradient_magnitude(small, _FINE_PX)
    coarse = ndimage.gaussian_gradient_magnitude(small, _COARSE_PX)
    peak = (fine > _EDGE_CONTRAST) & (fine >= ndimage.maximum_filter(fine, 3) * 0.98)
    # Depth edges mix two blurs; they say nothing.
    peak &= ndimage.maximum_filter(depth, 7) - ndimage.minimum_filter(depth, 7) < 0.02 * np.ptp(depth) + 1e-6
    ratio = np.square(fine[peak] / np.maximum(coarse[peak], 1e-6))
    variance = (_COARSE_PX**2 - ratio * _FINE_PX**2) / np.maximum(ratio - 1, 1e-3)
    deviation = np.sqrt(np.clip(variance, 0, _LARGEST_PX**2))
    low, high = float(depth.min()), float(depth.max())
    if deviation.size < _LEAST_EDGES or high <= low:
        return np.zeros(full, np.float32)
    bins = np.minimum(((depth[peak] - low) / (high - low) * _BINS).astype(int), _BINS - 1)
    centres, widths = [], []
    for number in range(_BINS):
        found = deviation[bins == number]
        if found.size >= _LEAST_EDGES:
            centres.append(low + (number + 0.5) / _BINS * (high - low))
            widths.append(float(np.percentile(found, _SHARPER)))
    if not centres:
        return np.zeros(full, np.float32)
    smooth = ndimage.median_filter(np.array(widths), 3, mode="nearest")
    # A disc of radius r has a standard deviation of r / 2 along each axis.
    radius = 2 * np.sqrt(np.maximum(smooth**2 - _SHARP_PX**2, 0)) * full[0] / size[0]
    made: np.ndarray = np.interp(disparity, centres, radius).astype(np.float32)
    return made
