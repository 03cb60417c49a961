"""sRGB's transfer function, both ways.

Values outside [0, 1] are kept: the curve is continued above 1 by its own formula and below 0 by odd symmetry,
as in scRGB (IEC 61966-2-2), so that both functions are inverses of each other over the whole line.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

# IEC 61966-2-1:1999, sRGB.
_LINEAR_SLOPE = 12.92
_OFFSET = 0.055
_GAMMA = 2.4
_ENCODED_BREAK = 0.04045
_LINEAR_BREAK = 0.0031308


def srgb_to_linear(srgb_encoded: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Linear light of sRGB-encoded values; 1 stays 1. Has finite gradients everywhere."""
    magnitude = jnp.abs(srgb_encoded)
    curved = jnp.maximum(magnitude, _ENCODED_BREAK)
    linear = jnp.where(
        magnitude <= _ENCODED_BREAK,
        magnitude / _LINEAR_SLOPE,
        jnp.exp(_GAMMA * jnp.log((curved + _OFFSET) / (1 + _OFFSET))),
    )
    return jnp.copysign(linear, srgb_encoded)


def linear_to_srgb(linear: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """sRGB encoding of linear light; 1 stays 1. The inverse of `srgb_to_linear` to 1e-6 on [-4, 4]."""
    magnitude = jnp.abs(linear)
    curved = jnp.maximum(magnitude, _LINEAR_BREAK)
    encoded = jnp.where(
        magnitude <= _LINEAR_BREAK,
        magnitude * _LINEAR_SLOPE,
        (1 + _OFFSET) * jnp.exp(jnp.log(curved) / _GAMMA) - _OFFSET,
    )
    return jnp.copysign(encoded, linear)
