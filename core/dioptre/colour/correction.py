"""White-balance correction of a rendered photograph as an explicit mapping of colours.

First, chromatic adaptation removes the illuminant's colour in linear light. Then a smooth polynomial of the encoded
values undoes the distortion that the camera's tone curve and picture style added under the wrong illuminant. The
polynomial's nine terms are those of Afifi and Brown 2019 ("What else can fool deep learning?", ICCV): r, g, b and
their squares and products; it maps black to black. Nothing else changes the pixels, so detail and grain survive.

The code works channel by channel, so that XLA compiles it to one vectorised loop. Pictures are passed as separate
channels, because interleaved channels take twice as long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear

from .adaptation import adaptation_matrix, cone_gains, from_cone_matrix, to_cone_matrix

HEADROOM = 4.0
"""Slope of the ceiling above white: an input that exceeds 1 by x may become as large as 1 + 4 x."""
BLOWN_FROM, BLOWN_TO = 0.9, 0.99
"""Encoded values of the smallest channel between which a colour changes from unclipped to fully clipped."""

Channels = tuple[Float[Array, "*batch"], Float[Array, "*batch"], Float[Array, "*batch"]]
_Linear = list[Float[Array, "*batch"]]


def correct_channels(
    srgb_encoded: Channels,
    source_xy: Float[Array, "2"],
    target_xy: Float[Array, "2"],
    residual: Float[Array, "9 3"],
) -> Channels:
    """Adapt colours from the illuminant `source_xy` to `target_xy`, then add the residual polynomial.

    Args:
        srgb_encoded: the colours to correct.
        source_xy: chromaticity of the illuminant that lit the scene.
        target_xy: chromaticity of the illuminant to simulate.
        residual: coefficients of the terms r, g, b, r², g², b², rg, rb, gb. The polynomial is added to the adapted
            colour; with zeros, it changes nothing. For colours beyond ±1 it is extrapolated by scaling, so that HDR
            and out-of-gamut values keep their order.
    """
    matrix = adaptation_matrix(source_xy, target_xy)
    return _corrected(srgb_encoded, lambda linear: _product(matrix, linear), residual)


def correct_channels_locally(
    srgb_encoded: Channels,
    source_xy: Float[Array, "*batch 2"],
    target_xy: Float[Array, "2"],
    residual: Float[Array, "9 3"],
) -> Channels:
    """Apply `correct_channels` with a different source illuminant for every pixel."""
    gains = cone_gains(source_xy, target_xy)

    def adapt(linear: _Linear) -> _Linear:
        cones = [cone * gains[..., k] for k, cone in enumerate(_product(to_cone_matrix(), linear))]
        return _product(from_cone_matrix(), cones)

    return _corrected(srgb_encoded, adapt, residual)


def _corrected(
    srgb_encoded: Channels, adapt: Callable[[_Linear], _Linear], residual: Float[Array, "9 3"]
) -> Channels:
    """Adapt encoded colours in linear light with `adapt`, then add the residual polynomial.

    Args:
        srgb_encoded: the colours to correct.
        adapt: function from linear light to linear light, on lists of channels.
        residual: as in `correct_channels`.
    """
    adapted = adapt([srgb_to_linear(channel) for channel in srgb_encoded])
    return _bent([linear_to_srgb(channel) for channel in adapted], residual)


def unclipped_channels(corrected: Channels, srgb_encoded: Channels) -> Channels:
    """Scale down corrected colours that the correction pushed above white, preserving their hue.

    Where the colours before the correction, `srgb_encoded`, are above white, the result may be too.
    """
    ceiling = 1 + HEADROOM * jnp.maximum(_largest(srgb_encoded) - 1, 0)
    factor = jnp.minimum(1.0, ceiling / jnp.maximum(_largest(corrected), 1e-6))
    red, green, blue = (channel * factor for channel in corrected)
    return red, green, blue


def with_blown_channels_kept(corrected: Channels, srgb_encoded: Channels) -> Channels:
    """Restore the original colours of highlights that were clipped to white, whose true colour is unknown.

    The largest value of the picture before the correction, `srgb_encoded`, is 1.
    """
    least = jnp.minimum(jnp.minimum(srgb_encoded[0], srgb_encoded[1]), srgb_encoded[2])
    share = jnp.clip((least - BLOWN_FROM) * (1 / (BLOWN_TO - BLOWN_FROM)), 0, 1)
    share = share * share * (3 - 2 * share)
    red, green, blue = (now + share * (old - now) for now, old in zip(corrected, srgb_encoded, strict=True))
    return red, green, blue


def _largest(channels: Channels) -> Float[Array, "*batch"]:
    return jnp.maximum(jnp.maximum(channels[0], channels[1]), channels[2])


def _product(
    matrix: Float[Array, "3 3"], channels: Sequence[Float[Array, "*batch"]]
) -> list[Float[Array, "*batch"]]:
    return [sum((row[k] * channels[k] for k in (1, 2)), start=row[0] * channels[0]) for row in matrix]


def _bent(adapted: list[Float[Array, "*batch"]], residual: Float[Array, "9 3"]) -> Channels:
    size = jnp.maximum(jnp.maximum(jnp.abs(adapted[0]), jnp.abs(adapted[1])), jnp.abs(adapted[2]))
    size = jnp.maximum(size, 1.0)
    smaller = 1 / size
    r, g, b = (jnp.maximum(channel * smaller, 0.0) for channel in adapted)

    def bend(k: Float[Array, "9"]) -> Float[Array, "*batch"]:
        """Evaluate the polynomial, factored to use each channel less often: XLA emits a loop for every use."""
        in_blue = b * (k[2] + k[5] * b)
        in_green = g * (k[1] + k[4] * g + k[8] * b)
        return r * (k[0] + k[3] * r + k[6] * g + k[7] * b) + in_green + in_blue

    red, green, blue = (channel + size * bend(residual[:, c]) for c, channel in enumerate(adapted))
    return red, green, blue
