"""Continue the grain of plain surroundings in a smooth filling, which would look smeared without it.

Grain is random-phase noise with the power spectrum of a plain patch nearby (B. Galerne, Y. Gousseau, J.-M. Morel,
"Random Phase Textures: Theory and Synthesis", IEEE Trans. Image Processing 2011).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

_PATCH_PX, _TILE_PX = 48, 256  # sides of the patch that is measured, and of the tile, which repeats
_SHADING_PX = 4.0  # standard deviation of the smoothing that separates grain from shading
_TEXTURE_PX = 3.0, 12.0  # standard deviations of the smoothing between which a patch shows texture
_PLAIN = 2e-4  # squared texture of a patch above which it is not plain, and tells nothing about grain
_COLOUR = 0.002  # weight of the squared difference between a patch's colour and the filling's, beside its texture


def grain_beside(
    image: Float32[np.ndarray, "H W c"], filled: Float32[np.ndarray, "h w 3"], hole: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, "t t 3"]:
    """Return a tile of the grain that surrounds a hole; zeros if nothing there is plain.

    Args:
        image: the picture around the hole, sRGB-encoded.
        filled: the same, on a grid of cells, with the hole filled.
        hole: the cells to fill.
    """
    tile = np.zeros((_TILE_PX, _TILE_PX, 3), np.float32)
    scale = np.array(image.shape[:2]) / np.array(hole.shape)
    window = tuple(int(each) for each in np.ceil(_PATCH_PX / scale) // 2 * 2 + 1)
    known = ndimage.minimum_filter((~hole).astype(np.uint8), window, mode="constant", cval=0) > 0
    fine, coarse = (ndimage.gaussian_filter(filled, (*(std / scale), 0)) for std in _TEXTURE_PX)
    texture = ndimage.uniform_filter(((fine - coarse) ** 2).sum(axis=2), window)
    unlike = ((coarse - filled[hole].mean(axis=0)) ** 2).sum(axis=2)
    known &= texture < _PLAIN
    if not known.any():
        return tile
    cost = np.where(known, texture + np.float32(_COLOUR) * unlike, np.inf)
    row, column = np.unravel_index(int(cost.argmin()), hole.shape)
    top, left = (
        int(np.clip((place + 0.5) * size - _PATCH_PX / 2, 0, max(length - _PATCH_PX, 0)))
        for place, size, length in zip((row, column), scale, image.shape[:2], strict=True)
    )
    patch = image[top : top + _PATCH_PX, left : left + _PATCH_PX, :3]
    fine = patch - ndimage.gaussian_filter(patch, (_SHADING_PX, _SHADING_PX, 0))
    fine -= fine.mean(axis=(0, 1))
    phases = np.fft.rfft2(np.random.default_rng(0).standard_normal((_TILE_PX, _TILE_PX)))
    spectrum = (
        np.fft.rfft2(fine, (_TILE_PX, _TILE_PX), axes=(0, 1))
        * (phases / np.maximum(np.abs(phases), 1e-9))[..., None]
    )
    made: np.ndarray = np.fft.irfft2(spectrum, (_TILE_PX, _TILE_PX), axes=(0, 1))
    made *= _TILE_PX / np.sqrt(fine.shape[0] * fine.shape[1])
    return made.astype(np.float32)
