"""Enlarge feature maps bilinearly by two."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float


def double(x: Float[Array, "n h w c"]) -> Float[Array, "n H W c"]:
    """Enlarge bilinearly by two, with half-pixel centres and clamped edges.

    Each axis is computed as two interleaved phases, which is several times as fast as a general resize.
    """
    return _double(_double(x, 1), 2)


def _double(x: Array, axis: int) -> Array:
    length = x.shape[axis]
    before = jnp.concatenate(
        [jax.lax.slice_in_dim(x, 0, 1, axis=axis), jax.lax.slice_in_dim(x, 0, length - 1, axis=axis)], axis
    )
    after = jnp.concatenate(
        [jax.lax.slice_in_dim(x, 1, length, axis=axis), jax.lax.slice_in_dim(x, length - 1, length, axis=axis)],
        axis,
    )
    phases = jnp.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=axis + 1)
    shape = list(x.shape)
    shape[axis] = 2 * length
    return phases.reshape(shape)
