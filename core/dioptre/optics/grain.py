"""Restore the grain of the sharp areas in areas that the blur has smoothed.

A blurred background without grain looks pasted next to a grainy subject. The strength of the grain is measured as a
function of brightness in flat areas of the picture.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from dioptre.contract import Picture, Plane

_LEVELS = 8  # number of brightness levels at which grain is measured
_FLATTEST = 0.3  # this fraction of the blocks at each level, the flattest ones, is assumed to contain only grain
_BLOCK = 8
_BAND = 512  # number of rows processed at a time
_MAD_TO_STD = 1.4826


def grain_std(srgb_encoded: Picture) -> Float32[np.ndarray, " n"]:
    """Measure the standard deviation of the grain at equally spaced brightness levels.

    Args:
        srgb_encoded: the picture.

    Returns:
        Standard deviations in encoded values, for brightness from 0 to 1; zeros if there is nothing to measure.
    """
    height, width = (length // _BLOCK * _BLOCK for length in srgb_encoded.shape[:2])
    luma = srgb_encoded[:height, :width, :3].mean(axis=-1, dtype=np.float32)
    if min(luma.shape) < 2 * _BLOCK:
        return np.zeros(_LEVELS, np.float32)
    # Second-order differences keep the grain and remove slopes. The filter 1, -2, 1 along both axes has norm 6.
    detail = ndimage.convolve(luma, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)) / 6

    def blocks(values: np.ndarray) -> np.ndarray:
        cut = values.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
        return cut.transpose(0, 2, 1, 3).reshape(-1, _BLOCK * _BLOCK)

    std = np.median(np.abs(blocks(detail)), axis=1) * _MAD_TO_STD
    brightness = np.clip(blocks(luma).mean(axis=1) * _LEVELS, 0, _LEVELS - 1).astype(int)
    made = np.full(_LEVELS, np.nan, np.float32)
    for level in range(_LEVELS):
        found = std[brightness == level]
        if found.size >= 8:
            made[level] = np.quantile(found, _FLATTEST / 2)
    known = np.flatnonzero(np.isfinite(made))
    if known.size == 0:
        return np.zeros(_LEVELS, np.float32)
    return np.interp(np.arange(_LEVELS), known, made[known]).astype(np.float32)


def add_grain(
    blurred: Picture,
    radius_px: Plane,
    std: Float32[np.ndarray, " n"],
    *,
    strength: float,
    seed: int = 0,
) -> None:
    """Add grain in place, as much as the blur of radius `radius_px` has removed.

    Args:
        blurred: the blurred picture, sRGB-encoded; modified in place.
        radius_px: radius of the blur at each pixel.
        std: result of `grain_std`.
        strength: factor on the grain.
        seed: seed of the random numbers; equal seeds give equal grain.
    """
    rng = np.random.default_rng(seed)
    places = (np.arange(std.size) + 0.5) / std.size
    for top in range(0, blurred.shape[0], _BAND):
        colour = blurred[top : top + _BAND, :, :3]
        noise = rng.standard_normal(colour.shape[:2], dtype=np.float32)
        taken = np.square(radius_px[top : top + _BAND])
        taken = np.sqrt(taken / (1 + taken))  # a disc of radius r leaves about 1 / r of the grain
        local = np.interp(colour.mean(axis=-1), places, std).astype(np.float32)
        colour += (strength * noise * taken * local)[..., None]
