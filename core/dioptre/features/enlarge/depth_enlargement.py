"""Enlarge a depth layer along the edges of the enlarged picture, and estimate from it what is out of focus."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Disparity, Plane
from dioptre.imaging.joint_upsampling import double_along_edges
from dioptre.imaging.resize import fitted_size, resize
from dioptre.imaging.shapes import pad_to
from dioptre.imaging.tiles import plan_windows

_WINDOW_PX = 128
_OVERLAP_PX = 4  # overlap of neighbouring windows on each side, in pixels; it exceeds the filter's radius
_WORKING_PX = 1024
_BINS = 12
_LEAST_PIXELS = 400  # minimum number of pixels in a depth bin
_SOFT, _SHARP = 0.35, 0.75  # detail relative to the sharpest depth: blurred below the first, sharp above the second
_LEAST_CONTRAST = 0.004  # minimum contrast of medium-sized structure; flat areas do not reveal the focus


def enlarge_disparity(disparity: Disparity, enlarged: Float32[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W"]:
    """Enlarge a depth map to the size of the enlarged picture that it belongs to.

    Args:
        disparity: (h, w) in [0, 1].
        enlarged: (H, W, 3), the enlarged picture, sRGB-encoded.

    Returns:
        (H, W) disparity in [0, 1].
    """
    target = enlarged.shape[0], enlarged.shape[1]
    values = np.clip(disparity, 0, 1)
    while values.shape[0] < target[0] or values.shape[1] < target[1]:
        size = values.shape[0], values.shape[1]
        doubled = size[0] * 2, size[1] * 2
        values = _doubled(values, _at(enlarged, size), _at(enlarged, doubled))
    return np.clip(resize(values, target, method="area"), 0, 1)


def _at(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    smaller = size[0] <= picture.shape[0] and size[1] <= picture.shape[1]
    return np.clip(resize(picture, size, method="area" if smaller else "bilinear"), 0, 1)


def _doubled(values: np.ndarray, guide: np.ndarray, finer: np.ndarray) -> np.ndarray:
    rows, columns = (plan_windows(n, window_px=_WINDOW_PX, overlap_px=_OVERLAP_PX) for n in values.shape)
    result = np.empty((finer.shape[0], finer.shape[1]), np.float32)
    for row, column in product(rows, columns):
        part = (slice(row.start, row.start + row.length), slice(column.start, column.start + column.length))
        fine = tuple(slice(s.start * 2, s.stop * 2) for s in part)
        made = np.asarray(
            double_along_edges(
                pad_to(values[part], (_WINDOW_PX, _WINDOW_PX), mode="edge"),
                pad_to(guide[part], (_WINDOW_PX, _WINDOW_PX), mode="edge"),
                pad_to(finer[fine], (2 * _WINDOW_PX, 2 * _WINDOW_PX), mode="edge"),
            )
        )
        result[row.first * 2 : row.last * 2, column.first * 2 : column.last * 2] = made[
            (row.first - row.start) * 2 : (row.last - row.start) * 2,
            (column.first - column.start) * 2 : (column.last - column.start) * 2,
        ]
    return result


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
