"""Loss function for soft alpha: the error, weighted higher in the transition band, plus errors at every scale."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_BAND_PX, _IN_BAND = 9, 4.0
_LEVELS = 4


def loss_of(
    alpha: Float[Array, "n s s"], truth: Float[Array, "n s s"], weight: Float[Array, "n s s"]
) -> Float[Array, ""]:
    """Return the mean absolute error plus the errors of a Laplacian pyramid's levels and of its coarsest remainder.

    The absolute error counts more in the band around partly transparent pixels.

    Args:
        alpha: Predicted alpha in [0, 1].
        truth: True alpha in [0, 1].
        weight: 0 where the truth is unknown, for example near hand-drawn outlines.
    """
    soft = ((truth > 0.02) & (truth < 0.98)).astype(jnp.float32)
    side = 2 * _BAND_PX + 1
    band = jax.lax.reduce_window(soft, 0.0, jax.lax.max, (1, side, side), (1, 1, 1), "SAME")
    alpha = truth + weight * (alpha - truth)  # Unknown pixels cause no error at any scale.
    counted = weight * (1 + _IN_BAND * band)
    total = _mean(jnp.abs(alpha - truth), counted)
    made, true, known = alpha, truth, weight
    for level in range(_LEVELS):
        (small, above), (smaller, over) = _halved(made), _halved(true)
        total += 0.5 * 2**level / _LEVELS * _mean(jnp.abs(above - over), known)
        made, true, known = small, smaller, _halved(known)[0]
    return total + _mean(jnp.abs(made - true), known)


def _mean(error: Array, weight: Array) -> Array:
    return (error * weight).sum() / jnp.maximum(weight.sum(), 1.0)


def _halved(x: Float[Array, "n s s"]) -> tuple[Array, Array]:
    """Return the picture at half size, and the detail lost by halving it."""
    n, height, width = x.shape
    small = x.reshape(n, height // 2, 2, width // 2, 2).mean((2, 4))
    return small, x - jax.image.resize(small, x.shape, "linear")
