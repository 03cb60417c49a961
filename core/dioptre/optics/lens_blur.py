"""Depth-dependent blur, as a lens makes it.

The picture is taken apart into depth slices of equal blur. Each slice is continued behind the nearer ones, blurred
with the aperture's own shape, and laid over the farther ones, in linear light and premultiplied. Wide blurs are
made at a reduced size.

The parts: `scene` (what is read and written), `separation` and `surfaces` (edges taken apart), `grid` (tiles and
sizes), `slices` (how depth is divided), `blocks` (the places that a slice has to do with), `fill` (what is hidden),
`front` (what is hidden for sure), `layering` (the blur itself).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from dioptre.imaging.layers import Progress, no_progress
from dioptre.imaging.threads import on_all_cores
from dioptre.imaging.tiles import Tile
from dioptre.runtime import release_after

from .aperture import Aperture
from .blocks import Plan, cells_of
from .fill import doubled
from .front import left_open, sure_cover
from .grid import CELL, MARGIN_PX, TILE_PX, TOP, VISIBLE, Grid, Level, as_planes, place, read
from .highlights import raised_share
from .layering import layered, planned, read_top, top_of
from .scene import Scene
from .separation import Surfaces
from .slices import LARGEST_RADIUS_PX, LEVELS, Group, groups, levels_for
from .surfaces import any_of_four, halve, halve_small

_KNOWN = 0.01  # of what is behind: a smaller share of it says little of the rest
_IDENTITY_PX = 1e-3  # a picture blurred nowhere by more is returned as it is


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """The blurred picture taken apart, in the scene's own encoding.

    background: (H, W, C), the farther part, continued behind the subject. subject, foreground: (H, W, 4), straight
    alpha. Laid over one another in linear light they make the picture.
    """

    background: np.ndarray
    subject: np.ndarray
    foreground: np.ndarray


def blur(
    scene: Scene, *, aperture: Aperture | None = None, coarse: bool = False, progress: Progress = no_progress
) -> np.ndarray:
    """The scene as a lens sees it: (H, W, C) in the scene's own encoding, alpha straight.

    coarse: with half as many slices and less at full size, for a draft.

    Raises whatever `progress` raises, between tiles.
    """
    if _identity(scene):
        return scene.unblurred()
    (picture,) = _blur(scene, aperture or Aperture(), groups(coarse=coarse), progress)
    return picture


def blur_in_pieces(
    scene: Scene,
    *,
    subject_px: float = 3.0,
    aperture: Aperture | None = None,
    progress: Progress = no_progress,
) -> Pieces:
    """The same as three layers: what is blurred by at most `subject_px` (whole pixels) is the subject."""
    series = groups(subject_px=subject_px)
    background, subject, foreground = _blur(scene, aperture or Aperture(), series, progress, everything=True)
    return Pieces(background=background, subject=subject, foreground=foreground)


def _identity(scene: Scene) -> bool:
    return scene.largest_radius_px() < _IDENTITY_PX


def _blur(
    scene: Scene, aperture: Aperture, series: tuple[Group, ...], progress: Progress, *, everything: bool = False
) -> tuple[np.ndarray, ...]:
    """everything: continue also what stays hidden (see `top_of`)."""
    largest = min(scene.largest_radius_px(), LARGEST_RADIUS_PX)
    grid = Grid.around(scene.height, scene.width, radius_px=largest, levels=levels_for(largest, series))
    surfaces = Surfaces(scene, side=grid.side(0), tiles=len(grid.tiles(0)))
    cells = {group: np.empty([n // CELL for n in grid.size(0)], np.uint32) for group in series if group.level == 0}
    levels = _reduced(surfaces, grid, cells, progress)
    cover = sure_cover(levels[TOP])

    def top(group: Group) -> np.ndarray | None:
        if group.level >= grid.levels:
            return None
        scale = 1 << (group.level + TOP)
        return top_of(group, levels[group.level + TOP], scale=scale, everything=everything)

    wide: list[np.ndarray | None] = [None] * len(series)
    tops: list[np.ndarray | None] = [None] * len(series)

    def work(index: int) -> None:
        group = series[index]
        if group.level == 0:
            tops[index] = top(group)
        elif (around := top(group)) is not None:
            wide[index] = _blur_group(group, levels[group.level], around, aperture, grid)

    if grid.size(1)[0] * grid.size(1)[1] <= TILE_PX**2:  # a tile is no work for two
        on_all_cores(sorted(range(len(series)), key=lambda index: series[index].level), work, lambda share: None)
    else:
        # Full size late: its tops are large, the levels larger.
        for level in (*range(1, TOP), 0, *range(TOP, LEVELS)):
            release_after((scene.height, scene.width))
            for index, group in enumerate(series):
                if group.level == level:
                    work(index)
            levels.pop(level, None)
    levels.clear()
    release_after((scene.height, scene.width))
    progress(0.6, "Blurring")
    return _finish(surfaces, series, wide, tops, cells, cover, aperture, grid, progress)


@jax.jit
def _reduce(
    planes: Float[Array, "2 e h w"], radii: Float[Array, "2 h w"]
) -> list[tuple[Float[Array, "2 e _ _"], Float[Array, "2 _ _"], Bool[Array, "_ _"]]]:
    made = []
    edges = planes[1, -1] > 0
    for _ in range(LEVELS - 1):
        planes, radii = halve(planes, radii)
        edges = any_of_four(edges)
        made.append((planes, radii, edges))
    return made


def _reduced(
    surfaces: Surfaces, grid: Grid, cells: dict[Group, np.ndarray], progress: Progress
) -> dict[int, Level]:
    """The surfaces at every reduced size; from the last on only for the tops of the fill.

    cells: per full-size group, what `cells_of` the padded grid is goes here.
    """
    levels = {
        level: Level(
            np.empty((2, surfaces.scene.channels + 1, *grid.size(level)), np.float32),
            np.empty((2, *grid.size(level)), np.float32),
            np.empty(grid.size(level), np.bool_),
        )
        for level in range(1, LEVELS)
    }

    def work(tile: Tile) -> None:
        on_device = surfaces(tile.moved(-grid.border))
        for group, whole in cells.items():
            place(whole, cells_of(group, *on_device), tile, shift=TOP, margin=MARGIN_PX[0])
        for level, made in enumerate(_reduce(*on_device), start=1):
            level_arrays = levels[level].planes, levels[level].radii, levels[level].edges
            for whole, part in zip(level_arrays, made, strict=True):
                place(whole, np.asarray(part), tile, shift=level, margin=MARGIN_PX[0])

    on_all_cores(grid.tiles(0), work, lambda share: progress(0.3 * share, "Separating depths"))
    for whole in cells.values():
        grid.mirror(whole, scale=CELL)
    for level, made in levels.items():
        for array in (made.planes, made.radii, made.edges):
            grid.mirror(array, scale=1 << level)
    for level in range(LEVELS, grid.levels + TOP):
        larger = levels[level - 1]
        levels[level] = Level(*halve_small(larger.planes, larger.radii), any_of_four(larger.edges))
    return levels


def _blur_group(group: Group, level: Level, top: np.ndarray, aperture: Aperture, grid: Grid) -> np.ndarray | None:
    """The group's slices over one another, on the padded grid at the group's size; None when empty."""
    seen = level.planes[:, -1] > VISIBLE
    largest, least = (
        level.radii.max(initial=-np.inf, where=seen),
        level.radii.min(initial=np.inf, where=seen),
    )
    if group.nearest < least or group.farthest > largest:
        return None
    margin, side = MARGIN_PX[group.level], grid.side(group.level)
    made = np.zeros(level.planes.shape[1:], np.float32)

    def work(tile: Tile) -> None:
        planes, radii = (
            read(whole, tile.top - margin, tile.left - margin, side) for whole in (level.planes, level.radii)
        )
        on_device: tuple[Array, Array] = jax.device_put((planes, radii))
        around = read_top(top, tile, side=side, margin=margin)
        plan = planned(group, aperture, cells_of(group, *on_device), around, tile)
        if not plan:
            return
        blurred = layered(group, aperture, *on_device, around, plan, tile, grid)
        place(made, np.asarray(blurred), tile, shift=0, margin=margin)

    on_all_cores(grid.tiles(group.level), work, lambda share: None)
    return made


@jax.jit
def _raised_share(planes: Float[Array, "2 e h w"], radii: Float[Array, "2 h w"]) -> Float[Array, "h w"]:
    shares = planes[:, -1] * raised_share(radii)
    return shares[0] + shares[1]  # a sum along the first axis is slow


@jax.jit
def _compose(
    narrow: Float[Array, "e h w"],
    behind: list[Float[Array, "e _ _"]],
    before: list[Float[Array, "e _ _"]],
    open_behind: Float[Array, "h w"],
) -> Float[Array, "e h w"]:
    """Wide slices behind (farthest first) and before (nearest first), each at half the next one's size.

    open_behind: the most of each pixel that what is behind may cover.
    """

    def opaque(planes: Array) -> Array:
        return planes / jnp.maximum(planes[-1:], _KNOWN)

    def over(upper: Array, lower: Array) -> Array:
        return upper + (1 - upper[-1:]) * opaque(lower)

    back = behind[0]
    for planes in behind[1:]:
        back = over(planes, _enlarged(back))
    back, front = _enlarged(back), _before(before)
    lower = over(narrow, back)
    result = over(front, lower)

    def limited() -> Array:
        shown = (1 - front[-1]) * (1 - narrow[-1]) / jnp.maximum(lower[-1], _KNOWN)
        too_much = jnp.maximum(shown - open_behind, 0.0) * opaque(back)
        return jnp.maximum(result - too_much, 0.0)

    kept: Array = jax.lax.cond(open_behind.min() < 1, limited, lambda: result)
    return kept / jnp.maximum(kept[-1:], VISIBLE)


def _enlarged(planes: Float[Array, "e h w"]) -> Float[Array, "e h2 w2"]:
    return doubled(planes, (planes[-1] > 0).any())


def _before(before: list[Float[Array, "e _ _"]]) -> Float[Array, "e h w"]:
    front = before[0]
    for planes in before[1:]:
        front = _enlarged(front)
        front = front + (1 - front[-1:]) * planes
    return _enlarged(front)


@jax.jit
def _foreground(
    before: list[Float[Array, "e _ _"]], narrow: Float[Array, "e h w"], open_behind: Float[Array, "h w"]
) -> Float[Array, "e h w"]:
    front: Array = _before(before)
    whole = front + (1 - front[-1:]) * narrow
    return whole * jnp.maximum((1 - open_behind) / jnp.maximum(whole[-1], VISIBLE), 1.0)


def _finish(
    surfaces: Surfaces,
    series: tuple[Group, ...],
    wide: list[np.ndarray | None],
    tops: list[np.ndarray | None],
    cells: dict[Group, np.ndarray],
    cover: np.ndarray,
    aperture: Aperture,
    grid: Grid,
    progress: Progress,
) -> tuple[np.ndarray, ...]:
    """The finished picture alone, or its three pieces where the series has three full-size groups.

    cover: of `sure_cover`.
    """
    scene = surfaces.scene
    margin, side = MARGIN_PX[0], grid.side(0)
    middle = [index for index, group in enumerate(series) if group.level == 0]
    nothing = [
        jnp.zeros((scene.channels + 1, side >> level, side >> level), jnp.float32) for level in range(LEVELS)
    ]
    ones = jnp.ones((side, side), jnp.float32)
    depths = (scene.channels,) if len(middle) == 1 else (scene.channels, 4, 4)
    results = tuple(np.empty((scene.height, scene.width, depth), np.float32) for depth in depths)

    def wide_tile(index: int, tile: Tile) -> Array | np.ndarray:
        planes, level = wide[index], series[index].level
        if planes is None:
            return nothing[level]
        return read(planes, (tile.top - margin) >> level, (tile.left - margin) >> level, side >> level)

    def work(on_grid: Tile) -> None:
        tile = on_grid.moved(-grid.border)
        inside = replace(tile, bottom=min(tile.bottom, scene.height), right=min(tile.right, scene.width))
        wanted = inside.moved(grid.border)
        work_of: dict[int, tuple[np.ndarray, list[Plan]]] = {}
        for index in middle:
            whole_top = tops[index]
            assert whole_top is not None  # every picture has full-size slices
            around, here = (
                read_top(whole, on_grid, side=side, margin=margin) for whole in (whole_top, cells[series[index]])
            )
            if plan := planned(series[index], aperture, here, around, on_grid, wanted=wanted):
                work_of[index] = around, plan
        # Where nothing is blurred at full size, light is raised in full.
        on_device = surfaces(tile) if work_of else None
        share = ones if on_device is None else _raised_share(*on_device)
        covered = read(cover, (on_grid.top - margin) >> TOP, (on_grid.left - margin) >> TOP, side >> TOP)
        open_behind = left_open(covered) if covered.any() else ones

        def blurred(index: int) -> Array:
            if on_device is None or index not in work_of:
                return nothing[0]
            limit = open_behind if len(middle) == 1 else ones  # pieces go on behind each other
            return layered(series[index], aperture, *on_device, *work_of[index], on_grid, grid, open_behind=limit)

        behind = [wide_tile(index, on_grid) for index in range(middle[0])]
        before = [wide_tile(index, on_grid) for index in range(len(series) - 1, middle[-1], -1)]
        if len(middle) == 1:
            made = [_compose(blurred(middle[0]), behind, before, open_behind)]
        else:
            made = [
                _compose(blurred(middle[0]), behind, [nothing[level] for level in (3, 2, 1)], ones),
                blurred(middle[1]),
                _foreground(before, blurred(middle[2]), open_behind),
            ]
        for piece, result in zip(made, results, strict=True):
            # A piece of an opaque picture has its own coverage for alpha; with alpha, it is in the planes already.
            kept = piece[:-1] if result.shape[2] == scene.channels else piece
            place(as_planes(result), as_planes(scene.write(kept, share)), tile, shift=0, margin=margin)

    on_all_cores(grid.tiles(0), work, lambda share: progress(0.6 + 0.4 * share, "Blurring"))
    return results
