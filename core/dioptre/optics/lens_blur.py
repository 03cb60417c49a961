"""Depth-dependent blur, as a lens makes it.

The picture is taken apart into depth slices of equal blur. Each slice is continued behind the nearer ones, blurred
with the aperture's own shape, and laid over the farther ones, in linear light and premultiplied. Wide blurs are
made at a reduced size. See `slices`, `surfaces` and `fill` for the parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Float32, Int

from dioptre.imaging.layers import Progress, no_progress
from dioptre.imaging.tiles import Tile, plan_tiles, read_tile

from .aperture import Aperture
from .fill import doubled, fill, fill_small
from .slices import LARGEST_RADIUS_PX, LEVELS, LIKE_SLICES, Group, groups, share_and_reach
from .surfaces import halve, split_edges

TILE_PX = 512
"""Side of every tile at every size: the one shape that is compiled."""

_MARGIN_PX = (64, 32, 24, 48)  # per level, in its own pixels: the largest disc, and the fill's reach
_TOP_LEVEL = 5  # holes wider than 1 << 5 pixels are filled from one small picture of everything
_BLOCK = 1 << _TOP_LEVEL
_IDENTITY_PX = 1e-3  # a picture blurred nowhere by more is returned as it is
_VISIBLE = 1e-3  # smaller shares of a slice are skipped


@dataclass(frozen=True)
class _Grid:
    """The picture with its reflected border, in whole blocks; every level covers exactly this."""

    height: int
    width: int
    border: int  # on each side, pixels: the largest disc and the fill's reach, in whole blocks

    @property
    def padded(self) -> tuple[int, int]:
        def whole(length: int) -> int:
            return -(-length // _BLOCK) * _BLOCK + 2 * self.border

        return whole(self.height), whole(self.width)

    def size(self, level: int) -> tuple[int, int]:
        return self.padded[0] >> level, self.padded[1] >> level

    def tiles(self, level: int) -> Iterator[Tile]:
        core = TILE_PX - 2 * _MARGIN_PX[level]
        return plan_tiles(self.size(level), core_px=(core, core))


def blur_linear(
    linear: Float32[np.ndarray, "h w c"],
    radius: Float32[np.ndarray, "h w"],
    *,
    aperture: Aperture | None = None,
    progress: Progress = no_progress,
) -> Float32[np.ndarray, "h w c"]:
    """Blur a picture of linear light by a signed circle-of-confusion radius per pixel.

    linear: any number of channels; with alpha, premultiplied. radius: pixels, positive in front of the focus, at
    most 320 (larger ones are blurred as 320). Pixels beyond the picture's edge are taken as its reflection.
    """
    aperture = aperture or Aperture()
    largest = min(float(np.abs(radius).max()), LARGEST_RADIUS_PX)
    if largest < _IDENTITY_PX:
        return linear.copy()
    grid = _Grid(linear.shape[0], linear.shape[1], (int(largest) // _BLOCK + 2) * _BLOCK)
    levels = _reduced_surfaces(linear, radius, grid, progress)
    tops = _tops(levels[_TOP_LEVEL])
    made: list[np.ndarray | None] = []
    for index, group in enumerate(groups()):
        if group.level == 0:
            made.append(None)
            continue
        progress(0.3 + 0.4 * index / len(groups()), "Blurring")
        made.append(_blur_group(group, levels[group.level], tops[index], aperture, grid))
    return _finish(linear, radius, made, tops, aperture, grid, progress)


def _reduced_surfaces(
    linear: np.ndarray, radius: np.ndarray, grid: _Grid, progress: Progress
) -> dict[int, np.ndarray]:
    channels = linear.shape[2]
    levels = {
        level: np.empty((2, channels + 2, *grid.size(level)), np.float32)
        for level in (*range(1, LEVELS), _TOP_LEVEL)
    }
    tiles = list(grid.tiles(0))
    margin = _MARGIN_PX[0]
    for number, tile in enumerate(tiles):
        progress(0.3 * number / len(tiles), "Separating depths")
        where = tile.moved(-grid.border)
        shape = (TILE_PX, TILE_PX)
        reduced = _reduce_tile(
            jnp.asarray(read_tile(linear, where, tile_px=shape, overlap_px=margin)),
            jnp.asarray(read_tile(radius, where, tile_px=shape, overlap_px=margin)),
        )
        for level, planes in reduced.items():
            top, left = tile.top >> level, tile.left >> level
            inner = margin >> level
            height, width = (tile.bottom - tile.top) >> level, (tile.right - tile.left) >> level
            levels[level][..., top : top + height, left : left + width] = np.asarray(planes)[
                ..., inner : inner + height, inner : inner + width
            ]
    return levels


@jax.jit
def _reduce_tile(linear: Float[Array, "h w c"], radius: Float[Array, "h w"]) -> dict[int, Float[Array, "2 d _ _"]]:
    surfaces = split_edges(linear.transpose(2, 0, 1), radius)
    reduced = {}
    for level in range(1, _TOP_LEVEL + 1):
        surfaces = halve(surfaces)
        if level < LEVELS or level == _TOP_LEVEL:
            reduced[level] = surfaces
    return reduced


def _tops(surfaces: Float32[np.ndarray, "2 d h w"]) -> list[Float32[np.ndarray, "k e h w"]]:
    """Per group and slice, colour and share as they continue behind nearer slices, over the whole picture."""
    coverage, radius = surfaces[:, -2], jnp.asarray(surfaces[:, -1])
    seen = radius[coverage > _VISIBLE]
    low, high = float(seen.min()), float(seen.max())
    tops = []
    for group in groups():
        planes = np.zeros((len(group.bounds), surfaces.shape[1] - 1, *surfaces.shape[2:]), np.float32)
        for index, bound in enumerate(group.bounds):
            if bound[2] < low or bound[0] > high:
                continue
            share, reach = (np.asarray(x) for x in share_and_reach(radius, jnp.float32(bound)))
            own = np.concatenate([(share[:, None] * surfaces[:, :-2]).sum(0), (share * coverage).sum(0)[None]])
            # Colours are stored times coverage already.
            planes[index] = fill_small(own, (reach * coverage).sum(0))
        tops.append(planes)
    return tops


@lru_cache(maxsize=64)
def _kernels(group: Group, aperture: Aperture) -> Complex[Array, "k h w2"]:
    """Transforms of the slices' discs, in the group's own pixels, centred on pixel 0."""
    scale = 1 << group.level
    drawn = np.zeros((len(group.bounds), TILE_PX, TILE_PX), np.float32)
    for index, (_, radius, *_) in enumerate(group.bounds):
        # Drawing on pixels widens the disc by a pixel's own spread (1/12 in variance along each axis, a disc has
        # r²/4); going to a smaller size and back adds the mean over blocks (1/12) and the bilinear tent (1/6).
        added = 1 / 3 if scale == 1 else 4 / 3
        own = max((radius / scale) ** 2 - added, 0.0) ** 0.5
        size = 2 * int(np.ceil(abs(own) * 1.7)) + 5
        kernel = aperture.kernel(own, size=size, inverted=radius < 0)
        around = (np.arange(size) - size // 2) % TILE_PX
        drawn[index][np.ix_(around, around)] = kernel
    return jnp.fft.rfft2(drawn)


def _layer_slices(
    surfaces: Float[Array, "2 d h w"],
    top: Float[Array, "k e ht wt"],
    bounds: Float[Array, "k 5"],
    kernels: Complex[Array, "k h w2"],
) -> Float[Array, "e h w"]:
    """The group's slices over one another, nearest first; the last plane is the share covered.

    Light of slices within `LIKE_SLICES` of each other adds up; a slice is hidden by all nearer ones beyond, with
    the light paths taken as independent.
    """
    colour, coverage, radius = surfaces[:, :-2], surfaces[:, -2], surfaces[:, -1]
    size = surfaces.shape[-2:]
    count = bounds.shape[0]

    def lay(
        step: Int[Array, ""], above: tuple[Float[Array, "e h w"], Float[Array, "l h w"]]
    ) -> tuple[Float[Array, "e h w"], Float[Array, "l h w"]]:
        index = count - 1 - step
        share, reach = share_and_reach(radius, bounds[index])
        result, history = above

        def under() -> Float[Array, "e h w"]:
            own = jnp.concatenate([(share[:, None] * colour).sum(0), (share * coverage).sum(0)[None]])
            known = jnp.clip((reach * coverage).sum(0), 0.0, 1.0)
            whole = fill(own, known, top[index])
            blurred: Array = jax.lax.cond(
                jnp.abs(bounds[index, 1]) < 0.5,
                lambda planes: planes,
                lambda planes: jnp.fft.irfft2(jnp.fft.rfft2(planes) * kernels[index], s=size),
                whole,
            )
            through = 1 - history[step % LIKE_SLICES]
            visible = jnp.clip(blurred[-1] * through, 0.0, 1 - result[-1])
            added: Array = blurred * (visible / jnp.maximum(blurred[-1], 1e-6))
            return result + added

        result = jax.lax.cond(jnp.max(share * coverage) > _VISIBLE, under, lambda: result)
        return result, history.at[step % LIKE_SLICES].set(result[-1])

    nothing = jnp.zeros((surfaces.shape[1] - 1, *size), jnp.float32)
    history = jnp.zeros((LIKE_SLICES, *size), jnp.float32)
    result: Array
    result, _ = jax.lax.fori_loop(0, count, lay, (nothing, history))
    return result


@jax.jit
def _blur_tile(
    surfaces: Float[Array, "2 d h w"],
    top: Float[Array, "k e ht wt"],
    bounds: Float[Array, "k 5"],
    kernels: Complex[Array, "k h w2"],
) -> Float[Array, "e h w"]:
    return _layer_slices(surfaces, top, bounds, kernels)


def _read(planes: np.ndarray, tile: Tile, *, level: int, margin: int, side: int) -> np.ndarray:
    """Part of an array that covers the padded grid, the edge repeated outside; `tile` in the level's pixels."""
    rows = np.clip(np.arange((tile.top - margin), (tile.top - margin) + side), 0, planes.shape[-2] - 1)
    columns = np.clip(np.arange(tile.left - margin, tile.left - margin + side), 0, planes.shape[-1] - 1)
    if rows[-1] - rows[0] == side - 1 and columns[-1] - columns[0] == side - 1:
        inside: np.ndarray = planes[..., rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return inside
    clipped: np.ndarray = planes[..., rows[:, None], columns]
    return clipped


def _read_top(top: np.ndarray, tile: Tile, level: int) -> np.ndarray:
    shift = _TOP_LEVEL - level
    coarse = Tile(
        top=(tile.top - _MARGIN_PX[level]) >> shift,
        left=(tile.left - _MARGIN_PX[level]) >> shift,
        bottom=0,
        right=0,
    )
    return _read(top, coarse, level=_TOP_LEVEL, margin=0, side=TILE_PX >> shift)


def _blur_group(
    group: Group, surfaces: np.ndarray, top: np.ndarray, aperture: Aperture, grid: _Grid
) -> np.ndarray | None:
    """The group's slices over one another, on the whole padded grid at the group's size; None when empty."""
    radius, coverage = surfaces[:, -1], surfaces[:, -2]
    if not np.any((radius > group.farthest) & (radius < group.nearest) & (coverage > _VISIBLE)):
        return None
    margin = _MARGIN_PX[group.level]
    made = np.zeros((surfaces.shape[1] - 1, *surfaces.shape[2:]), np.float32)
    bounds, kernels = jnp.float32(group.bounds), _kernels(group, aperture)
    for tile in grid.tiles(group.level):
        planes = _read(surfaces, tile, level=group.level, margin=margin, side=TILE_PX)
        blurred = np.asarray(
            _blur_tile(jnp.asarray(planes), jnp.asarray(_read_top(top, tile, group.level)), bounds, kernels)
        )
        height, width = tile.bottom - tile.top, tile.right - tile.left
        made[:, tile.top : tile.bottom, tile.left : tile.right] = blurred[
            :, margin : margin + height, margin : margin + width
        ]
    return made


@partial(jax.jit, static_argnames="levels")
def _finish_tile(
    linear: Float[Array, "h w c"],
    radius: Float[Array, "h w"],
    top: Float[Array, "k e ht wt"],
    bounds: Float[Array, "k 5"],
    kernels: Complex[Array, "k h w2"],
    wide: tuple[Float[Array, "e _ _"], ...],
    levels: tuple[int, ...],
) -> Float[Array, "h w c"]:
    """The full-size slices between the wide ones behind and in front; `wide` is farthest first."""
    result = jnp.zeros((linear.shape[2] + 1, *radius.shape), jnp.float32)
    for planes, level in zip(wide, levels, strict=True):
        if level == 0:
            surfaces = split_edges(linear.transpose(2, 0, 1), radius)
            planes = _layer_slices(surfaces, top, bounds, kernels)
        for _ in range(level):
            planes = doubled(planes)
        opaque = result / jnp.maximum(result[-1:], _VISIBLE)
        result = opaque * (1 - planes[-1:]) + planes
    return (result[:-1] / jnp.maximum(result[-1:], 1e-6)).transpose(1, 2, 0)


def _finish(
    linear: np.ndarray,
    radius: np.ndarray,
    made: list[np.ndarray | None],
    tops: list[np.ndarray],
    aperture: Aperture,
    grid: _Grid,
    progress: Progress,
) -> np.ndarray:
    margin = _MARGIN_PX[0]
    core = TILE_PX - 2 * margin
    narrow = next(index for index, group in enumerate(groups()) if group.level == 0)
    group = groups()[narrow]
    bounds, kernels = jnp.float32(group.bounds), _kernels(group, aperture)
    levels = tuple(g.level for g in groups())
    channels = linear.shape[2]
    blank = {
        level: np.zeros((channels + 1, TILE_PX >> level, TILE_PX >> level), np.float32) for level in set(levels)
    }
    result = np.empty_like(linear)
    tiles = list(plan_tiles((linear.shape[0], linear.shape[1]), core_px=(core, core)))
    for number, tile in enumerate(tiles):
        progress(0.7 + 0.3 * number / len(tiles), "Blurring")
        shape = (TILE_PX, TILE_PX)
        padded = tile.moved(grid.border)
        wide = []
        for level, planes in zip(levels, made, strict=True):
            if planes is None:
                wide.append(jnp.asarray(blank[level]))
                continue
            reduced = Tile(
                top=(padded.top - margin) >> level, left=(padded.left - margin) >> level, bottom=0, right=0
            )
            wide.append(jnp.asarray(_read(planes, reduced, level=level, margin=0, side=TILE_PX >> level)))
        finished = _finish_tile(
            jnp.asarray(read_tile(linear, tile, tile_px=shape, overlap_px=margin)),
            jnp.asarray(read_tile(radius, tile, tile_px=shape, overlap_px=margin)),
            jnp.asarray(_read_top(tops[narrow], padded, 0)),
            bounds,
            kernels,
            tuple(wide),
            levels=levels,
        )
        height, width = tile.bottom - tile.top, tile.right - tile.left
        result[tile.top : tile.bottom, tile.left : tile.right] = np.asarray(finished)[
            margin : margin + height, margin : margin + width
        ]
    return result
