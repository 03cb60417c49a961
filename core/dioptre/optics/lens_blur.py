"""Depth-dependent blur of a picture, as produced by a real lens.

The picture is divided into depth slices of equal blur. Each slice is inpainted behind the nearer ones, convolved
with the aperture's shape, and composited over the farther ones, in linear light with premultiplied alpha. Wide
blurs are computed at a reduced size.

The modules, in the order in which they process a pixel: `scene` (reading and writing), `defocus` (circle of
confusion), `plan`, `separation` and `surfaces` (splitting pixels on depth edges into two surfaces), `soft_edges`
(the same where a matte divides them), `grid` (tiles and sizes), `slices` (division of depth), `blocks` (the areas
in which a slice must be rendered), `inpaint` (surfaces hidden by nearer slices), `tile_renderer` (a group of
slices on a tile), `slice_renderer` (one slice in one block, convolved with the shape of `aperture`), `front`
(occlusion by the foreground) and `compositor` (compositing of the groups).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from dioptre.contract import Progress, no_progress, part_of
from dioptre.imaging.threads import on_all_cores
from dioptre.imaging.tiles import Tile
from dioptre.programs import kept
from dioptre.runtime import release_after

from .aperture import Aperture
from .blocks import cells_of
from .compositor import Rendered, composite
from .front import foreground_occlusion
from .grid import CELL, CELL_LEVEL, MARGIN_PX, TILE_PX, VISIBLE, Level, place, read
from .inpaint import inpaint_group
from .plan import BlurPlan
from .scene import Scene
from .slices import LEVELS, Group, groups
from .surfaces import any_of_four, halve, halve_small
from .tile_renderer import plan_blocks, read_inpainted, render_tile

_IDENTITY_PX = 1e-3  # a picture whose largest blur radius is smaller is returned unchanged


@dataclass(frozen=True, kw_only=True)
class BlurredLayers:
    """The blurred picture as three layers in the scene's encoding.

    Composited in linear light, they give the blurred picture.

    Attributes:
        background: the farther part (H, W, C), continued behind the subject.
        subject: the part in or near the focus (H, W, 4), straight alpha.
        foreground: the nearer part (H, W, 4), straight alpha.
    """

    background: np.ndarray
    subject: np.ndarray
    foreground: np.ndarray


def blur(
    scene: Scene, *, aperture: Aperture | None = None, coarse: bool = False, progress: Progress = no_progress
) -> np.ndarray:
    """Render the scene as a lens would capture it.

    Args:
        scene: the picture with its depth and focus.
        aperture: shape of the aperture; a circle by default.
        coarse: use half as many slices, and fewer of them at full size, for a draft.
        progress: called between tiles.

    Returns:
        (H, W, C) in the scene's encoding, with straight alpha.

    Raises:
        Exception: whatever `progress` raises.
    """
    if scene.largest_radius_px() < _IDENTITY_PX:
        return scene.unblurred()
    plan = BlurPlan.of(scene, aperture=aperture or Aperture(), series=groups(coarse=coarse))
    (picture,) = _blur(plan, progress)
    return picture


def blur_in_layers(
    scene: Scene,
    *,
    subject_px: float = 3.0,
    aperture: Aperture | None = None,
    progress: Progress = no_progress,
) -> BlurredLayers:
    """Render the scene like `blur`, but as three layers.

    Args:
        scene: the picture with its depth and focus.
        subject_px: maximum blur radius in the subject layer; a whole number of pixels.
        aperture: shape of the aperture; a circle by default.
        progress: called between tiles.

    Raises:
        Exception: whatever `progress` raises.
    """
    plan = BlurPlan.of(scene, aperture=aperture or Aperture(), series=groups(subject_px=subject_px))
    background, subject, foreground = _blur(plan, progress, everything=True)
    return BlurredLayers(background=background, subject=subject, foreground=foreground)


def _blur(plan: BlurPlan, progress: Progress, *, everything: bool = False) -> tuple[np.ndarray, ...]:
    """Render the picture, or its three layers.

    Args:
        plan: the blur plan.
        progress: called between tiles.
        everything: also inpaint surfaces where they stay hidden (see `inpaint_group`).
    """
    series, grid, size = plan.series, plan.grid, (plan.scene.height, plan.scene.width)
    cells = {series[index]: np.empty([n // CELL for n in grid.size(0)], np.uint32) for index in plan.full_size}
    levels = _reduced(plan, cells, part_of(progress, 0.0, 0.3))
    occlusion = foreground_occlusion(levels[CELL_LEVEL])
    wide: list[np.ndarray | None] = [None] * len(series)
    inpainted: dict[int, np.ndarray] = {}

    def work(index: int) -> None:
        group = series[index]
        if group.level >= grid.levels:
            return
        level, scale = levels[group.level + CELL_LEVEL], 1 << (group.level + CELL_LEVEL)
        behind = inpaint_group(group, level, scale=scale, everything=everything)
        if group.level == 0:
            inpainted[index] = behind
        else:
            wide[index] = _render_group(plan, group, levels[group.level], behind)

    if grid.size(1)[0] * grid.size(1)[1] <= TILE_PX**2:  # a single tile is too little work for two threads
        on_all_cores(sorted(range(len(series)), key=lambda index: series[index].level), work, lambda share: None)
    else:
        # Render the full-size groups after the larger levels are freed: their inpainted slices need much memory.
        for at in (*range(1, CELL_LEVEL), 0, *range(CELL_LEVEL, LEVELS)):
            release_after(size)
            for index, group in enumerate(series):
                if group.level == at:
                    work(index)
            levels.pop(at, None)
    levels.clear()
    release_after(size)
    progress(0.6, "Blurring")
    rendered = Rendered(wide=wide, inpainted=inpainted, cells=cells, occlusion=occlusion)
    return composite(plan, rendered, part_of(progress, 0.6, 1.0))


@kept
def _reduce(
    planes: Float[Array, "2 e h w"], radii: Float[Array, "2 h w"]
) -> list[tuple[Float[Array, "2 e _ _"], Float[Array, "2 _ _"], Bool[Array, "_ _"]]]:
    sizes = []
    edges = planes[1, -1] > 0
    for _ in range(LEVELS - 1):
        planes, radii = halve(planes, radii)
        edges = any_of_four(edges)
        sizes.append((planes, radii, edges))
    return sizes


def _reduced(plan: BlurPlan, cells: dict[Group, np.ndarray], progress: Progress) -> dict[int, Level]:
    """Compute the surfaces at every reduced size.

    The sizes from `LEVELS` on are needed only by `inpaint_group`.

    Args:
        plan: the blur plan.
        cells: arrays for the full-size groups, to be filled with the result of `cells_of` on the padded grid.
        progress: called between tiles.
    """
    grid, surfaces = plan.grid, plan.surfaces
    levels = {
        level: Level(
            np.empty((2, plan.scene.channels + 1, *grid.size(level)), np.float32),
            np.empty((2, *grid.size(level)), np.float32),
            np.empty(grid.size(level), np.bool_),
        )
        for level in range(1, LEVELS)
    }

    def work(tile: Tile) -> None:
        on_device = surfaces(tile.moved(-grid.border))
        for group, whole in cells.items():
            place(whole, cells_of(group, *on_device), tile, shift=CELL_LEVEL, margin=MARGIN_PX[0])
        for level, reduced in enumerate(_reduce(*on_device), start=1):
            level_arrays = levels[level].planes, levels[level].radii, levels[level].edges
            for whole, part in zip(level_arrays, reduced, strict=True):
                place(whole, np.asarray(part), tile, shift=level, margin=MARGIN_PX[0])

    on_all_cores(grid.tiles(0), work, lambda share: progress(share, "Separating depths"))
    for whole in cells.values():
        grid.mirror(whole, scale=CELL)
    for level, reduced in levels.items():
        for array in (reduced.planes, reduced.radii, reduced.edges):
            grid.mirror(array, scale=1 << level)
    for level in range(LEVELS, grid.levels + CELL_LEVEL):
        larger = levels[level - 1]
        levels[level] = Level(*halve_small(larger.planes, larger.radii), any_of_four(larger.edges))
    return levels


def _render_group(plan: BlurPlan, group: Group, level: Level, inpainted: np.ndarray) -> np.ndarray | None:
    """Render and composite a group's slices on the padded grid at the group's size; return None if it is empty."""
    visible = level.planes[:, -1] > VISIBLE
    largest = level.radii.max(initial=-np.inf, where=visible)
    least = level.radii.min(initial=np.inf, where=visible)
    if group.nearest < least or group.farthest > largest:
        return None
    grid, margin = plan.grid, MARGIN_PX[group.level]
    side = grid.side(group.level)
    rendered = np.zeros(level.planes.shape[1:], np.float32)

    def work(tile: Tile) -> None:
        planes, radii = (
            read(whole, tile.top - margin, tile.left - margin, side) for whole in (level.planes, level.radii)
        )
        on_device: tuple[Array, Array] = jax.device_put((planes, radii))
        behind = read_inpainted(inpainted, tile, side=side, margin=margin)
        cells = cells_of(group, *on_device)
        plans = plan_blocks(group, plan.aperture, cells=cells, inpainted=behind, tile=tile)
        if not plans:
            return
        blurred = render_tile(
            group, plan.aperture, grid, tile=tile, surfaces=on_device, inpainted=behind, plans=plans
        )
        place(rendered, np.asarray(blurred), tile, shift=0, margin=margin)

    on_all_cores(grid.tiles(group.level), work, lambda share: None)
    return rendered
