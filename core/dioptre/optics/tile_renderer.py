"""Render a group of slices on a tile: plan the blocks, draw the discs, and adapt the aperture to the position."""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int, UInt32

from dioptre.imaging.tiles import Tile
from dioptre.programs import kept

from .aperture import REACH, Aperture
from .blocks import MOST_SLICES, BlockPlan, Shape, block_plans, block_shape
from .grid import CELL_LEVEL, MARGIN_PX, Grid, read
from .slice_renderer import RECENT, Composite, GroupArrays, TileSurfaces, render_blocks
from .slices import Group, signed_square

_squares = kept(signed_square)


@kept
def _spectra(discs: Float[Array, "k hb wb"]) -> Complex[Array, "k hb wb"]:
    return jnp.fft.fft2(discs)


@kept
def _half_spectra(discs: Float[Array, "k hb wb"]) -> Complex[Array, "k hb half"]:
    return jnp.fft.rfft2(discs)


@kept
def _nothing(planes: Float[Array, "2 e s s"]) -> Composite:
    return Composite(jnp.zeros(planes.shape[1:]), jnp.zeros((RECENT, *planes.shape[2:])))


def plan_blocks(
    group: Group,
    aperture: Aperture,
    *,
    cells: UInt32[np.ndarray, "h8 w8"],
    inpainted: np.ndarray,
    tile: Tile,
    wanted: Tile | None = None,
) -> list[BlockPlan]:
    """Plan the blocks of a tile in which the group's slices are rendered.

    Args:
        group: the slices.
        aperture: the aperture, which determines the reach of the discs.
        cells: result of `cells_of` for the group on the tile.
        inpainted: result of `read_inpainted` for the group on the tile.
        tile: the tile on the padded grid, in pixels of the group's size.
        wanted: the section of the tile to render; the whole tile by default.
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
    """Render and composite the group's slices on a tile, with the aperture as seen from its position.

    Args:
        group: the slices.
        aperture: the aperture that blurs them.
        grid: the picture's grid.
        tile: the tile on the padded grid, in pixels of the group's size.
        surfaces: planes (2, e, side, side) and radii (2, side, side) of the tile with its margin.
        inpainted: result of `read_inpainted` for the group on the tile.
        plans: result of `plan_blocks`.
        open_behind: maximum coverage of each pixel by slices in or behind the focus; unlimited by default.

    Returns:
        The planes (e, side, side).
    """
    planes, radii = surfaces
    side = planes.shape[-1]
    may_show = jax.device_put(np.ones((side, side), np.float32)) if open_behind is None else open_behind
    on_device = TileSurfaces(planes, _squares(radii), may_show)
    slices = jax.device_put(inpainted), _bounds(group)

    def seen(field: tuple[float, float]) -> Array:
        above = _nothing(planes)
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
    # The aperture's apparent shape varies over the picture. Render it as seen from the tile's four corners and
    # interpolate between them. Adjacent tiles share corners, so there are no discontinuities.
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
    bounds: Array = jax.device_put(np.asarray(filled, np.float32))
    return bounds


def read_inpainted(inpainted: np.ndarray, tile: Tile, *, side: int, margin: int) -> np.ndarray:
    """Return a tile's section, with its margin, of the result of `inpaint_group`."""
    return read(
        inpainted, (tile.top - margin) >> CELL_LEVEL, (tile.left - margin) >> CELL_LEVEL, side >> CELL_LEVEL
    )


@lru_cache(maxsize=128)
def _kernels(
    group: Group, aperture: Aperture, side: int, shape: Shape, field: tuple[float, float]
) -> Complex[Array, "k hb wb2"]:
    """Return the Fourier transforms of the slices' discs; zeros for slices not blurred in blocks of this shape.

    The discs are in pixels of the group's size, centred on pixel 0. Transforms as large as the tile are halved,
    to save memory.

    Args:
        group: the slices.
        aperture: the aperture.
        side: side of the tile.
        shape: height and width of the blocks.
        field: position in the picture, as in `Aperture.kernel`.
    """
    discs = np.zeros((MOST_SLICES, *shape), np.float32)
    for index, (reach, bounds) in enumerate(zip(_reach(group, aperture), group.bounds, strict=True)):
        if block_shape(side, int(reach)) == shape:
            psf = _psf(bounds.radius, 1 << group.level, aperture, field)
            around = np.arange(len(psf)) - len(psf) // 2
            discs[index][np.ix_(around % shape[0], around % shape[1])] = psf
    return _spectra(discs) if shape[1] < side else _half_spectra(discs)


def _psf(radius: float, scale: int, aperture: Aperture, field: tuple[float, float]) -> Float[np.ndarray, "n n"]:
    # Rasterising widens the disc by the spread of a pixel (a variance of 1/12 along each axis; a disc has r²/4).
    # Reduced sizes widen it further: by the mean over blocks (1/12) and by the bilinear enlargement (1/6).
    added = 1 / 3 if scale == 1 else 4 / 3
    own = max((radius / scale) ** 2 - added, 0.0) ** 0.5
    size = 2 * int(np.ceil(own * REACH)) + 5
    return aperture.kernel(own, size=size, field=field, inverted=radius < 0)


@lru_cache(maxsize=64)
def _reach(group: Group, aperture: Aperture) -> Int[np.ndarray, " k"]:
    """Return how far each slice's disc reaches along the axes, in pixels of the group's size."""
    reaches = []
    for bounds in group.bounds:
        lit = np.argwhere(_psf(bounds.radius, 1 << group.level, aperture, (0.0, 0.0)) > 0)
        reaches.append((np.ptp(lit, axis=0).max() + 1) // 2 + 1)
    return np.array(reaches)
