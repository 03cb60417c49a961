"""The white-balance correction of a rendered photograph: an explicit, readable mapping of colours.

First the light's colour is removed by chromatic adaptation in linear light; then a smooth polynomial in encoded
values undoes what the camera's rendering bent (tone curve and style under the wrong light). The polynomial's
nine terms are those of Afifi and Brown 2019 ("What else can fool deep learning?", ICCV): r g b, their squares and
their products; it maps black to black. Pixels pass through nothing else, so detail and grain survive.

Written channel by channel, so that XLA makes one vectorised loop of it; pictures go through as channels by
themselves, as colours side by side cost twice as much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear

from .adaptation import adaptation_matrix, cone_gains, from_cone_matrix, to_cone_matrix

TERMS = 9
HEADROOM = 4.0
"""How much faster than the picture's own values the ceiling rises above 1: what is brighter than white stays so."""
BLOWN_FROM, BLOWN_TO = 0.9, 0.99
"""The least channel, encoded, from which on a colour counts as clipped in part, and wholly."""

Channels = tuple[Float[Array, "*batch"], Float[Array, "*batch"], Float[Array, "*batch"]]
_Linear = list[Float[Array, "*batch"]]


def polynomial_terms(srgb_encoded: Float[Array, "*batch 3"]) -> Float[Array, "*batch 9"]:
    """r, g, b, r², g², b², rg, rb, gb."""
    red, green, blue = srgb_encoded[..., 0], srgb_encoded[..., 1], srgb_encoded[..., 2]
    return jnp.stack(
        [red, green, blue, red * red, green * green, blue * blue, red * green, red * blue, green * blue], axis=-1
    )


def correct(
    srgb_encoded: Float[Array, "*batch 3"],
    source_xy: Float[Array, "2"],
    target_xy: Float[Array, "2"],
    residual: Float[Array, "9 3"],
) -> Float[Array, "*batch 3"]:
    """Colours lit by `source_xy` as if lit by `target_xy`, plus the residual polynomial.

    residual: coefficients of `polynomial_terms`, added to the adapted value; zeros change nothing. Beyond [0, 1]
        the polynomial is continued by scaling, so that high dynamic range and out-of-gamut values stay in order.
    """
    return jnp.stack(correct_channels(_channels(srgb_encoded), source_xy, target_xy, residual), axis=-1)


def correct_channels(
    srgb_encoded: Channels,
    source_xy: Float[Array, "2"],
    target_xy: Float[Array, "2"],
    residual: Float[Array, "9 3"],
) -> Channels:
    """`correct` for separate channels: for many pixels the quicker way."""
    matrix = adaptation_matrix(source_xy, target_xy)
    return _corrected(srgb_encoded, lambda linear: _product(matrix, linear), residual)


def correct_channels_locally(
    srgb_encoded: Channels,
    source_xy: Float[Array, "*batch 2"],
    target_xy: Float[Array, "2"],
    residual: Float[Array, "9 3"],
) -> Channels:
    """`correct_channels` with a light of its own for every pixel."""
    gains = cone_gains(source_xy, target_xy)

    def adapt(linear: _Linear) -> _Linear:
        cones = [cone * gains[..., k] for k, cone in enumerate(_product(to_cone_matrix(), linear))]
        return _product(from_cone_matrix(), cones)

    return _corrected(srgb_encoded, adapt, residual)


def _corrected(
    srgb_encoded: Channels, adapt: Callable[[_Linear], _Linear], residual: Float[Array, "9 3"]
) -> Channels:
    """adapt: from linear light to linear light, channel by channel."""
    adapted = adapt([srgb_to_linear(channel) for channel in srgb_encoded])
    return _bent([linear_to_srgb(channel) for channel in adapted], residual)


def unclipped(
    corrected: Float[Array, "*batch 3"], srgb_encoded: Float[Array, "*batch 3"]
) -> Float[Array, "*batch 3"]:
    """Corrected colours brought back under white where the correction pushed them above it, their hue kept.

    srgb_encoded: the colours before. Values above white may stay there.
    """
    return jnp.stack(unclipped_channels(_channels(corrected), _channels(srgb_encoded)), axis=-1)


def unclipped_channels(corrected: Channels, srgb_encoded: Channels) -> Channels:
    """`unclipped` for separate channels."""
    ceiling = 1 + HEADROOM * jnp.maximum(_largest(srgb_encoded) - 1, 0)
    factor = jnp.minimum(1.0, ceiling / jnp.maximum(_largest(corrected), 1e-6))
    red, green, blue = (channel * factor for channel in corrected)
    return red, green, blue


def with_blown_kept(
    corrected: Float[Array, "*batch 3"], srgb_encoded: Float[Array, "*batch 3"]
) -> Float[Array, "*batch 3"]:
    """Corrected colours, but what was clipped to white stays white: its own colour is not known.

    srgb_encoded: the colours before, of a picture whose largest value is 1.
    """
    return jnp.stack(with_blown_channels_kept(_channels(corrected), _channels(srgb_encoded)), axis=-1)


def with_blown_channels_kept(corrected: Channels, srgb_encoded: Channels) -> Channels:
    """`with_blown_kept` for separate channels."""
    least = jnp.minimum(jnp.minimum(srgb_encoded[0], srgb_encoded[1]), srgb_encoded[2])
    share = jnp.clip((least - BLOWN_FROM) * (1 / (BLOWN_TO - BLOWN_FROM)), 0, 1)
    share = share * share * (3 - 2 * share)
    red, green, blue = (now + share * (old - now) for now, old in zip(corrected, srgb_encoded, strict=True))
    return red, green, blue


def _largest(channels: Channels) -> Float[Array, "*batch"]:
    return jnp.maximum(jnp.maximum(channels[0], channels[1]), channels[2])


def _channels(colours: Float[Array, "*batch 3"]) -> Channels:
    return colours[..., 0], colours[..., 1], colours[..., 2]


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
        """The polynomial, each variable taken out in turn: XLA makes a loop of it for every use of a channel."""
        in_blue = b * (k[2] + k[5] * b)
        in_green = g * (k[1] + k[4] * g + k[8] * b)
        return r * (k[0] + k[3] * r + k[6] * g + k[7] * b) + in_green + in_blue

    red, green, blue = (channel + size * bend(residual[:, c]) for c, channel in enumerate(adapted))
    return red, green, blue
