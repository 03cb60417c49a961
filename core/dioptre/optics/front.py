"""How much of each pixel things in front of the focus occlude, however they are blurred.

Slices next to each other in depth are blurred one by one. Where a step of depth parts them, the nearer one's edge
is wider than the farther one's, and together they cover a little less than everything: light from far behind would
show as a line. Where nothing but things in front of the focus lies within the reach of their discs, nothing shows.
"""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Array, Float, Float32
from scipy import ndimage

from .aperture import REACH
from .grid import CELL, CELL_LEVEL, VISIBLE, Level
from .inpaint import doubled

_LEAST_PX = (0.25, 0.75)  # of the radius: from nothing to all that counts as in front
_STRICT = 20.0  # times the share that is not in front is what may show: small holes stay open


def foreground_occlusion(level: Level) -> Float32[np.ndarray, "h8 w8"]:
    """Per cell of 8 x 8 pixels of the full size, the least share of its pixels that is covered from the front.

    level: of that size. All zeros where there is nothing in front.
    """
    coverage = level.planes[:, -1]
    low, high = _LEAST_PX
    before = (coverage * np.clip((level.radii - low) / (high - low), 0, 1)).sum(axis=0)
    radii = np.where(coverage > VISIBLE, level.radii, 0).max(axis=0).clip(0)
    largest = float(radii.max())
    if largest <= low:
        return np.zeros_like(before)
    cells = np.ceil(REACH * largest / CELL).astype(int)
    around = np.ceil(REACH * ndimage.maximum_filter(radii, 2 * cells + 1) / CELL).astype(int)
    least = np.minimum(_mean_around(before, around), ndimage.minimum_filter(before, 3))
    return np.clip(1 - _STRICT * (1 - least), 0, 1).astype(np.float32)


def _mean_around(values: Float32[np.ndarray, "h w"], reach: np.ndarray) -> np.ndarray:
    """The mean over squares of 2 reach + 1, a number for each place; of what lies inside."""
    height, width = values.shape
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = values.cumsum(0, dtype=np.float64).cumsum(1)
    rows, columns = np.arange(height)[:, None], np.arange(width)
    top, bottom = np.maximum(rows - reach, 0), np.minimum(rows + reach + 1, height)
    left, right = np.maximum(columns - reach, 0), np.minimum(columns + reach + 1, width)
    whole = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return whole / ((bottom - top) * (right - left))


@jax.jit
def left_open(cover: Float[Array, "h8 w8"]) -> Float[Array, "h w"]:
    """From `foreground_occlusion`, the most of each pixel that what is not in front may cover."""
    needed = (cover > 0).any()
    for _ in range(CELL_LEVEL):
        cover = doubled(cover, needed)
    return 1 - cover
