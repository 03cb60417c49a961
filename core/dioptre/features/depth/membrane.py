"""Fill a hole in a map with a membrane: the smoothest surface that meets the values around it.

The surface solves Laplace's equation with the known values as boundary and zero flux through the picture's edges,
by conjugate gradients that start from pull-push. P. Pérez, M. Gangnet, A. Blake, "Poisson Image Editing", SIGGRAPH
2003.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from dioptre.contract import Plane
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize

_GRID = (256, 256)  # fixed, so the solver compiles once; coarse, because membranes are smooth
_STEPS = 96


def membrane(values: Plane, inside: Bool[np.ndarray, "h w"]) -> Plane:
    """Replace the values in a hole with a membrane.

    The membrane is solved on a grid of 256 x 256 cells. Along the border of a large hole, the result is smooth and
    may not match every surrounding value exactly.

    Args:
        values: the map.
        inside: true in the hole.

    Returns:
        The map with its hole filled; all zeros if the hole covers the whole map.
    """
    if inside.all():
        return np.zeros_like(values)
    size = values.shape[0], values.shape[1]
    known = resize((~inside).astype(np.float32), _GRID, method="area")
    weighted = resize(np.where(inside, 0, values).astype(np.float32), _GRID, method="area")
    means = np.where(known > 0, weighted / np.maximum(known, 1e-6), 0).astype(np.float32)
    hole = known < 0.5
    guess = pull_push(means, (~hole).astype(np.float32))
    scale = (size[0] / _GRID[0], size[1] / _GRID[1])
    solved = np.asarray(_solve(jnp.asarray(guess), jnp.asarray(hole), jnp.asarray(scale, jnp.float32)))
    smooth = resize(solved, size, method="bilinear")
    return np.where(inside, smooth, values)


@jax.jit
def _solve(guess: Float[Array, "h w"], hole: Bool[Array, "h w"], scale: Float[Array, "2"]) -> Float[Array, "h w"]:
    """Solve Laplace's equation inside `hole` by conjugate gradients; `scale` is the height and width of a cell."""
    down, across = 1 / scale[0] ** 2, 1 / scale[1] ** 2
    strength = jnp.maximum(down, across)
    down, across = down / strength, across / strength

    def laplacian(x: Array) -> Array:
        padded = jnp.pad(x, 1, mode="edge")
        rows = padded[2:, 1:-1] + padded[:-2, 1:-1] - 2 * x
        columns = padded[1:-1, 2:] + padded[1:-1, :-2] - 2 * x
        return jnp.where(hole, -(down * rows + across * columns), 0)

    # Solving for the correction, which is 0 outside the hole, makes the operator symmetric and positive.
    missing, _ = jax.scipy.sparse.linalg.cg(laplacian, -laplacian(guess), maxiter=_STEPS, tol=0.0)
    return guess + missing
