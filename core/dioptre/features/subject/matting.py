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

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32

from dioptre.imaging.resize import resize
from dioptre.programs import kept

from .speckle import without_speckle

SOLVED_PX = 576
"""Side of the square at which the matte is solved."""

_UNCERTAIN_PX = 9  # half-width of the band round the mask's edge in which alpha is free
_FLAT = 1e-5  # squared contrast below which a window of 3 x 3 pixels counts as flat
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
) -> Float32[np.ndarray, "H W"]:
    """Compute the alpha matte of `picture` from a coarse mask of any size.

    Args:
        picture: sRGB-encoded, nominally [0, 1].
        coarse: probability that a pixel belongs to the subject, in [0, 1].
        onto: the same picture at the size that the matte should have; `picture` itself if None.

    Returns:
        Alpha in [0, 1].
    """
    size = (SOLVED_PX, SOLVED_PX)
    guide = np.clip(resize(picture, size, method="area" if min(picture.shape[:2]) > SOLVED_PX else "bicubic"), 0, 1)
    probability = np.clip(resize(coarse, size, method="bilinear"), 0, 1)
    inside, outside, coefficients = _solve(guide, probability)
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


@kept
def _solve(
    guide: Float[Array, "h w 3"], probability: Float[Array, "h w"]
) -> tuple[Bool[Array, "h w"], Bool[Array, "h w"], Float[Array, "h w 4"]]:
    """Return the known pixels of subject and background, and each pixel's affine function of colour.

    The functions have three weights and a constant; they yield the matte.
    """
    surely_in = -_largest_near(-probability, _UNCERTAIN_PX) > 0.9
    surely_out = _largest_near(probability, _UNCERTAIN_PX) < 0.1
    pull = _PULL * (2.0 * probability - 1.0) ** 4 + _LEAST_PULL
    weight = jnp.where(surely_in | surely_out, _CERTAIN, pull)
    known = jnp.where(surely_in, 1.0, jnp.where(surely_out, 0.0, probability))
    windows = _Windows(guide)
    covering = windows.total(jnp.ones(probability.shape))
    certainty = covering + weight

    def deviation(alpha: _Plane) -> _Plane:
        functions = tuple(map(windows.total, windows.fit(alpha)))
        return certainty * alpha - windows.apply(functions)

    scale = 1 / certainty  # preconditioner that balances known and unknown pixels
    alpha, _ = jax.scipy.sparse.linalg.cg(
        deviation, weight * known, x0=known, maxiter=_ITERATIONS, tol=1e-6, M=lambda residual: residual * scale
    )
    functions = jnp.stack(tuple(map(windows.total, windows.fit(alpha))), axis=-1) / covering[..., None]
    return surely_in, surely_out, functions


_Plane = Float[Array, "h w"]


class _Windows:
    """Affine fits of a map to a guide in all square windows; the guide's statistics are computed once.

    Every quantity is a plane of its own: XLA compiles the sums of planes to loops of vector instructions, but those
    of planes stacked along an axis to loops that take three times as long.
    """

    def __init__(self, guide: Float[Array, "h w 3"]) -> None:
        self._guide = tuple(guide[..., channel] for channel in range(3))
        self._share = 1 / self.total(jnp.ones(guide.shape[:2]))
        self._mean = tuple(self.total(plane) * self._share for plane in self._guide)
        a, b, c, d, e, f = (
            self.total(self._guide[i] * self._guide[j]) * self._share
            - self._mean[i] * self._mean[j]
            + (_FLAT if i == j else 0.0)
            for i in range(3)
            for j in range(i, 3)
        )
        # Factor [[a b c] [b d e] [c e f]] as L D Lᵀ: inverting it by determinants loses all digits in float32.
        second = jnp.maximum(d - b * b / a, _FLAT / 2)
        self._low = (b / a, c / a, (e - c * b / a) / second)
        third = jnp.maximum(f - c * c / a - self._low[2] * (e - c * b / a), _FLAT / 2)
        self._scales = (1 / a, 1 / second, 1 / third)

    def total(self, plane: _Plane) -> _Plane:
        """Sum a plane over each pixel's window, excluding pixels outside the picture."""
        padded = jnp.pad(plane, 1)
        rows = padded[:-2] + padded[1:-1] + padded[2:]
        return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]

    def fit(self, target: _Plane) -> tuple[_Plane, _Plane, _Plane, _Plane]:
        """Return, for each window, the three weights and the constant that best predict `target` from the guide."""
        mean = self.total(target) * self._share
        x, y, z = (
            self.total(plane * target) * self._share - of_guide * mean
            for plane, of_guide in zip(self._guide, self._mean, strict=True)
        )
        (l1, l2, l3), (p1, p2, p3) = self._low, self._scales
        y = y - l1 * x
        z = (z - l2 * x - l3 * y) * p3
        y = y * p2 - l3 * z
        x = x * p1 - l1 * y - l2 * z
        return x, y, z, mean - x * self._mean[0] - y * self._mean[1] - z * self._mean[2]

    def apply(self, functions: tuple[_Plane, ...]) -> _Plane:
        """Evaluate the affine functions on the guide."""
        x, y, z, constant = functions
        return x * self._guide[0] + y * self._guide[1] + z * self._guide[2] + constant


def _largest_near(values: Float[Array, "h w"], reach_px: int) -> Float[Array, "h w"]:
    """Return the largest value within a square of half-width `reach_px` at each pixel."""
    side = 2 * reach_px + 1
    rows = jax.lax.reduce_window(values, -jnp.inf, jax.lax.max, (side, 1), (1, 1), "SAME")
    return jax.lax.reduce_window(rows, -jnp.inf, jax.lax.max, (1, side), (1, 1), "SAME")
