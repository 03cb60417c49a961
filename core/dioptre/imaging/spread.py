"""Spread known values over the rest of a picture: smooth, the nearest ones counting most, at any distance.

Pull-push: averages of what is known at ever smaller sizes, then each size fills the holes of the next larger one.
S. Gortler et al., "The Lumigraph", SIGGRAPH 1996.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from .resize import resize

_LEAST = 1e-6  # weight below which a mean says nothing
_BAND = 1 << 21  # values that are worked on at a time at the full size


def spread_known(
    values: Float32[np.ndarray, "h w *c"], known: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w *c"]:
    """`values` where `known` is above 0, filled in from there elsewhere.

    known: how much each pixel counts in what is filled in, in [0, 1]. With nothing known it is 0.
    """
    planes = values.reshape(*values.shape[:2], -1)
    if known.min() > 0:
        return values.copy()
    reduced = [
        (_halved(planes[rows] * known[rows][..., None]), _halved(known[rows][..., None]))
        for rows in _bands(planes.shape)
    ]
    smaller = _fill(*(np.concatenate(part) for part in zip(*reduced, strict=True)))
    del reduced
    result = resize(smaller, (planes.shape[0], planes.shape[1]), method="bilinear")
    for rows in _bands(planes.shape):
        np.copyto(result[rows], planes[rows], where=known[rows][..., None] > 0)
    return result.reshape(values.shape)


def _bands(shape: tuple[int, ...]) -> list[slice]:
    """Rows of a large picture, an even number at a time."""
    rows = max(2, _BAND // (shape[1] * shape[2]) // 2 * 2)
    return [slice(top, min(top + rows, shape[0])) for top in range(0, shape[0], rows)]


def _fill(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted means at this size, holes filled from smaller sizes."""
    height, width = weight.shape[:2]
    if weight.min() > 0 or height == width == 1:
        certain: np.ndarray = weighted / np.maximum(weight, _LEAST)
        return certain
    smaller = _fill(_halved(weighted), _halved(weight))
    result = resize(smaller, (height, width), method="bilinear")
    np.divide(weighted, np.maximum(weight, _LEAST), out=result, where=weight > 0)
    return result


def _halved(planes: np.ndarray) -> np.ndarray:
    """Means of blocks of 2 x 2, the last row and column repeated where a side is odd."""
    rows = planes[::2] + planes[_seconds(planes.shape[0])]
    halved: np.ndarray = rows[:, ::2] + rows[:, _seconds(planes.shape[1])]
    halved /= np.float32(4)
    return halved


def _seconds(length: int) -> np.ndarray:
    """Indices of the second of each pair; the first again where it has none."""
    return np.minimum(np.arange(1, length + 1, 2), length - 1)
