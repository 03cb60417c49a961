"""Alpha mattes: refine a coarse mask so that it follows hair, whiskers and edges in the picture.

Closed-form matting: A. Levin, D. Lischinski, Y. Weiss, "A Closed-Form Solution to Natural Image Matting", TPAMI
2008. Within every small window, alpha is modelled as an affine function of colour; the matte is the one that
deviates least from these functions and from the known pixels. The matting Laplacian is applied as a guided filter
and never assembled: K. He, J. Sun, X. Tang, "Fast Matting Using Large Kernel Matting Laplacian Matrices", CVPR
2010.

The matte is solved at one fixed size, to which the picture is resized. The affine functions are then enlarged and
applied to the full picture, which restores its detail. A new picture size therefore triggers no compilation.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32

from dioptre.imaging.resize import resize

from .speckle import without_speckle

SOLVED_PX = 576
"""Side of the square at which the matte is solved."""

_ITERATIONS = 60  # iterations of conjugate gradients; 40 more change the matte by less than 1/255
_CERTAIN = 100.0  # weight of the known pixels; deviations from a window's fit have weight 1
_PULL = 5e-2  # weight of the coarse mask outside the known pixels, where the mask is near 0 or 1
_LEAST_PULL = 1e-4  # minimum weight of the coarse mask, which keeps the linear system solvable everywhere
_BLACK, _WHITE = 0.05, 0.95  # alpha outside this range becomes 0 or 1, because the fit never quite reaches them


def refine_matte(
    picture: Float32[np.ndarray, "h w 3"],
    coarse: Float32[np.ndarray, "a b"],
    *,
    onto: Float32[np.ndarray, "H W 3"] | None = None,
    uncertain_px: float = 5.0,
    epsilon: float = 1e-5,
    radius_px: int = 1,
) -> Float32[np.ndarray, "H W"]:
    """Compute the alpha matte of `picture` from a coarse mask of any size.

    Args:
        picture: sRGB-encoded, nominally [0, 1].
        coarse: probability that a pixel belongs to the subject, in [0, 1].
        onto: the same picture at the size that the matte should have; `picture` itself if None.
        uncertain_px: half-width of the band round the mask's edge in which alpha is free, in units of 1/320 of a
            side.
        epsilon: squared contrast below which a window counts as flat.
        radius_px: half-width of the windows, in units of 1/576 of a side.

    Returns:
        Alpha in [0, 1].
    """
    size = (SOLVED_PX, SOLVED_PX)
    guide = np.clip(resize(picture, size, method="area" if min(picture.shape[:2]) > SOLVED_PX else "bicubic"), 0, 1)
    probability = np.clip(resize(coarse, size, method="bilinear"), 0, 1)
    reach_px = max(1, round(uncertain_px * SOLVED_PX / 320))
    inside, outside, coefficients = _solve(
        guide, probability, reach_px=reach_px, radius_px=radius_px, epsilon=np.float32(epsilon)
    )
    picture = picture if onto is None else onto
    full = picture.shape[0], picture.shape[1]
    functions = np.asarray(coefficients)
    detailed = resize(functions[..., 3], full, method="bilinear")
    for channel in range(3):  # one plane at a time, because four planes of a large picture take much memory
        weight = resize(functions[..., channel], full, method="bilinear")
        weight *= picture[..., channel]
        detailed += weight
    return without_speckle(_levels(detailed), picture, probability, np.asarray(inside), np.asarray(outside))


def _levels(alpha: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Stretch the matte's levels in place, and return it."""
    alpha -= np.float32(_BLACK)
    alpha /= np.float32(_WHITE - _BLACK)
    return np.clip(alpha, 0, 1, out=alpha)


@partial(jax.jit, static_argnames=("reach_px", "radius_px"))
def _solve(
    guide: Float[Array, "h w 3"],
    probability: Float[Array, "h w"],
    *,
    reach_px: int,
    radius_px: int,
    epsilon: Float[Array, ""],
) -> tuple[Bool[Array, "h w"], Bool[Array, "h w"], Float[Array, "h w 4"]]:
    """Return the known pixels of subject and background, and each pixel's affine function of colour.

    The functions have three weights and a constant; they yield the matte.
    """
    surely_in = -_largest_near(-probability, reach_px) > 0.9
    surely_out = _largest_near(probability, reach_px) < 0.1
    pull = _PULL * (2.0 * probability - 1.0) ** 4 + _LEAST_PULL
    weight = jnp.where(surely_in | surely_out, _CERTAIN, pull)
    known = jnp.where(surely_in, 1.0, jnp.where(surely_out, 0.0, probability))
    windows = _Windows(guide, radius_px=radius_px, epsilon=epsilon)
    covering = windows.total(jnp.ones((*probability.shape, 1)))[..., 0]

    def deviation(alpha: Float[Array, "h w"]) -> Float[Array, "h w"]:
        functions = windows.total(windows.fit(alpha))
        return covering * alpha - windows.apply(functions) + weight * alpha

    diagonal = covering + weight  # preconditioner that balances known and unknown pixels
    alpha, _ = jax.scipy.sparse.linalg.cg(
        deviation, weight * known, x0=known, maxiter=_ITERATIONS, tol=1e-6, M=lambda residual: residual / diagonal
    )
    functions = windows.total(windows.fit(alpha)) / covering[..., None]
    return surely_in, surely_out, functions


class _Windows:
    """Affine fits of a map to a guide in all square windows; the guide's statistics are computed once."""

    def __init__(self, guide: Float[Array, "h w 3"], *, radius_px: int, epsilon: Float[Array, ""]) -> None:
        self._guide, self._radius_px = guide, radius_px
        self._count = self.total(jnp.ones((*guide.shape[:2], 1)))
        self._mean = self.total(guide) / self._count
        pairs = [(i, j) for i in range(3) for j in range(i, 3)]
        products = self.total(jnp.stack([guide[..., i] * guide[..., j] for i, j in pairs], axis=-1)) / self._count
        covariance = [products[..., k] - self._mean[..., i] * self._mean[..., j] for k, (i, j) in enumerate(pairs)]
        a, b, c, d, e, f = (v + (epsilon if i == j else 0.0) for v, (i, j) in zip(covariance, pairs, strict=True))
        # Factor [[a b c] [b d e] [c e f]] as L D Lᵀ: inverting it by determinants loses all digits in float32.
        self._low = (b / a, c / a, (e - c * b / a) / jnp.maximum(d - b * b / a, epsilon / 2))
        second = jnp.maximum(d - b * b / a, epsilon / 2)
        third = jnp.maximum(f - c * c / a - self._low[2] * (e - c * b / a), epsilon / 2)
        self._pivots = (a, second, third)

    def total(self, values: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        """Sum the values over each pixel's window, excluding pixels outside the picture."""
        return _slide(_slide(values, self._radius_px, 0), self._radius_px, 1)

    def fit(self, target: Float[Array, "h w"]) -> Float[Array, "h w 4"]:
        """Return, for each window, the three weights and the constant that best predict `target` from the guide."""
        sums = (
            self.total(jnp.concatenate([self._guide * target[..., None], target[..., None]], axis=-1)) / self._count
        )
        x, y, z = (sums[..., k] - self._mean[..., k] * sums[..., 3] for k in range(3))
        (l1, l2, l3), (p1, p2, p3) = self._low, self._pivots
        y = y - l1 * x
        z = (z - l2 * x - l3 * y) / p3
        y = y / p2 - l3 * z
        weights = jnp.stack([x / p1 - l1 * y - l2 * z, y, z], axis=-1)
        constant = sums[..., 3:] - (weights * self._mean).sum(axis=-1, keepdims=True)
        return jnp.concatenate([weights, constant], axis=-1)

    def apply(self, functions: Float[Array, "h w 4"]) -> Float[Array, "h w"]:
        """Evaluate the affine functions on the guide."""
        return (functions[..., :3] * self._guide).sum(axis=-1) + functions[..., 3]


def _slide(values: Float[Array, "h w c"], radius_px: int, axis: int) -> Float[Array, "h w c"]:
    padding = [(radius_px, radius_px) if i == axis else (0, 0) for i in range(3)]
    padded = jnp.pad(values, padding)
    length = values.shape[axis]
    shifted = [jax.lax.slice_in_dim(padded, k, k + length, axis=axis) for k in range(2 * radius_px + 1)]
    return sum(shifted[1:], start=shifted[0])


def _largest_near(values: Float[Array, "h w"], reach_px: int) -> Float[Array, "h w"]:
    """Return the largest value within a square of half-width `reach_px` at each pixel."""
    side = 2 * reach_px + 1
    rows = jax.lax.reduce_window(values, -jnp.inf, jax.lax.max, (side, 1), (1, 1), "SAME")
    return jax.lax.reduce_window(rows, -jnp.inf, jax.lax.max, (1, side), (1, 1), "SAME")
