"""Pull-push: fill the unknown pixels of a picture smoothly from the known ones, at any distance.

Known values are averaged at smaller and smaller sizes; then each size fills the holes of the next larger one, so
the nearest values weigh most. S. Gortler et al., "The Lumigraph", SIGGRAPH 1996.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from jaxtyping import Bool, Float32

from dioptre.contract import Plane

from .resize import cells_beside, resized_rows

_LEAST = 1e-6  # smallest divisor, to avoid dividing by 0
_BAND = 1 << 18  # number of values that are processed at a time, which fit into the cache


def pull_push(values: Float32[np.ndarray, "h w *c"], known: Plane) -> Float32[np.ndarray, "h w *c"]:
    """Return `values` with the pixels where `known` is 0 filled in from the others; all 0 if none is known.

    Args:
        values: the picture to fill.
        known: weight of each pixel in the filled values, in [0, 1].
    """
    read = pull_push_rows(values, known)
    result = np.empty(values.shape, np.float32)
    for rows in _bands((*values.shape[:2], values[0, 0].size)):
        result[rows] = read(rows)
    return result


@dataclass(frozen=True)
class Filled:
    """A picture whose holes are filled in where it is read; a function of a slice of rows.

    Attributes:
        values: (h, w, *c), the picture.
        known: (h, w), above 0 where its values stay.
        smaller: (i, j, p), the filled picture at half the size, with all channels on one axis; None without holes.
    """

    values: np.ndarray
    known: np.ndarray
    smaller: np.ndarray | None

    def __call__(self, rows: slice) -> np.ndarray:
        """Return some rows."""
        if self.smaller is None:
            return self.values[rows].copy()
        size = self.values.shape[0], self.values.shape[1]
        made, seen = resized_rows(self.smaller, size, rows), self.known[rows] > 0
        for channel, plane in enumerate(np.moveaxis(self.values[rows].reshape(made.shape), 2, 0)):
            np.copyto(made[..., channel], plane, where=seen)
        return made.reshape(-1, *self.values.shape[1:])

    def at(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return single pixels, from which those of whole rows differ in the last bits."""
        seen: np.ndarray = self.values[row, column]
        if self.smaller is None:
            return seen
        down, across = (
            cells_beside(place, length, reduced)
            for place, length, reduced in zip((row, column), self.values.shape, self.smaller.shape, strict=False)
        )
        made = np.zeros((len(row), self.smaller.shape[2]), np.float32)
        for above, left in product(down, across):
            made += (above.weight * left.weight)[:, None] * self.smaller[above.cell, left.cell]
        return np.where((self.known[row, column] > 0)[:, None], seen.reshape(made.shape), made).reshape(seen.shape)


def pull_push_rows(values: Float32[np.ndarray, "h w *c"], known: Plane | Bool[np.ndarray, "h w"]) -> Filled:
    """Return a function that computes rows, or single pixels, of `pull_push`.

    The function keeps references to both arrays, and a copy of the values at half the size.

    Args:
        values: as in `pull_push`.
        known: as in `pull_push`.
    """
    planes = values.reshape(*values.shape[:2], -1)
    if known.min() > 0:
        return Filled(values, known, None)
    size = planes.shape[0], planes.shape[1]
    weights = _halved((*size, 1), lambda rows, _: known[rows].astype(np.float32, copy=False))
    sums = _halved(planes.shape, lambda rows, channel: _rows(planes, rows, channel) * known[rows])
    return Filled(values, known, _fill(sums, weights))


def _bands(shape: tuple[int, ...]) -> list[slice]:
    """Split the rows of a large picture into slices with an even number of rows each."""
    rows = max(2, _BAND // (shape[1] * shape[2]) // 2 * 2)
    return [slice(top, min(top + rows, shape[0])) for top in range(0, shape[0], rows)]


def _fill(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the weighted means at this size, computed in place, with holes filled from smaller sizes."""
    size = weight.shape[0], weight.shape[1]
    if weight.min() > 0 or size == (1, 1):
        weighted /= np.maximum(weight, _LEAST)
        return weighted
    smaller = _fill(*(_halved(each.shape, partial(_rows, each)) for each in (weighted, weight)))
    for rows in _bands(weighted.shape):
        made, share = resized_rows(smaller, size, rows), weight[rows][..., 0]
        least = np.maximum(share, _LEAST)
        for channel in range(made.shape[2]):
            np.divide(weighted[rows][..., channel], least, out=made[..., channel], where=share > 0)
        weighted[rows] = made
    return weighted


def _rows(planes: np.ndarray, rows: slice, channel: int) -> np.ndarray:
    return planes[rows][..., channel]


def _halved(shape: tuple[int, ...], read: Callable[[slice, int], np.ndarray]) -> np.ndarray:
    """Return the means over blocks of 2 x 2; the last row and column are repeated if a side is odd.

    Args:
        shape: height, width and number of channels.
        read: returns some rows of a channel. They are processed channel by channel, because loops over three values
            are slow.
    """
    height, width, depth = shape
    made = np.empty((-(-height // 2), -(-width // 2), depth), np.float32)
    for band, channel in product(_bands(shape), range(depth)):
        plane = read(band, channel)
        if plane.shape[0] % 2 or width % 2:
            plane = np.pad(plane, ((0, plane.shape[0] % 2), (0, width % 2)), mode="edge")
        rows = plane[::2] + plane[1::2]
        halved = made[band.start // 2 : -(-band.stop // 2), :, channel]
        np.add(rows[:, ::2], rows[:, 1::2], out=halved)
        halved *= np.float32(0.25)
    return made


_TRUSTED_ALPHA = 1 / 32  # alpha below which a stored colour consists mostly of rounding errors


def extend_colours(rgba_straight: Float32[np.ndarray, "h w 4"]) -> Float32[np.ndarray, "h w 3"]:
    """Return the colours, extrapolated smoothly from the nearest opaque pixels to transparent ones.

    A picture without any opaque pixel stays unchanged.

    Args:
        rgba_straight: colours with straight alpha.
    """
    colours, alpha = rgba_straight[..., :3], np.clip(rgba_straight[..., 3], 0, 1)
    known = np.where(alpha >= _TRUSTED_ALPHA, alpha, 0)
    if known.min() > 0 or known.max() <= 0:
        return colours.copy()
    share = np.clip(alpha / np.float32(_TRUSTED_ALPHA), 0, 1)[..., None]
    return colours * share + pull_push(colours, known) * (1 - share)
