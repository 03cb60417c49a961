"""Apply the correction of a light to the pixels of a picture, in chunks of a fixed size.

With a fixed chunk size, each function is compiled only once, whatever the size of the picture.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32

from dioptre.colour import D65_XY, WhitePoint, linear_rgb_to_xy
from dioptre.colour.correction import (
    Channels,
    correct_channels,
    correct_channels_locally,
    unclipped_channels,
    with_blown_channels_kept,
)
from dioptre.contract import Picture
from dioptre.imaging.threads import on_all_cores
from dioptre.programs import kept

from .mixed_light import LightField

CHUNK_PIXELS = 1 << 18
NEUTRAL = WhitePoint.from_xy(D65_XY)


def apply_correction(
    image: Picture,
    *,
    source: WhitePoint,
    source_xy: tuple[float, float] | None = None,
    target: WhitePoint = NEUTRAL,
    residual: Float32[np.ndarray, "9 3"] | None = None,
) -> Picture:
    """Correct every pixel of a picture from one illuminant to another; compiled once for all sizes.

    Args:
        image: (H, W, 3 or 4), sRGB-encoded, straight alpha.
        source: the illuminant of the picture.
        source_xy: exact chromaticity of `source`, if temperature and tint do not describe it.
        target: the illuminant of the result.
        residual: as in `dioptre.colour.correction.correct`.
    """
    xy = jnp.array(source_xy or source.xy, jnp.float32), jnp.array(target.xy, jnp.float32)
    bend = jnp.zeros((9, 3)) if residual is None else jnp.asarray(residual)
    clipped = jnp.asarray(_is_clipped(image))
    mapping = partial(_map_pixels, source_xy=xy[0], target_xy=xy[1], residual=bend, clipped=clipped)
    return _by_chunks(mapping, image)


def _is_clipped(image: np.ndarray) -> bool:
    """Return whether no value exceeds white; in high-dynamic-range pictures, some values do."""
    return bool(image[..., :3].max() <= 1 + 1e-3)


def apply_field(image: np.ndarray, lights: LightField, *, share: float, kept: float) -> np.ndarray:
    """Correct a picture for illuminants that vary across it; only single illuminants have a residual to apply."""
    chroma = lights.at_size((image.shape[0], image.shape[1])) * np.float32(share)
    clipped = jnp.asarray(_is_clipped(image))
    map_pixels = partial(_map_locally, kept=jnp.float32(kept), clipped=clipped)
    return _by_chunks(map_pixels, image, chroma)


def _by_chunks(function: Any, image: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Apply a function to the colour channels of a picture in chunks of a fixed number of pixels; copy alpha.

    `function` takes channels (3, n), and (k, n) from each of `others`. Two chunks run at a time, so that one is
    copied while the other is mapped.
    """
    result = np.empty_like(image, order="C")
    result[..., 3:] = image[..., 3:]
    flat, out = image.reshape(-1, image.shape[2]), result.reshape(-1, image.shape[2])
    sources = [flat[:, :3], *(other.reshape(-1, other.shape[2]) for other in others)]

    def map_from(start: int) -> None:
        pixels = slice(start, start + CHUNK_PIXELS)
        parts = [np.ascontiguousarray(source[pixels].T) for source in sources]
        missing = CHUNK_PIXELS - parts[0].shape[1]
        whole = [np.pad(part, ((0, 0), (0, missing))) if missing else part for part in parts]
        for channel, values in enumerate(function(*map(jnp.asarray, whole))):
            out[pixels, channel] = np.asarray(values)[: len(flat) - start]

    on_all_cores(range(0, len(flat), CHUNK_PIXELS), map_from, lambda share: None, threads=2)
    return result


@kept
def _map_pixels(
    srgb_encoded: Float[Array, "3 n"],
    *,
    source_xy: Float[Array, "2"],
    target_xy: Float[Array, "2"],
    residual: Float[Array, "9 3"],
    clipped: Bool[Array, ""],
) -> Channels:
    channels = srgb_encoded[0], srgb_encoded[1], srgb_encoded[2]
    return _finished(correct_channels(channels, source_xy, target_xy, residual), channels, clipped)


@kept
def _map_locally(
    srgb_encoded: Float[Array, "3 n"],
    chroma: Float[Array, "2 n"],
    *,
    kept: Float[Array, ""],
    clipped: Bool[Array, ""],
) -> Channels:
    """Correct pixels for an illuminant that varies from pixel to pixel.

    Args:
        srgb_encoded: (3, n), the pixels' channels.
        chroma: (2, n), ln r/g and ln b/g of each pixel's illuminant.
        kept: fraction of a warm illuminant's warmth to keep.
        clipped: whether no value of the picture exceeds white, as `_is_clipped` returns it.
    """
    removed = chroma * jnp.where(chroma[0] > chroma[1], 1 - kept, 1.0)
    white = jnp.exp(jnp.stack([removed[0], jnp.zeros_like(removed[0]), removed[1]], axis=-1))
    source_xy, target_xy = linear_rgb_to_xy(white), jnp.array(D65_XY)
    channels = srgb_encoded[0], srgb_encoded[1], srgb_encoded[2]
    corrected = correct_channels_locally(channels, source_xy, target_xy, jnp.zeros((9, 3)))
    return _finished(corrected, channels, clipped)


def _finished(corrected: Channels, srgb_encoded: Channels, clipped: Bool[Array, ""]) -> Channels:
    below = unclipped_channels(corrected, srgb_encoded)
    kept = with_blown_channels_kept(below, srgb_encoded)
    red, green, blue = (jnp.where(clipped, *pair) for pair in zip(kept, below, strict=True))
    return red, green, blue
