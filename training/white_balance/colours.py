"""`dioptre.colour.correction` for arrays whose last axis is the channel, (…, 3)."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from dioptre.colour.correction import Channels, correct_channels, unclipped_channels, with_blown_channels_kept

TERMS = 9


def polynomial_terms(srgb_encoded: Float[Array, "*batch 3"]) -> Float[Array, "*batch 9"]:
    """Return the polynomial's terms: r, g, b, r², g², b², rg, rb, gb."""
    r, g, b = channels(srgb_encoded)
    return jnp.stack([r, g, b, r * r, g * g, b * b, r * g, r * b, g * b], axis=-1)


def correct(
    srgb_encoded: Float[Array, "*batch 3"],
    source_xy: Float[Array, "2"],
    target_xy: Float[Array, "2"],
    residual: Float[Array, "9 3"],
) -> Float[Array, "*batch 3"]:
    return jnp.stack(correct_channels(channels(srgb_encoded), source_xy, target_xy, residual), axis=-1)


def unclipped(
    corrected: Float[Array, "*batch 3"], srgb_encoded: Float[Array, "*batch 3"]
) -> Float[Array, "*batch 3"]:
    return jnp.stack(unclipped_channels(channels(corrected), channels(srgb_encoded)), axis=-1)


def with_blown_kept(
    corrected: Float[Array, "*batch 3"], srgb_encoded: Float[Array, "*batch 3"]
) -> Float[Array, "*batch 3"]:
    return jnp.stack(with_blown_channels_kept(channels(corrected), channels(srgb_encoded)), axis=-1)


def channels(colours: Float[Array, "*batch 3"]) -> Channels:
    return colours[..., 0], colours[..., 1], colours[..., 2]
