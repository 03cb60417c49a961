"""Spread known values over the rest of a picture: smooth, the nearest ones counting most, at any distance.

Pull-push: averages of what is known at ever smaller sizes, then each size fills the holes of the next larger one.
S. Gortler et al., "The Lumigraph", SIGGRAPH 1996.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32

from .layers import Rows
from .resize import resized_rows

_LEAST = 1e-6  # weight below which a mean says nothing
_BAND = 1 << 21  # values that are worked on at a time at the full size


def pull_push(
    values: Float32[np.ndarray, "h w *c"], known: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w *c"]:
    """`values` where `known` is above 0, filled in from there elsewhere.

    known: how much each pixel counts in what is filled in, in [0, 1]. With nothing known it is 0.
    """
    read = pull_push_rows(values, known)
    result = np.empty(values.shape, np.float32)
    for rows in _bands((*values.shape[:2], values[0, 0].size)):
        result[rows] = read(rows)
    return result


def pull_push_rows(
    values: Float32[np.ndarray, "h w *c"], known: Float32[np.ndarray, "h w"] | Bool[np.ndarray, "h w"]
) -> Rows:
    """What gives some rows of `pull_push`; it holds a quarter of the values, and what is given here."""
    planes = values.reshape(*values.shape[:2], -1)
    if known.min() > 0:
        return lambda rows: values[rows].copy()

    def weight(rows: slice) -> np.ndarray:
        return known[rows][..., None].astype(np.float32, copy=False)

    size = planes.shape[0], planes.shape[1]
    sums, weights = _halved(planes.shape, lambda rows: planes[rows] * weight(rows)), _halved((*size, 1), weight)
    smaller = _fill(sums, weights)
    del sums, weights

    def read(rows: slice) -> np.ndarray:
        made = resized_rows(smaller, size, rows, method="bilinear")
        np.copyto(made, planes[rows], where=known[rows][..., None] > 0)
        return made.reshape(-1, *values.shape[1:])

    return read


def _bands(shape: tuple[int, ...]) -> list[slice]:
    """Rows of a large picture, an even number at a time."""
    rows = max(2, _BAND // (shape[1] * shape[2]) // 2 * 2)
    return [slice(top, min(top + rows, shape[0])) for top in range(0, shape[0], rows)]


def _fill(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted means at this size, made in place, holes filled from smaller sizes."""
    size = weight.shape[0], weight.shape[1]
    if weight.min() > 0 or size == (1, 1):
        weighted /= np.maximum(weight, _LEAST)
        return weighted
    smaller = _fill(*(_halved(each.shape, each.__getitem__) for each in (weighted, weight)))
    for rows in _bands(weighted.shape):
        made = resized_rows(smaller, size, rows, method="bilinear")
        np.divide(weighted[rows], np.maximum(weight[rows], _LEAST), out=made, where=weight[rows] > 0)
        weighted[rows] = made
    return weighted


def _halved(shape: tuple[int, ...], read: Rows) -> np.ndarray:
    """Means of blocks of 2 x 2 of what `read` gives, the last row and column repeated where a side is odd."""
    height, width, depth = shape
    made = np.empty((-(-height // 2), -(-width // 2), depth), np.float32)
    for band in _bands(shape):
        planes = read(band)
        rows = planes[::2] + planes[_seconds(planes.shape[0])]
        halved = rows[:, ::2] + rows[:, _seconds(width)]
        made[band.start // 2 : -(-band.stop // 2)] = halved / np.float32(4)
    return made


def _seconds(length: int) -> np.ndarray:
    """Indices of the second of each pair; the first again where it has none."""
    return np.minimum(np.arange(1, length + 1, 2), length - 1)
