"""The slices of a tile: cut out, continued behind nearer ones, blurred, and laid over one another."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Float16, Float32, Int, UInt32
from scipy import ndimage

from dioptre.imaging.threads import on_all_cores
from dioptre.imaging.tiles import Tile

from .aperture import REACH, Aperture
from .blocks import MOST_SLICES, Plan, Shape, block_shape, plans
from .fill import fill, fill_small
from .grid import CELL, MARGIN_PX, TOP, VISIBLE, Grid, Level, read
from .slices import LIKE_SLICES, Group, blocking_of, reach_of, share_of, signed_square

_LIKE = LIKE_SLICES - 1
_NOTHING = 1e-6
_COVERED = 5e-4  # of a pixel: what nearer slices leave free of it is no room for more
_TAG = 2.0  # shares that slices cover are below it
_STEEP = 0.15  # change of the radius from pixel to pixel; a gentler slope uncovers nothing of itself
_LARGEST_HALF = float(np.finfo(np.float16).max)
_AROUND = 16  # cells: what is farther away hardly has a part in a fill
_ALIGNED = 32  # cells: the sizes that a fill is made from begin at the same pixels, wherever it begins
_BLURRED_PX = 0.5  # a slice of a smaller radius is left as it is
_OPENED = 5.0  # times the open share of a disc: where nearer things bend around, they leave more than that share
_ROUNDING = 1e-4  # of a sum over a disc, with room to spare: a smaller opening is none
_LEAST_FILL = 0.02  # a smaller share of a slice behind nearer things is left to the others


def top_of(group: Group, level: Level, *, scale: int, everything: bool) -> np.ndarray:
    """Per slice, colour and share as they continue behind nearer slices, over the whole padded grid, and where.

    scale: pixels of the full picture to one of `level`. everything: also what stays hidden however what is before
    it is blurred, as it is far from what could show, or from the edge of anything before it. In half precision,
    as there are many slices.
    """
    channels, height, width = level.planes.shape[1:]
    made = np.zeros((MOST_SLICES, channels + 1, height, width), np.float16)
    seen = level.planes[:, -1] > VISIBLE
    low, high = float(level.radii[seen].min()), float(level.radii[seen].max())
    squares = signed_square(level.radii)
    ends, lowest = _uncovering(group, level, scale)
    if not (everything or ends.any()):
        return made
    own_cells = int(np.ceil(REACH * max(abs(bound[1]) for bound in group.bounds) / scale)) + 1
    nearest = ndimage.maximum_filter(np.where(seen, level.radii, -np.inf).max(axis=0), 2 * own_cells + 1)

    def work(index: int) -> None:
        bound = group.bounds[index]
        if bound[2] < low or bound[0] > high or bound[3] > high:
            return  # empty, or nothing hides it
        narrow = np.asarray(bound, np.float32)
        reaches = reach_of(squares, narrow)
        known = reaches[0] * level.planes[0, -1] + reaches[1] * level.planes[1, -1]
        if known.min() > 1 - VISIBLE:
            return
        spread_px = np.maximum(nearest, max(-bound[3], 0.0)) + REACH * abs(bound[1])
        cells = np.ceil(spread_px / scale) + 2
        farthest = int(cells.max())
        if everything:
            could_show = np.ones_like(ends)
        else:
            uncovering = ends & (lowest < bound[4])  # what lies behind there does not hide the slice in its turn
            if not uncovering.any():
                return
            from_end = ndimage.distance_transform_cdt(~uncovering, metric="chessboard")
            could_show = (from_end <= cells) & _within(known > 0, farthest)
        wanted = could_show & (known < 1 - VISIBLE)
        if not wanted.any():
            return
        rows, columns = _box(wanted, farthest + _AROUND)
        shares, planes = share_of(squares[:, rows, columns], narrow), level.planes[..., rows, columns]
        filled = fill_small(shares[0] * planes[0] + shares[1] * planes[1], known[rows, columns])
        filled[:, (filled[-1] < _LEAST_FILL) | ~could_show[rows, columns]] = 0
        near_filled = _within(filled[-1] > 0, 1)
        lit = np.flatnonzero(near_filled.any(axis=1))
        if lit.size:  # memory of rows that stay zero is never touched
            some = slice(lit[0], lit[-1] + 1)
            target = made[index, :, rows, columns]
            target[:-1, some] = np.minimum(filled[:, some], _LARGEST_HALF)
            target[-1, some] = near_filled[some]

    on_all_cores(range(len(group.bounds)), work, lambda share: None)
    return made


def _box(mask: Bool[np.ndarray, "h w"], around: int) -> tuple[slice, slice]:
    """What the mask is set in, and at least this much around it; begins at multiples of `_ALIGNED`."""

    def span(axis: int) -> slice:
        places = np.flatnonzero(mask.any(axis=1 - axis))
        start = max(int(places[0]) - around, 0) // _ALIGNED * _ALIGNED
        return slice(start, min(int(places[-1]) + 1 + around, mask.shape[axis]))

    return span(0), span(1)


def _uncovering(
    group: Group, level: Level, scale: int
) -> tuple[Bool[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Where nearer things end and uncover what is behind, and the radius of the farthest thing around each cell.

    They do at edges, on steep slopes, where the next group begins.

    Slices of a gentle slope make room for each other, but groups are laid over one another as wholes.
    """
    seen = level.planes[:, -1] > VISIBLE
    highest = ndimage.maximum_filter(np.where(seen, level.radii, -np.inf).max(axis=0), 3)
    lowest = ndimage.minimum_filter(np.where(seen, level.radii, np.inf).min(axis=0), 3)
    steep = highest - lowest > _STEEP * 3 * scale
    ends: np.ndarray = level.edges | steep | ((lowest < group.nearest) & (highest > group.nearest))
    return ends, lowest


def _within(mask: Bool[np.ndarray, "h w"], distance: int) -> Bool[np.ndarray, "h w"]:
    """Where the mask is set not farther than this along both axes."""
    for axis in (0, 1):
        length = mask.shape[axis]
        sums = np.concatenate(
            [np.zeros_like(mask.take([0], axis), np.int32), mask.cumsum(axis, dtype=np.int32)], axis
        )
        place = np.arange(length)
        after = sums.take(np.minimum(place + distance + 1, length), axis)
        mask = after > sums.take(np.maximum(place - distance, 0), axis)
    return mask


@lru_cache(maxsize=128)
def _kernels(
    group: Group, aperture: Aperture, side: int, shape: Shape, field: tuple[float, float]
) -> Complex[Array, "k hb wb2"]:
    """Transforms of the discs of the slices that are blurred in blocks of this shape, zeros for the others.

    In the group's own pixels, centred on pixel 0; side: of the tile; field as of `Aperture`.
    """
    drawn = np.zeros((MOST_SLICES, *shape), np.float32)
    for index, (reach, (_, radius, *_)) in enumerate(zip(_reach(group, aperture), group.bounds, strict=True)):
        if block_shape(side, int(reach)) == shape:
            kernel = _drawn(radius, 1 << group.level, aperture, field)
            around = np.arange(len(kernel)) - len(kernel) // 2
            drawn[index][np.ix_(around % shape[0], around % shape[1])] = kernel
    return jnp.fft.rfft2(drawn)


def _drawn(radius: float, scale: int, aperture: Aperture, field: tuple[float, float]) -> Float[np.ndarray, "n n"]:
    # Drawing on pixels widens the disc by a pixel's own spread (1/12 in variance along each axis, a disc has
    # r²/4); going to a smaller size and back adds the mean over blocks (1/12) and the bilinear tent (1/6).
    added = 1 / 3 if scale == 1 else 4 / 3
    own = max((radius / scale) ** 2 - added, 0.0) ** 0.5
    size = 2 * int(np.ceil(own * REACH)) + 5
    return aperture.kernel(own, size=size, field=field, inverted=radius < 0)


@lru_cache(maxsize=64)
def _reach(group: Group, aperture: Aperture) -> Int[np.ndarray, " k"]:
    """Per slice, how far its disc reaches along the axes."""
    made = []
    for _, radius, *_ in group.bounds:
        lit = np.argwhere(_drawn(radius, 1 << group.level, aperture, (0.0, 0.0)) > 0)
        made.append((np.ptp(lit, axis=0).max() + 1) // 2 + 1)
    return np.array(made)


def _block(
    shape: tuple[int, int],
    surfaces: tuple[Float[Array, "2 e h w"], Float[Array, "2 h w"]],
    open_behind: Float[Array, "h w"],
    slices: tuple[Float16[Array, "k e1 ht wt"], Float[Array, "k 7"], Complex[Array, "k hb wb2"]],
    step: Int[Array, "8"],
    above: tuple[Float[Array, "e h w"], Float[Array, "2 h w"]],
) -> tuple[Float[Array, "e h w"], Float[Array, "2 h w"]]:
    """Lay one slice over what is behind it, in a block of this shape."""
    planes, squares = surfaces
    tops, bounds, kernels = slices
    result, like = above
    side = planes.shape[-1]
    height, width = shape
    index, row, column, begin, end, left, right, hidden = step
    bound = bounds[index]
    # The fill looks one cell beyond what it fills.
    taller, wider = min(height + 2 * CELL, side), min(width + 2 * CELL, side)
    first_row, first_column = jnp.clip(row - CELL, 0, side - taller), jnp.clip(column - CELL, 0, side - wider)

    def part(whole: Array, at: tuple[Any, Any], size: tuple[int, int], *first: Any) -> Array:
        depth = whole.shape[len(first) : -2]
        lengths = (*(1 for _ in first), *depth, *size)
        made: Array = jax.lax.dynamic_slice(whole, (*first, *(0 for _ in depth), *at), lengths)
        return made.reshape(lengths[len(first) :])

    def both(at: tuple[Any, Any], size: tuple[int, int]) -> list[tuple[Array, Array]]:
        # Each surface is cut out by itself: loops over one cut of both are twelve times slower.
        return [(part(planes, at, size, surface), part(squares, at, size, surface)) for surface in (0, 1)]

    def own(at: tuple[Any, Any], size: tuple[int, int]) -> tuple[Array, Array]:
        """The slice's planes, and what is not so near as to hide it."""
        cut = both(at, size)
        share, share_behind = (share_of(squared, bound) for _, squared in cut)
        reach, reach_behind = (reach_of(squared, bound) for _, squared in cut)
        near, behind = cut[0][0], cut[1][0]
        return share * near + share_behind * behind, reach * near[-1] + reach_behind * behind[-1]

    def around() -> tuple[Array, Array]:
        return own((first_row, first_column), (taller, wider))

    def unused() -> tuple[Array, Array]:
        return jnp.zeros((planes.shape[1], taller, wider), jnp.float32), jnp.zeros((taller, wider), jnp.float32)

    def filled(with_margin: tuple[Array, Array]) -> Array:
        at_cell, cell_shape = (first_row // CELL, first_column // CELL), (taller // CELL, wider // CELL)
        cells = part(tops, at_cell, cell_shape, index).astype(jnp.float32)
        whole = fill(*with_margin, cells[:-1], where=cells[-1])
        return part(whole, (row - first_row, column - first_column), shape)

    def plain(_: tuple[Array, Array]) -> Array:
        return own((row, column), shape)[0]

    def spread(whole: Array) -> Array:
        return jnp.fft.irfft2(jnp.fft.rfft2(whole) * kernels[index], s=shape)

    def opened() -> Array:
        """Behind the focus: how much of the slice its own discs let show, however little the rest covers.

        Unlike slices that meet at an edge leave a gap there, which light from afar must not fill.
        """
        blocking = sum(cut[-1] * blocking_of(squared, bound) for cut, squared in both((row, column), shape))
        return jnp.clip(_OPENED * (1 - _ROUNDING - spread(blocking)), 0.0, 1.0)

    def unlimited() -> Array:
        return jnp.ones(shape, jnp.float32)

    rows, columns = jnp.arange(height)[:, None] + row, jnp.arange(width) + column
    within = (rows >= begin) & (rows < end) & (columns >= left) & (columns < right)
    lower, alike = part(result, (row, column), shape), part(like, (row, column), shape)
    room = jnp.maximum(1 - _COVERED - lower[-1], 0.0)
    room = jnp.where(bound[1] > 0, room, jnp.minimum(room, part(open_behind, (row, column), shape)))
    room = jnp.where(within, room, 0.0)

    def laid() -> tuple[Array, Array]:
        # Two branches, one after the other: fused with what makes its input, the fill takes six times as long.
        with_margin: tuple[Array, Array] = jax.lax.cond(hidden > 0, around, unused)
        whole: Array = jax.lax.cond(hidden > 0, filled, plain, with_margin)
        blurred: Array = jax.lax.cond(jnp.abs(bound[1]) < _BLURRED_PX, lambda planes: planes, spread, whole)
        # What is covered by slices alike does not hide this one.
        not_hiding = sum(_of_slice(alike[number % _LIKE], number) for number in (index + 1, index + 2))
        most: Array = jax.lax.cond((hidden > 0) & (bound[1] <= -_BLURRED_PX), opened, unlimited)
        visible = jnp.clip(blurred[-1] * (room + not_hiding), 0.0, room * most)

        def shown() -> Array:
            return lower + blurred * (visible / jnp.maximum(blurred[-1], _NOTHING))

        laid_over: Array = jax.lax.cond(visible.max() > 0, shown, lambda: lower)
        return laid_over, jnp.where(within, visible + _TAG * index, alike[index % _LIKE])

    def left_out() -> tuple[Array, Array]:
        return lower, alike[index % _LIKE]

    laid_over, kept = jax.lax.cond(room.max() > 0, laid, left_out)
    return (
        jax.lax.dynamic_update_slice(result, laid_over, (0, row, column)),
        jax.lax.dynamic_update_slice(like, kept[None], (index % _LIKE, row, column)),
    )


def _of_slice(tagged: Float[Array, "h w"], index: Int[Array, ""]) -> Float[Array, "h w"]:
    """The share covered by the slice of this number, where that is what was kept last; else 0."""
    share = tagged - _TAG * index
    return jnp.where((share >= 0) & (share < _TAG), share, 0.0)


@partial(jax.jit, static_argnames="shape", donate_argnames=("result", "like"))
def _layer_slices(
    planes: Float[Array, "2 e h w"],
    squares: Float[Array, "2 h w"],
    open_behind: Float[Array, "h w"],
    top: Float16[Array, "k e1 ht wt"],
    bounds: Float[Array, "k 7"],
    kernels: Complex[Array, "k hb wb2"],
    steps: Int[Array, "n 8"],
    count: Int[Array, ""],
    result: Float[Array, "e h w"],
    like: Float[Array, "2 h w"],
    *,
    shape: tuple[int, int],
) -> tuple[Float[Array, "e h w"], Float[Array, "2 h w"]]:
    """The group's slices over one another, nearest first; the last plane of the result is the share covered.

    open_behind: the most of each pixel that slices in and behind the focus may cover.
    steps, count, shape: of `blocks.Plan`. result, like: of the plan before, zeros for the first. `like` holds the
    shares that the last slices covered, tagged with the number of the slice.

    Light of slices next to each other adds up; a slice is hidden by all nearer ones beyond, with the light paths
    taken as independent.
    """

    def lay(number: Int[Array, ""], above: tuple[Array, Array]) -> tuple[Array, Array]:
        return _block(shape, (planes, squares), open_behind, (top, bounds, kernels), steps[number], above)

    return jax.lax.fori_loop(0, count, lay, (result, like))


_squares = jax.jit(signed_square)


def planned(
    group: Group,
    aperture: Aperture,
    cells: UInt32[np.ndarray, "h8 w8"],
    top: np.ndarray,
    tile: Tile,
    *,
    wanted: Tile | None = None,
) -> list[Plan]:
    """What there is to do for the group on a tile of its pixels, with these `cells_of` it.

    wanted: the part of the tile that is; left out, all of it.
    """
    part = wanted or tile
    row, column = (MARGIN_PX[group.level] - first for first in (tile.top, tile.left))
    core = (row + part.top, row + part.bottom), (column + part.left, column + part.right)
    return plans(group, cells, top, _reach(group, aperture), core)


def layered(
    group: Group,
    aperture: Aperture,
    planes: Array,
    radii: Array,
    top: np.ndarray,
    made: list[Plan],
    tile: Tile,
    grid: Grid,
    *,
    open_behind: Array | None = None,
) -> Array:
    """`_layer_slices` for a tile of the padded grid, in the group's pixels, the aperture as seen from there."""
    side = planes.shape[-1]
    may_show = jnp.ones((side, side), jnp.float32) if open_behind is None else open_behind
    on_device = planes, _squares(radii), may_show, jax.device_put(top), _bounds(group)

    def seen(field: tuple[float, float]) -> Array:
        above = jnp.zeros(planes.shape[1:], jnp.float32), jnp.zeros((_LIKE, side, side), jnp.float32)
        for plan in made:
            steps = plan.steps, np.int32(plan.count)
            kernels = _kernels(group, aperture, side, plan.shape, field)
            above = _layer_slices(*on_device, kernels, *steps, *above, shape=plan.shape)
        return above[0]

    if aperture.cats_eye == 0:
        return seen((0.0, 0.0))
    # The opening changes over the picture: seen from the tile's four corners, and mixed in between. Neighbouring
    # tiles share their corners, so that nothing jumps.
    inside, core = jnp.arange(side) - MARGIN_PX[group.level], grid.core(group.level)
    below, beside = (jnp.clip(inside / length, 0.0, 1.0) for length in core)
    mixed = jnp.zeros(planes.shape[1:], jnp.float32)
    for down in (0, 1):
        for right in (0, 1):
            place = tile.top + down * core[0], tile.left + right * core[1]
            weight = (below if down else 1 - below)[:, None] * (beside if right else 1 - beside)
            mixed += weight * seen(grid.field(*place, level=group.level))
    return mixed


@lru_cache(maxsize=64)
def _bounds(group: Group) -> Float[Array, "k 7"]:
    filled = list(group.bounds) + [group.bounds[-1]] * (MOST_SLICES - len(group.bounds))
    return jnp.asarray(filled, jnp.float32)


def read_top(top: np.ndarray, tile: Tile, *, side: int, margin: int) -> np.ndarray:
    """A tile's part of what `top_of` made."""
    return read(top, (tile.top - margin) >> TOP, (tile.left - margin) >> TOP, side >> TOP)
