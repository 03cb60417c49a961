"""The two resampling methods with which the network was trained, equivalent to PyTorch's."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_A = -0.75  # parameter a of the cubic convolution kernel, as in PyTorch


def resize_aligned(x: Float[Array, "n h w c"], size: tuple[int, int]) -> Float[Array, "n H W c"]:
    """Resize bilinearly, with the corner samples kept at the corners (align_corners=True)."""
    for axis, length in enumerate(size, start=1):
        old = x.shape[axis]
        if old != length:
            x = interpolate(x, np.arange(length) * ((old - 1) / max(length - 1, 1)), axis)
    return x


def interpolate(x: Float[Array, "n h w c"], position: np.ndarray, axis: int) -> Float[Array, "n H W c"]:
    """Interpolate linearly along `axis` at positions between 0 and the index of the last sample."""
    old = x.shape[axis]
    low = np.minimum(np.floor(position).astype(np.int32), max(old - 2, 0))
    shape = [1] * x.ndim
    shape[axis] = len(position)
    weight = jnp.asarray((position - low).astype(np.float32).reshape(shape))
    below, above = jnp.take(x, low, axis=axis), jnp.take(x, np.minimum(low + 1, old - 1), axis=axis)
    return below + (above - below) * weight


def resize_cubic(
    grid: Float[Array, "h w c"], size: tuple[int, int], *, offset: float = 0.0
) -> Float[Array, "H W c"]:
    """Resize bicubically with half-pixel centres and clamped edges, without antialiasing (align_corners=False).

    Args:
        grid: the samples.
        size: height and width of the result.
        offset: added to the number of new samples along each axis when their spacing is computed.
    """
    rows = _cubic_matrix(grid.shape[0], size[0], offset)
    columns = _cubic_matrix(grid.shape[1], size[1], offset)
    return jnp.einsum("ih,jw,hwc->ijc", rows, columns, grid, precision="highest")


def _cubic_matrix(old: int, new: int, offset: float) -> Float[np.ndarray, "new old"]:
    position = (np.arange(new) + 0.5) * (old / (new + offset)) - 0.5
    base = np.floor(position).astype(int)
    matrix = np.zeros((new, old))
    for tap in range(-1, 3):
        weights = _cubic_kernel(np.abs(position - base - tap))
        np.add.at(matrix, (np.arange(new), np.clip(base + tap, 0, old - 1)), weights)
    return matrix.astype(np.float32)


def _cubic_kernel(distance: np.ndarray) -> np.ndarray:
    near = ((_A + 2) * distance - (_A + 3)) * distance**2 + 1
    far = ((_A * distance - 5 * _A) * distance + 8 * _A) * distance - 4 * _A
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
