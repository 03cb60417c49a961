"""Reduce a job's inputs to the size of a preview."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Float32

from dioptre.contract import Picture, Plane
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.resize import resize
from dioptre.imaging.shapes import map_chunks

_decode = jax.jit(srgb_to_linear)
_encode = jax.jit(linear_to_srgb)
_BAND_ROWS = 256


def reduced_picture(picture: Picture, size: tuple[int, int]) -> Float32[np.ndarray, "H W c"]:
    """Reduce an sRGB-encoded, straight-alpha picture to (height, width), averaged in linear light."""
    linear = np.empty_like(picture)
    for first in range(0, picture.shape[0], _BAND_ROWS):
        rows = slice(first, first + _BAND_ROWS)
        linear[rows, :, :3] = map_chunks(_decode, picture[rows, :, :3])
    if picture.shape[2] == 4:
        linear[..., 3] = picture[..., 3]
        linear[..., :3] *= picture[..., 3:]
    small = resize(linear, size, method="area")
    if picture.shape[2] == 4:
        small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
    small[..., :3] = map_chunks(_encode, small[..., :3])
    return small


def reduced_plane(plane: Plane, size: tuple[int, int]) -> Float32[np.ndarray, "H W"]:
    """Resize disparity or a selection to (height, width)."""
    if plane.shape == tuple(size):
        return plane
    smaller = plane.shape[0] >= size[0]
    return resize(plane, size, method="area" if smaller else "bilinear")
