"""The features of pixels that a search for similar patches compares besides the colours of the patches."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

_ROUGHNESS_PX, _ROUGHNESS_WEIGHT = 15, 5.0
_AROUND_STD = 6.0  # surroundings of a pixel whose mean colour is compared, in pixels


def with_roughness(picture: np.ndarray, hole: np.ndarray) -> Float32[np.ndarray, "h w 5"]:
    """Add the mean absolute slope around each pixel, across and down, to a picture's channels.

    Without it, smooth sources win, because the mean of many patches is smooth (A. Newson et al., section 3.3).
    """
    known = ndimage.minimum_filter(~hole, 3).astype(np.float32)
    share = np.maximum(ndimage.uniform_filter(known, _ROUGHNESS_PX), 1e-3)
    luma = picture.mean(axis=2)
    slopes = [ndimage.uniform_filter(np.abs(slope) * known, _ROUGHNESS_PX) / share for slope in _slopes(luma)]
    return np.concatenate([picture, np.float32(_ROUGHNESS_WEIGHT) * np.stack(slopes, axis=-1)], axis=-1)


def colours_around(picture: np.ndarray, hole: np.ndarray) -> Float32[np.ndarray, "h w 3"]:
    """Return the mean colour of the known surroundings of each pixel.

    It keeps the middle of the hole from drifting to the colours of a single part of the rim.
    """
    known = (~hole).astype(np.float32)
    share = np.maximum(ndimage.gaussian_filter(known, _AROUND_STD), 1e-3)[..., None]
    return ndimage.gaussian_filter(picture * known[..., None], (_AROUND_STD, _AROUND_STD, 0)) / share


def _slopes(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.diff(luma, axis=1, append=luma[:, -1:]), np.diff(luma, axis=0, append=luma[-1:])
