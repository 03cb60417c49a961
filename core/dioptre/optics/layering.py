"""The slices of a tile: cut out, continued behind nearer ones, blurred, and laid over one another."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from dioptre.imaging.tiles import Tile

from .aperture import Aperture
from .bands import MOST_SLICES, Plan, plan
from .fill import fill, fill_small
from .grid import CELL, MARGIN_PX, TOP, VISIBLE, Grid, Level, on_all_cores, read
from .slices import LIKE_SLICES, Group, share_and_reach, signed_square

_LIKE = LIKE_SLICES - 1
_NOTHING = 1e-6
_LEAST_FILL = 0.02  # a smaller share of a slice behind nearer things is left to the others


def top_of(group: Group, level: Level, *, scale: int, front_px: float) -> np.ndarray:
    """Per slice, colour and share as they continue behind nearer slices, over the whole padded grid.

    scale: pixels of the full picture to one of `level`. front_px: the largest radius in front of the focus. What
    stays hidden however nearer things are blurred is left out.
    """
    made = np.zeros((MOST_SLICES, *level.planes.shape[1:]), np.float32)
    seen = level.planes[:, -1] > VISIBLE
    low, high = float(level.radii[seen].min()), float(level.radii[seen].max())
    squares = signed_square(level.radii)

    def work(index: int) -> None:
        bound = group.bounds[index]
        if bound[2] < low or bound[0] > high or bound[3] > high:
            return  # empty, or nothing hides it
        share, reach = share_and_reach(squares, np.asarray(bound, np.float32))
        known = reach[0] * level.planes[0, -1] + reach[1] * level.planes[1, -1]
        if known.min() > 1 - VISIBLE:
            return
        own = share[0] * level.planes[0] + share[1] * level.planes[1]
        filled = fill_small(own, known)
        nearer_px = max(front_px, -bound[3], 0.0)
        cells = int(np.ceil((nearer_px + 1.7 * abs(bound[1])) / scale)) + 2
        filled[:, (filled[-1] < _LEAST_FILL) | ~_within(known > 0, cells)] = 0
        made[index] = filled

    on_all_cores(range(len(group.bounds)), work, lambda share: None)
    return made


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


@lru_cache(maxsize=48)
def _kernels(group: Group, aperture: Aperture, side: int, field: tuple[float, float]) -> Complex[Array, "k h w2"]:
    """Transforms of the slices' discs, in the group's own pixels, centred on pixel 0; field as of `Aperture`."""
    drawn = np.zeros((MOST_SLICES, side, side), np.float32)
    for index, (_, radius, *_) in enumerate(group.bounds):
        kernel = _drawn(radius, 1 << group.level, aperture, field)
        around = (np.arange(len(kernel)) - len(kernel) // 2) % side
        drawn[index][np.ix_(around, around)] = kernel
    return jnp.fft.rfft2(drawn)


def _drawn(radius: float, scale: int, aperture: Aperture, field: tuple[float, float]) -> Float[np.ndarray, "n n"]:
    # Drawing on pixels widens the disc by a pixel's own spread (1/12 in variance along each axis, a disc has
    # r²/4); going to a smaller size and back adds the mean over blocks (1/12) and the bilinear tent (1/6).
    added = 1 / 3 if scale == 1 else 4 / 3
    own = max((radius / scale) ** 2 - added, 0.0) ** 0.5
    size = 2 * int(np.ceil(own * 1.7)) + 5
    return aperture.kernel(own, size=size, field=field, inverted=radius < 0)


@lru_cache(maxsize=64)
def _reach(group: Group, aperture: Aperture) -> Int[np.ndarray, " k"]:
    """Per slice, the rows that the disc reaches up or down."""
    made = []
    for _, radius, *_ in group.bounds:
        rows = np.flatnonzero(_drawn(radius, 1 << group.level, aperture, (0.0, 0.0)).any(axis=1))
        made.append((rows[-1] - rows[0] + 1) // 2 + 1)
    return np.array(made)


def _separate(value: Any) -> Any:
    """Keep XLA from computing this value anew for every plane that uses it."""
    kept: Any = jax.lax.optimization_barrier(value)  # type: ignore[no-untyped-call]
    return kept


def _band(
    height: int,
    surfaces: tuple[Float[Array, "2 e h w"], Float[Array, "2 h w"]],
    slices: tuple[Float[Array, "k e ht wt"], Float[Array, "k 5"], Complex[Array, "k h w2"], Bool[Array, "k2 h"]],
    step: Int[Array, "5"],
    above: tuple[Float[Array, "e h w"], Float[Array, "2 h w"]],
) -> tuple[Float[Array, "e h w"], Float[Array, "2 h w"]]:
    """Lay one slice over what is behind it, in a band of this many rows."""
    planes, squares = surfaces
    tops, bounds, kernels, written = slices
    result, like = above
    side = planes.shape[-1]
    index, start, begin, end, hidden = step
    bound = bounds[index]
    # The fill looks one cell beyond what it fills.
    taller = min(height + 2 * CELL, side)
    first = jnp.clip(start - CELL, 0, side - taller)

    def rows(whole: Array, at: Array, count: int) -> Array:
        part: Array = jax.lax.dynamic_slice_in_dim(whole, at, count, whole.ndim - 2)
        return part

    def filled() -> Array:
        near, squared = rows(planes, first, taller), rows(squares, first, taller)
        share, reach = share_and_reach(squared, bound)
        known = reach[0] * near[0, -1] + reach[1] * near[1, -1]
        coarse = rows(tops[index], first // CELL, taller // CELL)
        whole = fill(share[0] * near[0] + share[1] * near[1], known, coarse)
        return rows(whole, start - first, height)

    def plain() -> Array:
        near = rows(planes, start, height)
        share, _ = share_and_reach(rows(squares, start, height), bound)
        own: Array = share[0] * near[0] + share[1] * near[1]
        return own

    def spread(whole: Array) -> Array:
        # Every n-th frequency of the tall kernel is what a kernel for the n-th part of the rows has.
        made: Array = jnp.fft.irfft2(jnp.fft.rfft2(whole) * kernels[index, :: side // height], s=(height, side))
        return made

    whole: Array = jax.lax.cond(hidden > 0, filled, plain)
    blurred: Array = jax.lax.cond(jnp.abs(bound[1]) < 0.5, lambda planes: planes, spread, whole)

    here = jnp.arange(height) + start
    within = ((here >= begin) & (here < end))[:, None]
    lower, alike = rows(result, start, height), rows(like, start, height)
    known_alike = jax.lax.dynamic_slice(written, (index + 1, start), (_LIKE, height))[..., None]
    # What is covered by slices alike does not hide this one.
    slot = index % _LIKE
    not_hiding = jnp.where(known_alike[0], alike[1 - slot], 0.0) + jnp.where(known_alike[1], alike[slot], 0.0)
    room = 1 - lower[-1]
    visible = jnp.clip(blurred[-1] * (room + not_hiding), 0.0, room)
    factor = _separate(jnp.where(within, visible / jnp.maximum(blurred[-1], _NOTHING), 0.0))
    # Both arrays are changed in place as long as nothing else that comes after `factor` reads the other.
    kept = jnp.where(within, factor * jnp.maximum(blurred[-1], _NOTHING), alike[slot])
    return (
        jax.lax.dynamic_update_slice(result, lower + blurred * factor, (0, start, 0)),
        jax.lax.dynamic_update_slice(like, kept[None], (slot, start, 0)),
    )


@partial(jax.jit, static_argnames="height")
def _layer_slices(
    planes: Float[Array, "2 e h w"],
    radii: Float[Array, "2 h w"],
    top: Float[Array, "k e ht wt"],
    bounds: Float[Array, "k 5"],
    kernels: Complex[Array, "k h w2"],
    steps: Int[Array, "n 5"],
    count: Int[Array, ""],
    written: Bool[Array, "k2 h"],
    *,
    height: int,
) -> Float[Array, "e h w"]:
    """The group's slices over one another; the last plane is the share covered.

    steps, count, written: of `bands.Plan`.

    Light of slices next to each other adds up; a slice is hidden by all nearer ones beyond, with the light paths
    taken as independent.
    """
    side = planes.shape[-1]
    surfaces = planes, signed_square(radii)
    slices = top, bounds, kernels, written

    def lay(number: Int[Array, ""], above: tuple[Array, Array]) -> tuple[Array, Array]:
        return _band(height, surfaces, slices, steps[number], above)

    nothing = jnp.zeros(planes.shape[1:], jnp.float32), jnp.zeros((_LIKE, side, side), jnp.float32)
    result: Array = jax.lax.fori_loop(0, count, lay, nothing)[0]
    return result


def planned(group: Group, aperture: Aperture, planes: Array, radii: Array, top: np.ndarray, tile: Tile) -> Plan:
    """What there is to do for the group on a tile of its pixels."""
    margin = MARGIN_PX[group.level]
    rows = margin, margin + tile.bottom - tile.top
    return plan(group, planes, radii, top, _reach(group, aperture), rows)


def layered(
    group: Group,
    aperture: Aperture,
    planes: Array,
    radii: Array,
    top: np.ndarray,
    made: Plan,
    tile: Tile,
    grid: Grid,
) -> Array:
    """`_layer_slices` for a tile of the padded grid, in the group's pixels, the aperture as seen from there."""
    arguments = jnp.asarray(made.steps), jnp.int32(made.count), jnp.asarray(made.written)
    on_device = jnp.asarray(top)
    side = planes.shape[-1]

    def seen(field: tuple[float, float]) -> Array:
        blurred: Array = _layer_slices(
            planes,
            radii,
            on_device,
            _bounds(group),
            _kernels(group, aperture, side, field),
            *arguments,
            height=made.height,
        )
        return blurred

    if aperture.cats_eye == 0:
        return seen((0.0, 0.0))
    # The opening changes over the picture: seen from the tile's four corners, and mixed in between. Neighbouring
    # tiles share their corners, so that nothing jumps.
    core = side - 2 * MARGIN_PX[group.level]
    along = jnp.clip((jnp.arange(side) - MARGIN_PX[group.level]) / core, 0.0, 1.0)
    mixed = jnp.zeros(planes.shape[1:], jnp.float32)
    for down in (0, 1):
        for right in (0, 1):
            place = tile.top + down * core, tile.left + right * core
            weight = (along if down else 1 - along)[:, None] * (along if right else 1 - along)
            mixed += weight * seen(grid.field(*place, level=group.level))
    return mixed


@lru_cache(maxsize=64)
def _bounds(group: Group) -> Float[Array, "k 5"]:
    filled = list(group.bounds) + [group.bounds[-1]] * (MOST_SLICES - len(group.bounds))
    return jnp.asarray(filled, jnp.float32)


def read_top(top: np.ndarray, tile: Tile, *, side: int, margin: int) -> np.ndarray:
    """A tile's part of what `top_of` made."""
    return read(top, (tile.top - margin) >> TOP, (tile.left - margin) >> TOP, side >> TOP)
