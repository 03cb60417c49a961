"""3 x 3 convolutions by Winograd's method, which needs a quarter of the multiplications.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, F(4 x 4, 3 x 3): tiles of 6 x 6
samples and the kernel are transformed, multiplied as 36 matrices, and transformed back to 4 x 4 results. On a
CPU, this takes 30 to 50 % of the time of XLA's convolution for 256 to 64 channels. Rounding errors are about
ten times larger, below 1e-5 of the result's range. As in `attention`, one part is processed after another, so
that it fits into the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Matrix = Sequence[Sequence[float]]

_TILE = 4  # results of a tile along each axis
_SAMPLES: Matrix = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_KERNEL: Matrix = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_RESULTS: Matrix = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


def convolve3x3(x: Float[Array, "n h w c"], kernel: Float[Array, "3 3 c d"]) -> Float[Array, "n h2 w2 d"]:
    """Convolve without padding, as `convolve` does; on another device than a CPU, that is used.

    Args:
        x: the samples.
        kernel: the kernel, by row, column, input and output channel.
    """
    if jax.default_backend() != "cpu":
        return convolve(x, kernel)
    n, height, width, channels = x.shape
    rows, columns = (-(-(side - 2) // _TILE) for side in (height, width))
    # One more tile than needed, whose first samples complete the last tile.
    more = [_TILE * (tiles + 1) - side for tiles, side in ((rows, height), (columns, width))]
    x = jnp.pad(x, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)))
    kernels = jnp.stack(_combined(_KERNEL, [jnp.stack(_combined(_KERNEL, list(row))) for row in kernel]))

    def across(part: tuple[Array, Array]) -> Array:
        """Transform rows of tiles along the other axis, multiply them, and transform the products back."""
        row, weights = part
        samples = jnp.stack(_combined(_SAMPLES, _windows(row, 2)))
        products = jnp.einsum("vtc,vcd->vtd", samples.reshape(len(weights), -1, channels), weights)
        return jnp.stack(_combined(_RESULTS, list(products.reshape(*samples.shape[:-1], -1))), axis=3)

    parts = jax.lax.map(across, (jnp.stack(_combined(_SAMPLES, _windows(x, 1))), kernels))
    result = jnp.stack(_combined(_RESULTS, list(parts)), axis=2)
    return result.reshape(n, _TILE * rows, _TILE * columns, -1)[:, : height - 2, : width - 2]


def convolve(x: Float[Array, "n h w c"], kernel: Float[Array, "a b c d"]) -> Float[Array, "n h2 w2 d"]:
    """Convolve without padding by XLA's own method."""
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _windows(x: Array, axis: int) -> list[Array]:
    """Return the six samples of every tile along `axis`, which has a multiple of four samples."""
    shape = (*x.shape[:axis], x.shape[axis] // _TILE, _TILE, *x.shape[axis + 1 :])
    tiles = jnp.moveaxis(x.reshape(shape), axis + 1, 0)
    first = jax.lax.slice_in_dim(tiles, 0, shape[axis] - 1, axis=axis + 1)
    following = jax.lax.slice_in_dim(tiles, 1, shape[axis], axis=axis + 1)
    return [*first, following[0], following[1]]


def _combined(matrix: Matrix, parts: Sequence[Array]) -> list[Array]:
    """Multiply the vector of `parts` by a constant matrix, whose zeros cost nothing."""
    terms = ([weight * part for weight, part in zip(row, parts, strict=True) if weight] for row in matrix)
    return [functools.reduce(jnp.add, row) for row in terms]
