"""Enlarge a depth layer so that its steps stay sharp and lie on the edges of the enlarged picture."""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Disparity
from dioptre.imaging.joint_upsampling import double_along_edges
from dioptre.imaging.resize import resize
from dioptre.imaging.shapes import pad_to
from dioptre.imaging.tiles import plan_windows

_WINDOW_PX = 128
_OVERLAP_PX = 4  # overlap of neighbouring windows on each side, in pixels; it exceeds the filter's radius


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
