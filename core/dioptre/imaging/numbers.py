"""Whole pictures brought to usable numbers, without a copy where they are that already."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32


def is_finite(values: Float32[np.ndarray, "*shape"]) -> bool:
    """Whether no value is NaN or infinite. A sum finds that without a second array of the picture's size."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(np.sum(values, dtype=np.float32))
    return math.isfinite(total) or bool(np.isfinite(values).all())


def without_nan(values: Float32[np.ndarray, "*shape"], *, infinite: float = 0.0) -> Float32[np.ndarray, "*shape"]:
    """`values` with NaN and minus infinity as 0, infinity as `infinite`; the same array where there is none."""
    if is_finite(values):
        return values
    return np.nan_to_num(values, nan=0.0, posinf=infinite, neginf=0.0)


def within_unit(values: Float32[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """`values` clipped to [0, 1]; the same array where they lie there already."""
    if values.size == 0 or (values.min() >= 0 and values.max() <= 1):
        return values
    return np.clip(values, 0, 1)
