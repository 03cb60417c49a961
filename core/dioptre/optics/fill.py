"""Filling what is hidden behind nearer things, from what is known around it.

Pull-push: known values are averaged to ever smaller sizes, then each size fills the holes of the next larger one.
S. Gortler et al., "The Lumigraph", SIGGRAPH 1996. The cost does not depend on the size of the holes.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32

_ENOUGH = 0.5  # of a cell known makes it count as fully known
_NOTHING = 1e-6


def halved(planes: Float[Array, "*c h w"]) -> Float[Array, "*c h2 w2"]:
    """Mean over 2 x 2 along the last two axes."""
    return (
        planes[..., ::2, ::2] + planes[..., 1::2, ::2] + planes[..., ::2, 1::2] + planes[..., 1::2, 1::2]
    ) * 0.25


def doubled(planes: Float[Array, "*c h w"], needed: Bool[Array, ""]) -> Float[Array, "*c h2 w2"]:
    """Bilinear enlargement by 2 along the last two axes, the edge repeated; zeros where it is not needed.

    The steps are branches because XLA does not fuse those: loops over several of them are several times slower.
    """
    *depth, height, width = planes.shape

    def columns(planes: Array) -> Array:
        planes = jnp.concatenate([planes[..., :1], planes, planes[..., -1:]], -1)
        return jnp.repeat(planes, 2, axis=-1)

    def smoothed(twice: Array) -> Array:
        # By (1, 2, 1) / 4, which makes bilinear ones of values that stand there twice; then the rows.
        made = 0.5 * twice[..., 2:-2] + 0.25 * (twice[..., 1:-3] + twice[..., 3:-1])
        made = jnp.concatenate([made[..., :1, :], made, made[..., -1:, :]], -2)
        middle = 0.75 * made[..., 1:-1, :]
        rows = jnp.stack([middle + 0.25 * made[..., :-2, :], middle + 0.25 * made[..., 2:, :]], -2)
        return rows.reshape(*depth, 2 * height, 2 * width)

    def nothing(*shape: int) -> Callable[[Array], Array]:
        return lambda _: jnp.zeros((*depth, *shape), planes.dtype)

    twice = jax.lax.cond(needed, columns, nothing(height, 2 * width + 4), planes)
    return jax.lax.cond(needed, smoothed, nothing(2 * height, 2 * width), twice)


def fill(
    planes: Float[Array, "c h w"],
    known: Float[Array, "h w"],
    top: Float[Array, "c ht wt"],
    *,
    where: Float[Array, "ht wt"],
) -> Float[Array, "c h w"]:
    """`planes` (times `known`, the share of each pixel that is known, 0 to 1) with the unknown share filled in.

    top: the filled values at a smaller size, a power of two below; its cells fall on whole blocks of pixels.
    where: 1 for the cells to fill, else 0.
    """
    sizes = [(planes, known)]
    while sizes[-1][1].shape[-1] > 2 * top.shape[-1]:
        sizes.append((halved(sizes[-1][0]), halved(sizes[-1][1])))
    filled, needed = top, where.max() > 0
    for smaller, share in reversed(sizes[1:]):
        filled = _mixed(smaller, share, doubled(filled, needed))
    return planes + _holes(known, where) * _mixed(planes, known, doubled(filled, needed))


def _holes(known: Float[Array, "h w"], where: Float[Array, "ht wt"]) -> Float[Array, "h w"]:
    (height, width), (rows, columns) = known.shape, where.shape
    blocks = (1 - known).reshape(rows, height // rows, columns, width // columns)
    return (blocks * where[:, None, :, None]).reshape(height, width)


def _mixed(
    planes: Float[Array, "c h w"], share: Float[Array, "h w"], coarse: Float[Array, "c h w"]
) -> Float[Array, "c h w"]:
    """The value that a pixel's known share suggests for the rest of it; the less is known, the more of `coarse`."""
    certain = jnp.minimum(share / _ENOUGH, 1.0)
    return coarse + certain * (planes / jnp.maximum(share, _NOTHING) - coarse)


def fill_small(
    planes: Float32[np.ndarray, "c h w"], known: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "c h w"]:
    """The same on the host, down to a single value, for a small picture of everything."""
    height, width = known.shape
    if height == 1 and width == 1:
        return planes / np.maximum(known, np.float32(_NOTHING))
    stack = np.concatenate([planes, known[None]])
    stack = np.pad(stack, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    small = (stack[:, ::2, ::2] + stack[:, 1::2, ::2] + stack[:, ::2, 1::2] + stack[:, 1::2, 1::2]) / 4
    filled = fill_small(small[:-1], small[-1])
    enlarged = _doubled_small(_doubled_small(filled, axis=2), axis=1)
    enlarged = enlarged[:, :height, :width]
    certain = np.minimum(known / np.float32(_ENOUGH), 1)
    return enlarged + certain * (planes / np.maximum(known, np.float32(_NOTHING)) - enlarged)


def _doubled_small(values: Float32[np.ndarray, "c h w"], *, axis: int) -> Float32[np.ndarray, "c h2 w2"]:
    """Bilinear, as `doubled`: each value twice, smoothed by (1, 2, 1) / 4."""
    first, last = values.take([0], axis), values.take([-1], axis)
    twice = np.concatenate([first, values.repeat(2, axis), last], axis)
    length = twice.shape[axis]
    before, own, after = (twice[(slice(None),) * axis + (slice(start, length - 2 + start),)] for start in range(3))
    made: np.ndarray = np.float32(0.5) * own
    made += np.float32(0.25) * (before + after)
    return made
