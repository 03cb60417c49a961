"""The synthetic picture of the golden values, computed in integers and therefore equal on every machine."""

from __future__ import annotations

import numpy as np


def pattern(height: int, width: int) -> np.ndarray:
    """Return a float32 picture (height, width, 3) in [0, 1]."""
    y, x, k = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    values = (_triangle(3 * x + 5 * y + 37 * k) + _triangle(7 * x - 4 * y + 101 * k)) // 2
    return values.astype(np.float32) / np.float32(255)


def _triangle(t: np.ndarray) -> np.ndarray:
    t = np.mod(t, 510)
    return np.where(t < 256, t, 510 - t)
