"""Convert layers so that an editor's blending reproduces the rendered picture.

GIMP 3 blends its Normal layers in linear light, which is physically correct. Krita and OpenRaster blend encoded
values, which makes soft edges too dark or too bright. For them, the colours of each layer are changed so that
blending encoded values gives the same picture. Where that is not enough, the layer's alpha is changed too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.programs import kept

_BAND = 256  # number of rows processed at a time
_LEAST_ALPHA = 1e-5


@kept
def _over_linear(
    bottom: Float[Array, "n 3"], colour: Float[Array, "n 3"], alpha: Float[Array, "n 1"]
) -> Float[Array, "n 3"]:
    """Blend encoded colours over a background in linear light and return encoded values."""
    return linear_to_srgb(alpha * srgb_to_linear(colour) + (1 - alpha) * srgb_to_linear(bottom))


@kept
def _for_encoded(
    bottom: Float[Array, "n 3"], wanted: Float[Array, "n 3"], alpha: Float[Array, "n 1"]
) -> tuple[Float[Array, "n 3"], Float[Array, "n 1"]]:
    """Return the layer colour and alpha that give `wanted` when blended over `bottom` as encoded values.

    Args:
        bottom: encoded colours below the layer.
        wanted: encoded colours of the result.
        alpha: minimum alpha of the layer.

    Returns:
        The layer's colour in [0, 1], and its alpha.
    """
    change = wanted - bottom
    room = jnp.where(change > 0, 1 - bottom, bottom)
    needed = jnp.where(jnp.abs(change) > 1e-6, jnp.abs(change) / jnp.maximum(room, 1e-6), 0.0)
    needed = jnp.clip(needed.max(axis=-1, keepdims=True), 0.0, 1.0)
    alpha = jnp.where(alpha > _LEAST_ALPHA, jnp.maximum(alpha, needed), 0.0)
    return jnp.clip(bottom + change / jnp.maximum(alpha, _LEAST_ALPHA), 0.0, 1.0), alpha


def for_encoded_blending(
    background: Float32[np.ndarray, "h w 3"], layers: Sequence[Float32[np.ndarray, "h w 4"]]
) -> list[Float32[np.ndarray, "h w 4"]]:
    """Adapt layers made for blending in linear light to an editor that blends encoded values.

    Args:
        background: sRGB-encoded colours below all layers.
        layers: sRGB-encoded layers with straight alpha, lowest first.

    Returns:
        The adapted layers. Values above 1 are clipped, as in an editor's integer formats.
    """
    height, width = background.shape[:2]
    made = [np.empty((height, width, 4), np.float32) for _ in layers]
    for top in range(0, height, _BAND):
        band = slice(top, min(top + _BAND, height))
        rows = band.stop - band.start

        def flat(pixels: np.ndarray, band: slice = band, rows: int = rows) -> np.ndarray:
            padded = np.zeros((_BAND, width, pixels.shape[2]), np.float32)
            padded[:rows] = pixels[band]
            return np.clip(padded, 0, 1).reshape(-1, pixels.shape[2])

        bottom: Any = flat(background)
        for layer, result in zip(layers, made, strict=True):
            pixels = flat(layer)
            wanted = _over_linear(bottom, pixels[:, :3], pixels[:, 3:])
            colour, alpha = _for_encoded(bottom, wanted, pixels[:, 3:])
            both = np.concatenate([colour, alpha], axis=1).reshape(_BAND, width, 4)
            result[band] = both[:rows]
            bottom = wanted
    return made


def over(
    background: Float32[np.ndarray, "h w 3"], layers: Sequence[Float32[np.ndarray, "h w 4"]], *, linear: bool
) -> Float32[np.ndarray, "h w 3"]:
    """Blend sRGB-encoded layers (lowest first) over a background, in linear light or with encoded values."""
    result = background
    for layer in layers:
        colour, alpha = layer[..., :3], layer[..., 3:]
        if linear:
            mixed = _over_linear(*(part.reshape(-1, part.shape[2]) for part in (result, colour, alpha)))
            result = np.array(mixed).reshape(result.shape)
        else:
            result = alpha * colour + (1 - alpha) * result
    return result
