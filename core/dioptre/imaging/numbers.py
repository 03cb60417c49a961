"""Replace unusable values in pictures, without copying pictures that have none."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in luma, the brightness of encoded colours as defined for JPEG (ITU-R BT.601)."""

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of linear red, green and blue in luminance (IEC 61966-2-1)."""


def is_finite(values: Float32[np.ndarray, "*shape"]) -> bool:
    """Return whether all values are finite. The check sums them, which needs no second array of the same size."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(np.sum(values, dtype=np.float32))
    return math.isfinite(total) or bool(np.isfinite(values).all())


def without_nan(values: Float32[np.ndarray, "*shape"], *, infinite: float = 0.0) -> Float32[np.ndarray, "*shape"]:
    """Replace NaN and minus infinity with 0, and infinity with `infinite`; do not copy if all are finite."""
    if is_finite(values):
        return values
    return np.nan_to_num(values, nan=0.0, posinf=infinite, neginf=0.0)


def within_unit(values: Float32[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Clip `values` to [0, 1]; if all of them already lie in this range, return the same array."""
    if values.size == 0 or (values.min() >= 0 and values.max() <= 1):
        return values
    return np.clip(values, 0, 1)
