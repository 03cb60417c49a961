"""Layers in plain NumPy for comparison with ports; pictures have shape (height, width, channels)."""

from __future__ import annotations

import numpy as np


def convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Convolve with a 3×3 kernel of shape (3, 3, inputs, outputs), padding with zeros."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    height, width = x.shape[:2]
    taps = [padded[i : i + height, j : j + width] @ kernel[i, j] for i in range(3) for j in range(3)]
    return sum(taps, start=bias)


def leaky(x: np.ndarray, slope: float | np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, slope * x)


def repeat(x: np.ndarray, factor: int) -> np.ndarray:
    return x.repeat(factor, 0).repeat(factor, 1)


def shuffle(x: np.ndarray, factor: int) -> np.ndarray:
    height, width, channels = x.shape
    result = np.empty((height * factor, width * factor, channels // factor**2), x.dtype)
    for c in range(result.shape[2]):
        for dy in range(factor):
            for dx in range(factor):
                result[dy::factor, dx::factor, c] = x[..., c * factor**2 + dy * factor + dx]
    return result
