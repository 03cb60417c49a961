"""Occlusion of each pixel by blurred surfaces in front of the focus.

Adjacent depth slices are blurred separately. At a depth step in front of the focus, the edge of the nearer slice
is blurred more than that of the farther one, and together they do not quite cover the pixels between them. Light
from far behind would show there as a line. Therefore, where all surfaces whose discs reach a pixel are in front of
the focus, nothing behind them may show.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Float, Float32
from scipy import ndimage

from dioptre.contract import Plane
from dioptre.programs import kept

from .aperture import REACH
from .grid import CELL, CELL_LEVEL, VISIBLE, Level
from .inpaint import doubled

_LEAST_PX = (0.25, 0.75)  # signed radii up to which a surface does not count as in front, and from which it does
_STRICT = 20.0  # factor on the fraction that is not in front; high, so that even small holes stay open


def foreground_occlusion(level: Level) -> Float32[np.ndarray, "h8 w8"]:
    """Return, for each cell of 8 x 8 pixels, the minimum fraction that surfaces in front of the focus cover.

    Args:
        level: the surfaces, reduced to one pixel per cell.

    Returns:
        The fractions; all zeros if nothing is in front of the focus.
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


def _mean_around(values: Plane, reach: np.ndarray) -> np.ndarray:
    """Return the mean over squares of side 2 reach + 1, clipped to the array; the reach varies by position."""
    height, width = values.shape
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = values.cumsum(0, dtype=np.float64).cumsum(1)
    rows, columns = np.arange(height)[:, None], np.arange(width)
    top, bottom = np.maximum(rows - reach, 0), np.minimum(rows + reach + 1, height)
    left, right = np.maximum(columns - reach, 0), np.minimum(columns + reach + 1, width)
    whole = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return whole / ((bottom - top) * (right - left))


@kept
def left_open(cover: Float[Array, "h8 w8"]) -> Float[Array, "h w"]:
    """Return the maximum coverage of each pixel by surfaces that are not in front of the focus.

    Args:
        cover: result of `foreground_occlusion`.
    """
    needed = (cover > 0).any()
    for _ in range(CELL_LEVEL):
        cover = doubled(cover, needed)
    return 1 - cover
