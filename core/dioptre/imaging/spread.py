"""Spread known values over the rest of a picture: smooth, the nearest ones counting most, at any distance.

Pull-push: averages of what is known at ever smaller sizes, then each size fills the holes of the next larger one.
S. Gortler et al., "The Lumigraph", SIGGRAPH 1996.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from .resize import resize


def spread_known(
    values: Float32[np.ndarray, "h w *c"], known: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w *c"]:
    """`values` where `known` is 1, filled in from there elsewhere; between, in proportion.

    known: weight of each pixel, in [0, 1]. Where nothing at all is known the result is 0.
    """
    shape = values.shape
    planes = values.reshape(*shape[:2], -1)
    weight = known[..., None].astype(np.float32)
    filled = _fill(planes * weight, weight)
    result: np.ndarray = planes * weight + filled * (1 - weight)
    return result.reshape(shape)


def _fill(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted means at this size, holes filled from smaller sizes."""
    height, width = weight.shape[:2]
    safe = np.maximum(weight, 1e-6)
    if weight.min() > 0 or height == width == 1:
        certain: np.ndarray = weighted / safe
        return certain
    smaller = _fill(_halved(weighted), _halved(weight))
    enlarged = resize(smaller, (height, width), method="bilinear")
    result: np.ndarray = np.where(weight > 0, weighted / safe, enlarged)
    return result


def _halved(planes: np.ndarray) -> np.ndarray:
    """Means of blocks of 2 x 2, the last row and column repeated where a side is odd."""
    padding = ((0, planes.shape[0] % 2), (0, planes.shape[1] % 2), (0, 0))
    even = np.pad(planes, padding, mode="edge")
    halved: np.ndarray = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    return halved
