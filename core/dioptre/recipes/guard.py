"""Detect results that contain NaN or infinite values, or that are black although the input is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Result
from dioptre.imaging.numbers import is_finite
from dioptre_link.errors import DioptreError
from dioptre_link.operation import Role

_BLACK = 1e-6
_NOT_BLACK = 0.02  # a picture whose brightest value is lower may legitimately give a black result
_LARGEST = 65504.0  # the largest half float, brighter than any photo


class BadResultError(DioptreError):
    """The computation returned something that is not a valid picture."""

    code = "bad-result"


def repaired(values: Float32[np.ndarray, "*shape"]) -> tuple[Float32[np.ndarray, "*shape"], bool]:
    """Replace NaN with 0 and infinity with the largest half float; return the values and whether any changed.

    The replacement happens in place.
    """
    if is_finite(values):
        return values, False
    return np.nan_to_num(values, copy=False, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST), True


def fault(picture: Callable[[], np.ndarray], result: Result) -> str | None:
    """Describe what is wrong with `result`, or return None.

    Args:
        picture: returns the input picture. It is called only if the result is black.
        result: the result to check.
    """
    for layer in result.layers:
        if 0 in layer.shape:
            return f"the layer {layer.name!r} is empty"
        if not all(is_finite(values) for values in layer.made_of()):
            return f"the layer {layer.name!r} contains NaN or infinite values"
        if layer.role is Role.RESULT and _all_black(layer.pixels) and not _all_black(picture(), _NOT_BLACK):
            return f"the layer {layer.name!r} is black"
    return None


def _all_black(pixels: Float32[np.ndarray, "h w *c"], limit: float = _BLACK) -> bool:
    colour = pixels[..., :3] if pixels.ndim == 3 else pixels
    middle = colour[colour.shape[0] // 2]  # for nearly every picture the middle row is enough to decide
    return bool(middle.max() <= limit) and bool(colour.max() <= limit)
