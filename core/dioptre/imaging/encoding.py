"""The sRGB transfer function and its inverse.

Values outside [0, 1] are preserved: above 1 the curve continues with the same formula, and below 0 by odd symmetry,
as in scRGB (IEC 61966-2-2), so the two functions are inverses of each other for all real numbers.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from dioptre.programs import kept

# IEC 61966-2-1:1999, sRGB.
_LINEAR_SLOPE = 12.92
_OFFSET = 0.055
_GAMMA = 2.4
_ENCODED_BREAK = 0.04045
_LINEAR_BREAK = 0.0031308


@kept
def srgb_to_linear(srgb_encoded: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Convert sRGB-encoded values to linear light; 1 stays 1. The gradient is finite everywhere."""
    magnitude = jnp.abs(srgb_encoded)
    curved = jnp.maximum(magnitude, _ENCODED_BREAK)
    linear = jnp.where(
        magnitude <= _ENCODED_BREAK,
        magnitude / _LINEAR_SLOPE,
        jnp.exp(_GAMMA * jnp.log((curved + _OFFSET) / (1 + _OFFSET))),
    )
    return jnp.copysign(linear, srgb_encoded)


@kept
def linear_to_srgb(linear: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Encode linear light as sRGB; 1 stays 1. Inverts `srgb_to_linear` with an error below 1e-6 on [-4, 4]."""
    magnitude = jnp.abs(linear)
    curved = jnp.maximum(magnitude, _LINEAR_BREAK)
    encoded = jnp.where(
        magnitude <= _LINEAR_BREAK,
        magnitude * _LINEAR_SLOPE,
        (1 + _OFFSET) * jnp.exp(jnp.log(curved) / _GAMMA) - _OFFSET,
    )
    return jnp.copysign(encoded, linear)
