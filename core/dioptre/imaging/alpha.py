"""Straight and premultiplied alpha.

Anything that mixes pixels (resizing, blurring, compositing) must see premultiplied linear values: a straight
pixel with alpha 0 has a colour that means nothing and would leak into its neighbours.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

_SMALLEST_ALPHA = 1e-6  # below it the division would only enlarge rounding noise


def premultiply(rgba_straight: Float[Array, "*shape 4"]) -> Float[Array, "*shape 4"]:
    """Colour times alpha; alpha in [0, 1] stays."""
    return jnp.concatenate([rgba_straight[..., :3] * rgba_straight[..., 3:], rgba_straight[..., 3:]], axis=-1)


def unpremultiply(rgba_premultiplied: Float[Array, "*shape 4"]) -> Float[Array, "*shape 4"]:
    """Colour divided by alpha; black where alpha is 0."""
    alpha = rgba_premultiplied[..., 3:]
    colour = jnp.where(
        alpha > _SMALLEST_ALPHA, rgba_premultiplied[..., :3] / jnp.maximum(alpha, _SMALLEST_ALPHA), 0.0
    )
    return jnp.concatenate([colour, alpha], axis=-1)
