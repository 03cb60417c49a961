"""Scale- and shift-invariant losses on inverse depth.

Trimmed error after normalisation: R. Ranftl et al., "Towards Robust Monocular Depth Estimation", 2020. Gradients at
several scales: Z. Li, N. Snavely, "MegaDepth", 2018.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_SCALES = (1, 2, 4, 8)
_COARSE = 4  # from this scale on, measured depth has edges to be learnt from, too
_FLAT = 1e-4  # variance of an output that says nothing
_WRONG = 0.8  # logarithmic error from which on a pixel counts a tenth
_SPARSE = 3  # medians and quantiles are taken over every third row and column


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """raw: of the output as it is against the normalised target, which keeps the output's scale near 1.
    gradient: of the sum over four scales, where edges are true. coarse_gradient: of the sum over the two coarse
    ones elsewhere, so that relief does not stay too flat. kept: share of the pixels that count. fitted: of the
    error as it is scored, where depth was measured."""

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
    """Mean loss, and each picture's trimmed error.

    target: inverse depth less its median, divided by its mean absolute deviation. weight: 0 where unknown. exact: 1
    for pictures whose edges are true. measured: inverse depth in any unit, 0 where it was not measured.
    """

    def one(output: Array, target: Array, weight: Array, exact: Array) -> tuple[Array, Array]:
        known = weight > 0
        sparse = jnp.where(known, jax.lax.stop_gradient(output), jnp.nan)[::_SPARSE, ::_SPARSE]
        centred = jnp.where(known, output - jnp.nanmedian(sparse), 0)
        count, mass = jnp.maximum(known.sum(), 1), jnp.maximum(weight.sum(), 1e-3)  # all unknown: no error
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
    """`loss` of a batch of what `views.lesson` gives."""
    return loss(
        output,
        batch["target"],
        batch["weight"],
        batch["exact"],
        weights=LossWeights(),
        measured=batch["measured"],
    )


def _fitted_error(output: Array, truth: Array) -> Array:
    """Logarithmic error after least squares in scale and shift, as in `evaluate.score`; little more for a wild
    pixel than for a wrong one."""
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
