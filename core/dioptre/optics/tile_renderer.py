"""A group of slices rendered on a tile: the discs drawn, the blocks planned, the aperture as seen from there."""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int, UInt32

from dioptre.imaging.tiles import Tile

from .aperture import REACH, Aperture
from .blocks import MOST_SLICES, BlockPlan, Shape, block_plans, block_shape
from .grid import CELL_LEVEL, MARGIN_PX, Grid, read
from .slice_renderer import RECENT, Composite, GroupArrays, TileSurfaces, render_blocks
from .slices import Group, signed_square

_squares = jax.jit(signed_square)


def plan_blocks(
    group: Group,
    aperture: Aperture,
    *,
    cells: UInt32[np.ndarray, "h8 w8"],
    inpainted: np.ndarray,
    tile: Tile,
    wanted: Tile | None = None,
) -> list[BlockPlan]:
    """The blocks of a tile in which the group's slices are rendered.

    Args:
        group: the slices.
        aperture: which gives the discs' reach.
        cells: `cells_of` the group on the tile.
        inpainted: `read_inpainted` of the group on the tile.
        tile: of the group's pixels on the padded grid.
        wanted: the part of the tile that is wanted; left out, all of it.
    """
    part = wanted or tile
    row, column = (MARGIN_PX[group.level] - first for first in (tile.top, tile.left))
    core = (row + part.top, row + part.bottom), (column + part.left, column + part.right)
    return block_plans(group, cells, inpainted, _reach(group, aperture), core)


def render_tile(
    group: Group,
    aperture: Aperture,
    grid: Grid,
    *,
    tile: Tile,
    surfaces: tuple[Array, Array],
    inpainted: np.ndarray,
    plans: list[BlockPlan],
    open_behind: Array | None = None,
) -> Array:
    """The group's slices over one another on a tile, (e, side, side), the aperture as seen from there.

    Args:
        group: the slices.
        aperture: which blurs them.
        grid: of the picture.
        tile: of the group's pixels on the padded grid.
        surfaces: planes (2, e, side, side) and radii (2, side, side) of the tile with its margin.
        inpainted: `read_inpainted` of the group on the tile.
        plans: of `plan_blocks`.
        open_behind: the most of each pixel that slices in and behind the focus may cover; left out, everything.
    """
    planes, radii = surfaces
    side = planes.shape[-1]
    may_show = jnp.ones((side, side), jnp.float32) if open_behind is None else open_behind
    on_device = TileSurfaces(planes, _squares(radii), may_show)
    slices = jax.device_put(inpainted), _bounds(group)

    def seen(field: tuple[float, float]) -> Array:
        above = Composite(jnp.zeros(planes.shape[1:], jnp.float32), jnp.zeros((RECENT, side, side), jnp.float32))
        for plan in plans:
            kernels = _kernels(group, aperture, side, plan.shape, field)
            above = render_blocks(
                on_device,
                GroupArrays(*slices, kernels),
                plan.steps,
                np.int32(plan.count),
                above,
                shape=plan.shape,
            )
        return above.planes

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


def read_inpainted(inpainted: np.ndarray, tile: Tile, *, side: int, margin: int) -> np.ndarray:
    """A tile's part of what `inpaint_group` returned, with its margin."""
    return read(
        inpainted, (tile.top - margin) >> CELL_LEVEL, (tile.left - margin) >> CELL_LEVEL, side >> CELL_LEVEL
    )


@lru_cache(maxsize=128)
def _kernels(
    group: Group, aperture: Aperture, side: int, shape: Shape, field: tuple[float, float]
) -> Complex[Array, "k hb wb2"]:
    """Fourier transforms of the discs of the slices that are blurred in blocks of this shape, else zeros.

    In the group's own pixels, centred on pixel 0; side: of the tile; field as of `Aperture`.
    """
    discs = np.zeros((MOST_SLICES, *shape), np.float32)
    for index, (reach, bounds) in enumerate(zip(_reach(group, aperture), group.bounds, strict=True)):
        if block_shape(side, int(reach)) == shape:
            psf = _psf(bounds.radius, 1 << group.level, aperture, field)
            around = np.arange(len(psf)) - len(psf) // 2
            discs[index][np.ix_(around % shape[0], around % shape[1])] = psf
    return jnp.fft.rfft2(discs)


def _psf(radius: float, scale: int, aperture: Aperture, field: tuple[float, float]) -> Float[np.ndarray, "n n"]:
    # Drawing on pixels widens the disc by a pixel's own spread (1/12 in variance along each axis, a disc has
    # r²/4); going to a smaller size and back adds the mean over blocks (1/12) and the bilinear tent (1/6).
    added = 1 / 3 if scale == 1 else 4 / 3
    own = max((radius / scale) ** 2 - added, 0.0) ** 0.5
    size = 2 * int(np.ceil(own * REACH)) + 5
    return aperture.kernel(own, size=size, field=field, inverted=radius < 0)


@lru_cache(maxsize=64)
def _reach(group: Group, aperture: Aperture) -> Int[np.ndarray, " k"]:
    """Per slice, how far its disc reaches along the axes."""
    reaches = []
    for bounds in group.bounds:
        lit = np.argwhere(_psf(bounds.radius, 1 << group.level, aperture, (0.0, 0.0)) > 0)
        reaches.append((np.ptp(lit, axis=0).max() + 1) // 2 + 1)
    return np.array(reaches)
