"""Estimate where a picture is out of focus, from its fine detail at each depth."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Disparity, Plane
from dioptre.imaging.resize import fitted_size, resize

_WORKING_PX = 1024
_BINS = 12
_LEAST_PIXELS = 400  # minimum number of pixels in a depth bin
_SOFT, _SHARP = 0.35, 0.75  # detail relative to the sharpest depth: blurred below the first, sharp above the second
_LEAST_CONTRAST = 0.004  # minimum contrast of medium-sized structure; flat areas do not reveal the focus


def defocus_from_depth(picture: Float32[np.ndarray, "h w 3"], disparity: Disparity) -> Plane:
    """Estimate the defocus at each pixel from 0 (in focus) to 1 (clearly out of focus).

    The method compares, across depths, the ratio of the finest detail to detail twice as coarse. A lens blurs
    everything at one distance equally, so flat areas take the defocus of other areas at the same distance. A
    picture that is equally sharp at every depth has no defocus anywhere.

    Args:
        picture: encoded, in [0, 1].
        disparity: depth in [0, 1].
    """
    size = fitted_size((picture.shape[0], picture.shape[1]), longest_px=_WORKING_PX)
    luma = resize(picture, size, method="area").mean(axis=2)
    near = np.clip(resize(disparity, size, method="area"), 0, 1)
    smooth, smoother = _smoothed(luma, 2), _smoothed(luma, 4)
    fine, coarse = np.abs(luma - smooth), np.abs(smooth - smoother)
    edges = np.unique(np.quantile(near, np.linspace(0, 1, _BINS + 1)))
    centres, ratios = [], []
    for low, high in pairwise(edges):
        chosen = (near >= low) & (near <= high) & (coarse > _LEAST_CONTRAST)
        if chosen.sum() >= _LEAST_PIXELS:
            centres.append((low + high) / 2)
            ratios.append(float(np.percentile(fine[chosen], 90) / np.percentile(coarse[chosen], 90)))
    if len(ratios) < 2:
        return np.zeros(disparity.shape, np.float32)
    share = np.interp(disparity, centres, np.array(ratios) / max(ratios))
    return np.clip((_SHARP - share) / (_SHARP - _SOFT), 0, 1).astype(np.float32)


def _smoothed(plane: np.ndarray, factor: int) -> np.ndarray:
    """Smooth a plane by reducing it by `factor` and enlarging it again."""
    size = plane.shape[0], plane.shape[1]
    return resize(resize(plane, fitted_size(size, longest_px=max(size) // factor), method="area"), size)
