"""Paint a layer on a surface of a photo, in whose light, grain and wear it lies.

The surface's luminance, relative to that of its lit parts around the layer, multiplies the layer's linear colours,
so shadows and texture go on in it. White becomes what white paint would be there. Paint shows a little of what it
covers, is missing in pits, and its edges follow the grains.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32

from dioptre.contract import Picture, row_slices
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.guided_filter import guided_filter
from dioptre.imaging.numbers import LUMINANCE
from dioptre.imaging.resize import fitted_size, resize, resized_rows
from dioptre.imaging.shapes import map_chunks, map_pixels
from dioptre.programs import kept

RGBA = Float32[np.ndarray, "h w 4"]

_LIT, _WHITEST = 0.6, 0.99  # quantiles of a surface's luminance: of its lit parts; of its marks, which may be white
_GREY, _LEAST_WHITE = 0.2, 0.4  # reflectance of usual ground; least luminance of white, so that it can be read
_SHADE = 0.9  # power of the surface's light in the layer
_BRIGHTER, _DARKER = 0.4, 1.8  # natural logarithms of the ratios towards which that light is compressed
_HUE = 0.25  # power of the surface's hue
_SHOULDER = 0.8  # linear light from which highlights are compressed
_COVERING = 0.92  # opacity of paint
_WORN, _DEEP = 0.65, 0.5  # most of it that is missing in pits, and how much darker these are, as a logarithm
_FINE_PX = 480  # longer side of a photo in which its grains and pits are smaller than a pixel
_RADIUS, _CONTRAST = 4.0, 1e-3  # window without edges of shadows, in its pixels; squared contrast of these edges
_GRAIN, _RAGGED = 0.3, 0.4  # logarithm from which grains count as whole; how far they shift the layer's edges
_BLACK = 0.002  # luminance that is added, for ratios of nothing are noise


def painted(
    layer: RGBA, picture: Picture, surface: Bool[np.ndarray, "h w"], *, longer_px: int, strength: float
) -> RGBA:
    """Return a layer as paint on what the photo shows below it.

    Args:
        layer: sRGB-encoded, straight alpha.
        picture: the photo, sRGB-encoded, of the same part.
        surface: where the photo shows the surface on which the layer lies; true somewhere.
        longer_px: the whole photo's longer side.
        strength: from 0 for the layer itself to 1.
    """
    full = surface.shape
    longest = math.ceil(max(full) * min(1, _FINE_PX / longer_px))
    small = resize(picture[..., :3].clip(0, 1), fitted_size(full, longest_px=longest), method="area")
    light = map_chunks(srgb_to_linear, small) + np.float32(_BLACK)
    luminance = light @ LUMINANCE
    level = np.log(luminance)
    rows, columns = (np.arange(new) * old // new for new, old in zip(level.shape, full, strict=True))
    known = surface[np.ix_(rows, columns)]
    lit, whitest = np.quantile(level[known if known.any() else ...], (_LIT, _WHITEST))
    white = min(max(math.exp(lit) / _GREY, math.exp(whitest), _LEAST_WHITE), 1.0)
    hue = (light / luminance[..., None]) ** np.float32(_HUE)
    even = guided_filter(small, level, radius_px=_RADIUS, epsilon=_CONTRAST)
    coarse = np.concatenate([hue, even[..., None]], axis=2)
    made = layer.copy()
    for band in row_slices(full[0]):
        seen = layer[band, :, 3] > 0
        values = (each[seen] for each in (layer[band], picture[band, :, :3], resized_rows(coarse, full, band)))
        if seen.any():
            made[band][seen] = map_pixels(
                lambda *each: _as_paint(*each, np.array([lit, white, strength], np.float32)), *values
            )
    return made


@kept
def _as_paint(
    layer: Float[Array, "n 4"],
    below: Float[Array, "n 3"],
    coarse: Float[Array, "n 4"],
    known: Float[Array, "3"],
) -> Float[Array, "n 4"]:
    """Return pixels of a layer as paint.

    Args:
        layer: sRGB-encoded, straight alpha.
        below: what is below them, sRGB-encoded.
        coarse: its hue, and its luminance without grains and pits, as a logarithm.
        known: luminance of lit parts, as a logarithm, and of white; the strength.
    """
    lit, white, strength = known
    level = jnp.log(srgb_to_linear(below.clip(0, 1)) @ LUMINANCE + _BLACK)
    change = _SHADE * (level - lit)
    most = jnp.where(change > 0, _BRIGHTER, _DARKER)
    shade = white * jnp.exp(most * jnp.tanh(change / most))
    colour = srgb_to_linear(layer[:, :3]) * coarse[:, :3] * shade[:, None]
    over = jnp.maximum(colour - _SHOULDER, 0) / (1 - _SHOULDER)
    colour = jnp.minimum(colour, _SHOULDER) + (1 - _SHOULDER) * (1 - jnp.exp(-over))
    fine, cover = level - coarse[:, 3], layer[:, 3]
    cover = cover + 4 * _RAGGED * jnp.tanh(fine / _GRAIN) * cover * (1 - cover)
    missing = _WORN * (1 - jnp.exp(-((jnp.minimum(fine, 0) / _DEEP) ** 2)))
    cover = cover.clip(0, 1) * _COVERING * (1 - missing)
    made = jnp.concatenate([linear_to_srgb(colour), cover[:, None]], axis=1)
    return layer + strength * (made - layer)
