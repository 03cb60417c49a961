"""Scale- and shift-invariant losses on inverse depth.

The trimmed error after normalisation follows R. Ranftl et al., "Towards Robust Monocular Depth Estimation", 2020;
the gradients at several scales follow Z. Li and N. Snavely, "MegaDepth", 2018.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_SCALES = (1, 2, 4, 8)
_COARSE = 4  # Smallest scale at which the edges of measured depth are accurate enough.
_FLAT = 1e-4  # Added to the variance, so that a constant output does not cause a division by zero.
_WRONG = 0.8  # Logarithmic error above which any excess counts only a tenth.
_SPARSE = 3  # Medians and quantiles use every third row and column.


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        raw: Weight of the unnormalised output's error against the target, which keeps the output's scale near 1.
        gradient: Weight of the gradients over four scales, in pictures whose depth is accurate at edges.
        coarse_gradient: Weight of the gradients over the two coarse scales, in other pictures; it keeps the relief
            from becoming flat.
        kept: Fraction of the pixels that count; those with the largest errors are ignored.
        fitted: Weight of the error after a least-squares fit, which is also the score, where depth was measured.
    """

    raw: float = 0.5
    gradient: float = 1.75
    coarse_gradient: float = 0.6
    kept: float = 0.9
    fitted: float = 2.0


def loss(
    output: Float[Array, "n H W"],
    target: Float[Array, "n H W"],
    weight: Float[Array, "n H W"],
    exact: Float[Array, " n"],
    *,
    weights: LossWeights,
    measured: Float[Array, "n H W"] | None = None,
) -> tuple[Float[Array, ""], Float[Array, " n"]]:
    """Return the mean loss, and each picture's trimmed error.

    Args:
        output: The network's inverse depth.
        target: Inverse depth minus its median, divided by its mean absolute deviation.
        weight: Weight of each pixel, 0 where the depth is unknown.
        exact: 1 for pictures whose depth is accurate at edges, otherwise 0.
        weights: Weights of the terms.
        measured: Inverse depth in any unit, 0 where it was not measured.
    """

    def one(output: Array, target: Array, weight: Array, exact: Array) -> tuple[Array, Array]:
        known = weight > 0
        sparse = jnp.where(known, jax.lax.stop_gradient(output), jnp.nan)[::_SPARSE, ::_SPARSE]
        centred = jnp.where(known, output - jnp.nanmedian(sparse), 0)
        # The lower limits make the error 0 if no pixel is known.
        count, mass = jnp.maximum(known.sum(), 1), jnp.maximum(weight.sum(), 1e-3)
        normalised = centred / jnp.maximum(jnp.abs(centred).sum() / count, 1e-3)
        difference = jnp.where(known, normalised - target, 0)
        error = jnp.abs(difference)
        limit = jnp.nanquantile(jnp.where(known, error, jnp.nan)[::_SPARSE, ::_SPARSE], weights.kept)
        inside = error <= jax.lax.stop_gradient(limit)
        trimmed = (jnp.where(inside, error, 0) * weight).sum() / mass
        raw = (jnp.where(known, jnp.abs(output - target), 0) * weight).sum() / mass
        fine, coarse = (_gradients(difference, known, least_scale=least) for least in (1, _COARSE))
        edges = weights.gradient * exact * fine + weights.coarse_gradient * (1 - exact) * coarse
        return trimmed + weights.raw * raw + edges, trimmed

    total, trimmed = jax.vmap(one)(output, target, weight, exact)
    if measured is not None:
        total += weights.fitted * jax.vmap(_fitted_error)(output, measured)
    return total.mean(), trimmed


def batch_loss(output: Float[Array, "n H W"], batch: dict[str, Any]) -> tuple[Float[Array, ""], Float[Array, " n"]]:
    """Return `loss` for a batch of views with the values that `views.lesson` returns."""
    return loss(
        output,
        batch["target"],
        batch["weight"],
        batch["exact"],
        weights=LossWeights(),
        measured=batch["measured"],
    )


def _fitted_error(output: Array, truth: Array) -> Array:
    """Return the logarithmic error after a least-squares fit of scale and shift, as in `evaluate.score`.

    Only a tenth of an error's excess over `_WRONG` counts, so that outliers cost little more than other wrong
    pixels.
    """
    known = truth > 0
    count = jnp.maximum(known.sum(), 1)

    def mean(values: Array) -> Array:
        return jnp.where(known, values, 0).sum() / count

    least = jnp.where(known, truth, truth.max()).min()
    x, y = output - mean(output), jnp.where(known, truth, 1)
    slope = mean(x * (y - mean(y))) / (mean(x * x) + _FLAT)
    fitted = jnp.maximum(slope * x + mean(y), 0.1 * jnp.maximum(least, 1e-6))
    error = jnp.abs(jnp.log(fitted) - jnp.log(y))
    return mean(jnp.minimum(error, _WRONG)) + 0.1 * mean(error)


def _gradients(difference: Array, known: Array, *, least_scale: int) -> Array:
    total = jnp.zeros(())
    for step in (scale for scale in _SCALES if scale >= least_scale):
        d, k = difference[::step, ::step], known[::step, ::step]
        across = jnp.abs(d[:, 1:] - d[:, :-1]) * (k[:, 1:] & k[:, :-1])
        down = jnp.abs(d[1:] - d[:-1]) * (k[1:] & k[:-1])
        total += (across.sum() + down.sum()) / jnp.maximum(k.sum(), 1)
    return total
