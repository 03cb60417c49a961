"""Inpaint surfaces hidden by nearer slices from their visible surroundings.

The method is pull-push: known values are averaged to ever smaller sizes, then each size fills the holes of the next
larger one (S. Gortler et al., "The Lumigraph", SIGGRAPH 1996). Its cost does not depend on the size of the holes.
Small sizes are inpainted once for the whole picture, on the host (`inpaint_group`); tiles start from them, on the
device (`inpaint`).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32
from scipy import ndimage

from dioptre.contract import Plane
from dioptre.imaging.threads import on_all_cores

from .aperture import REACH
from .blocks import MOST_SLICES
from .grid import VISIBLE, Level
from .slices import Group, SliceBounds, not_hiding_share, signed_square, slice_share
from .unfused import apart

_STEEP = 0.15  # slopes whose radius changes by more than this per pixel expose surfaces behind them
_LARGEST_HALF = float(np.finfo(np.float16).max)
_AROUND = 16  # extra margin of a box, in cells; values farther away have little influence
_ALIGNED = 32  # boxes start at multiples of this many cells, so that halving always pairs the same cells
_LEAST_FILL = 0.02  # inpainted slices that cover less of a cell are dropped there; other slices fill the rest
_ENOUGH = 0.5  # pixels with at least this known fraction are filled from it alone
_NOTHING = 1e-6


def halved(planes: Float[Array, "*c h w"]) -> Float[Array, "*c h2 w2"]:
    """Return the mean over 2 x 2 pixels along the last two axes."""
    return (
        planes[..., ::2, ::2] + planes[..., 1::2, ::2] + planes[..., ::2, 1::2] + planes[..., 1::2, 1::2]
    ) * 0.25


def doubled(planes: Float[Array, "*c h w"], needed: Bool[Array, ""]) -> Float[Array, "*c h2 w2"]:
    """Enlarge by 2 along the last two axes with bilinear interpolation, repeating the edge.

    Args:
        planes: the values.
        needed: if false, zeros are returned instead.
    """
    *depth, height, width = planes.shape

    def columns(planes: Array) -> Array:
        planes = jnp.concatenate([planes[..., :1], planes, planes[..., -1:]], -1)
        return jnp.repeat(planes, 2, axis=-1)

    def smoothed(twice: Array) -> Array:
        # Smoothing repeated values by (1, 2, 1) / 4 gives bilinear interpolation. Columns come first, then rows.
        made = 0.5 * twice[..., 2:-2] + 0.25 * (twice[..., 1:-3] + twice[..., 3:-1])
        made = jnp.concatenate([made[..., :1, :], made, made[..., -1:, :]], -2)
        middle = 0.75 * made[..., 1:-1, :]
        rows = jnp.stack([middle + 0.25 * made[..., :-2, :], middle + 0.25 * made[..., 2:, :]], -2)
        return rows.reshape(*depth, 2 * height, 2 * width)

    enlarged: Array = apart(needed, smoothed, apart(needed, columns, planes))
    return enlarged


def inpaint(
    planes: Float[Array, "c h w"],
    known: Float[Array, "h w"],
    smaller: Float[Array, "c ht wt"],
    *,
    where: Float[Array, "ht wt"],
    inner: tuple[Any, Any],
    shape: tuple[int, int],
) -> Float[Array, "c _ _"]:
    """Fill in the unknown fraction of each pixel of a window.

    Args:
        planes: the values times `known`.
        known: fraction of each pixel that is known, 0 to 1.
        smaller: the inpainted values at a size smaller by a power of two, one pixel per cell; each cell covers a
            whole block of pixels.
        where: 1 for the cells to inpaint, 0 for others.
        inner: row and column of the window's first pixel.
        shape: height and width of the window.

    Returns:
        The values in the window, with the unknown fraction filled in for the selected cells.
    """
    sizes = [(planes, known)]
    while sizes[-1][1].shape[-1] > 2 * smaller.shape[-1]:
        sizes.append((halved(sizes[-1][0]), halved(sizes[-1][1])))
    filled, needed = smaller, where.max() > 0
    for means, share in reversed(sizes[1:]):
        of_means, of_coarse = apart(needed, _weights, share)
        filled = of_means * means + of_coarse * doubled(filled, needed)

    def weights() -> tuple[Array, Array]:
        of_planes, of_coarse = _weights(known)
        holes = _holes(known, where)
        return window(1 + holes * of_planes, inner, shape), window(holes * of_coarse, inner, shape)

    of_planes, of_coarse = apart(needed, weights)
    return of_planes * window(planes, inner, shape) + of_coarse * window(doubled(filled, needed), inner, shape)


def window(values: Array, place: tuple[Any, Any], size: tuple[int, int], *first: Any) -> Array:
    """Return a window over the last two axes, at the given indices of the leading axes."""
    depth = values.shape[len(first) : -2]
    lengths = (*(1 for _ in first), *depth, *size)
    cut = jax.lax.dynamic_slice(values, (*first, *(0 for _ in depth), *place), lengths)
    return cut.reshape(lengths[len(first) :])


def _holes(known: Float[Array, "h w"], where: Float[Array, "ht wt"]) -> Float[Array, "h w"]:
    (height, width), (rows, columns) = known.shape, where.shape
    blocks = (1 - known).reshape(rows, height // rows, columns, width // columns)
    return (blocks * where[:, None, :, None]).reshape(height, width)


def _weights(share: Float[Array, "h w"]) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
    """Return the weights of known planes (times `share`) and of coarse values in an estimate of the unknown."""
    certain = jnp.minimum(share / _ENOUGH, 1.0)
    return certain / jnp.maximum(share, _NOTHING), 1 - certain


def inpaint_host(planes: Float32[np.ndarray, "c h w"], known: Plane) -> Float32[np.ndarray, "c h w"]:
    """Inpaint a small version of the whole picture on the host, halving it down to one pixel (see `inpaint`)."""
    height, width = known.shape
    if height == 1 and width == 1:
        return planes / np.maximum(known, np.float32(_NOTHING))
    stack = np.concatenate([planes, known[None]])
    stack = np.pad(stack, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    small = (stack[:, ::2, ::2] + stack[:, 1::2, ::2] + stack[:, ::2, 1::2] + stack[:, 1::2, 1::2]) / 4
    filled = inpaint_host(small[:-1], small[-1])
    enlarged = _doubled_small(_doubled_small(filled, axis=2), axis=1)
    enlarged = enlarged[:, :height, :width]
    certain = np.minimum(known / np.float32(_ENOUGH), 1)
    return enlarged + certain * (planes / np.maximum(known, np.float32(_NOTHING)) - enlarged)


def _doubled_small(values: Float32[np.ndarray, "c h w"], *, axis: int) -> Float32[np.ndarray, "c h2 w2"]:
    """Enlarge by 2 along one axis like `doubled`: repeat each value, then smooth by (1, 2, 1) / 4."""
    first, last = values.take([0], axis), values.take([-1], axis)
    twice = np.concatenate([first, values.repeat(2, axis), last], axis)
    length = twice.shape[axis]
    before, own, after = (twice[(slice(None),) * axis + (slice(start, length - 2 + start),)] for start in range(3))
    made: np.ndarray = np.float32(0.5) * own
    made += np.float32(0.25) * (before + after)
    return made


def inpaint_group(group: Group, level: Level, *, scale: int, everything: bool) -> np.ndarray:
    """Inpaint the slices of a group behind nearer slices, over the whole padded grid.

    Args:
        group: the slices.
        level: the surfaces at a small size, one pixel per cell.
        scale: pixels of the full picture per pixel of `level`.
        everything: also inpaint areas too far from the edge of any nearer surface for a blur to uncover them.

    Returns:
        Colour and coverage of each slice, and a mask that is 1 where the slice is continued behind nearer ones;
        (k, e + 1, h, w) in half precision, because there are many slices.
    """
    channels, height, width = level.planes.shape[1:]
    result = np.zeros((MOST_SLICES, channels + 1, height, width), np.float16)
    seen = level.planes[:, -1] > VISIBLE
    low, high = float(level.radii[seen].min()), float(level.radii[seen].max())
    squares = signed_square(level.radii)
    ends, lowest = _uncovering(group, level, scale)
    if not (everything or ends.any()):
        return result
    own_cells = int(np.ceil(REACH * max(abs(bounds.radius) for bounds in group.bounds) / scale)) + 1
    nearest = ndimage.maximum_filter(np.where(seen, level.radii, -np.inf).max(axis=0), 2 * own_cells + 1)

    def work(index: int) -> None:
        bounds = group.bounds[index]
        if bounds.after < low or bounds.before > high or bounds.hides_from > high:
            return  # the slice is empty, or nothing hides it
        narrow = SliceBounds(*np.asarray(bounds, np.float32))
        free = not_hiding_share(squares, narrow)
        known = free[0] * level.planes[0, -1] + free[1] * level.planes[1, -1]
        if known.min() > 1 - VISIBLE:
            return
        spread_px = np.maximum(nearest, max(-bounds.hides_from, 0.0)) + REACH * abs(bounds.radius)
        cells = np.ceil(spread_px / scale) + 2
        farthest = int(cells.max())
        if everything:
            could_show = np.ones_like(ends)
        else:
            uncovering = ends & (lowest < bounds.hides_to)  # the exposed surface must not itself hide the slice
            if not uncovering.any():
                return
            from_end = ndimage.distance_transform_cdt(~uncovering, metric="chessboard")
            could_show = (from_end <= cells) & _within(known > 0, farthest)
        wanted = could_show & (known < 1 - VISIBLE)
        if not wanted.any():
            return
        rows, columns = _box(wanted, farthest + _AROUND)
        shares, planes = slice_share(squares[:, rows, columns], narrow), level.planes[..., rows, columns]
        filled = inpaint_host(shares[0] * planes[0] + shares[1] * planes[1], known[rows, columns])
        filled[:, (filled[-1] < _LEAST_FILL) | ~could_show[rows, columns]] = 0
        near_filled = _within(filled[-1] > 0, 1)
        lit = np.flatnonzero(near_filled.any(axis=1))
        if lit.size:  # rows that stay zero are never written, so the system never allocates their memory
            some = slice(lit[0], lit[-1] + 1)
            target = result[index, :, rows, columns]
            target[:-1, some] = np.minimum(filled[:, some], _LARGEST_HALF)
            target[-1, some] = near_filled[some]

    on_all_cores(range(len(group.bounds)), work, lambda share: None)
    return result


def _box(mask: Bool[np.ndarray, "h w"], around: int) -> tuple[slice, slice]:
    """Return the rows and columns of the mask's bounding box, extended by at least `around` cells.

    The box starts at multiples of `_ALIGNED`.
    """

    def span(axis: int) -> slice:
        places = np.flatnonzero(mask.any(axis=1 - axis))
        start = max(int(places[0]) - around, 0) // _ALIGNED * _ALIGNED
        return slice(start, min(int(places[-1]) + 1 + around, mask.shape[axis]))

    return span(0), span(1)


def _uncovering(group: Group, level: Level, scale: int) -> tuple[Bool[np.ndarray, "h w"], Plane]:
    """Find the cells where a nearer surface ends and so exposes the surfaces behind it.

    Surfaces end at depth edges, on steep slopes, and where the next group begins. Within a group, slices on a
    gentle slope complement each other, but each group is composited as a whole.

    Returns:
        A mask of these cells, and the radius of the farthest surface around each cell.
    """
    seen = level.planes[:, -1] > VISIBLE
    highest = ndimage.maximum_filter(np.where(seen, level.radii, -np.inf).max(axis=0), 3)
    lowest = ndimage.minimum_filter(np.where(seen, level.radii, np.inf).min(axis=0), 3)
    steep = highest - lowest > _STEEP * 3 * scale
    ends: np.ndarray = level.edges | steep | ((lowest < group.nearest) & (highest > group.nearest))
    return ends, lowest


def _within(mask: Bool[np.ndarray, "h w"], distance: int) -> Bool[np.ndarray, "h w"]:
    """Return a mask that is set within this distance of a set cell along both axes."""
    for axis in (0, 1):
        length = mask.shape[axis]
        sums = np.concatenate(
            [np.zeros_like(mask.take([0], axis), np.int32), mask.cumsum(axis, dtype=np.int32)], axis
        )
        place = np.arange(length)
        after = sums.take(np.minimum(place + distance + 1, length), axis)
        mask = after > sums.take(np.maximum(place - distance, 0), axis)
    return mask
