"""Composite the rendered groups of slices, at reduced and at full size, into the final picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, UInt32

from dioptre.contract import Progress
from dioptre.imaging.threads import on_all_cores
from dioptre.imaging.tiles import Tile
from dioptre.programs import kept

from .blocks import BlockPlan
from .front import left_open
from .grid import CELL_LEVEL, MARGIN_PX, VISIBLE, as_planes, place, read
from .highlights import raised_share
from .inpaint import doubled
from .plan import BlurPlan
from .slices import Group
from .tile_renderer import plan_blocks, read_inpainted, render_tile
from .unfused import apart

# Minimum coverage for a colour behind nearer surfaces to be shown in full; below this, it is too uncertain.
_KNOWN = 0.01


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """Intermediate results that the full-size rendering of the tiles starts from.

    Attributes:
        wide: composited slices of each group in the series, at a reduced size; None for full-size and empty groups.
        inpainted: result of `inpaint_group` for each full-size group, by the group's index.
        cells: result of `cells_of` on the padded grid for each full-size group.
        occlusion: result of `foreground_occlusion`.
    """

    wide: list[np.ndarray | None]
    inpainted: dict[int, np.ndarray]
    cells: dict[Group, UInt32[np.ndarray, "h8 w8"]]
    occlusion: Float32[np.ndarray, "h8 w8"]


def composite(plan: BlurPlan, rendered: Rendered, progress: Progress) -> tuple[np.ndarray, ...]:
    """Render the full-size groups and composite all groups.

    Args:
        plan: the blur plan.
        rendered: the groups at reduced sizes, and the inputs of the full-size groups.
        progress: called after each tile.

    Returns:
        The finished picture (H, W, C) in the scene's encoding; or, if the series has three full-size groups, its
        background (H, W, C), subject (H, W, 4) and foreground (H, W, 4).
    """
    scene = plan.scene
    margin, channels = MARGIN_PX[0], (scene.channels,) if len(plan.full_size) == 1 else (scene.channels, 4, 4)
    results = tuple(np.empty((scene.height, scene.width, depth), np.float32) for depth in channels)

    def work(on_grid: Tile) -> None:
        tile = _TileCompositor(plan, rendered, on_grid)
        for planes, result in zip(tile.layers(), results, strict=True):
            # Layers of an opaque picture use their coverage as alpha. Other pictures already have alpha.
            shown = np.asarray(planes)[:-1] if result.shape[2] == scene.channels else planes
            pixels = as_planes(scene.write(shown, tile.raised))
            place(as_planes(result), pixels, on_grid.moved(-plan.grid.border), shift=0, margin=margin)

    on_all_cores(plan.grid.tiles(0), work, lambda share: progress(share, "Blurring"))
    return results


class _TileCompositor:
    """Compositor of one full-size tile.

    Attributes:
        raised: fraction of the highlight boost that each pixel's light received, 0 to 1.
    """

    def __init__(self, plan: BlurPlan, rendered: Rendered, on_grid: Tile) -> None:
        self._plan, self._rendered, self._on_grid = plan, rendered, on_grid
        self._side, margin = plan.grid.side(0), MARGIN_PX[0]
        self._ones: Array = jax.device_put(np.ones((self._side, self._side), np.float32))
        self._behind = {
            index: read_inpainted(whole, on_grid, side=self._side, margin=margin)
            for index, whole in rendered.inpainted.items()
        }
        self._block_plans = {index: blocks for index in plan.full_size if (blocks := self._blocks(index))}
        # Where nothing is blurred at full size, the highlight boost is applied in full.
        tile = on_grid.moved(-plan.grid.border)
        self._surfaces = plan.surfaces(tile) if self._block_plans else None
        self.raised = self._ones if self._surfaces is None else _raised_share(*self._surfaces)
        occlusion = read(
            rendered.occlusion,
            (on_grid.top - margin) >> CELL_LEVEL,
            (on_grid.left - margin) >> CELL_LEVEL,
            self._side >> CELL_LEVEL,
        )
        self._open_behind = left_open(occlusion) if occlusion.any() else self._ones

    def layers(self) -> list[Array]:
        """Return the planes of the picture, or of its background, subject and foreground."""
        middle = self._plan.full_size
        behind = [self._wide(index) for index in range(middle[0])]
        before = [self._wide(index) for index in range(len(self._plan.series) - 1, middle[-1], -1)]
        if len(middle) == 1:
            return [_compose(self._full_size(middle[0], self._open_behind), behind, before, self._open_behind)]
        # Each layer continues behind the nearer ones, so nothing may limit the coverage of the background.
        background, subject, foreground = (self._full_size(index, self._ones) for index in middle)
        nothing_before = [self._nothing(level) for level in (3, 2, 1)]
        return [
            _compose(background, behind, nothing_before, self._ones),
            *_upper_layers(subject, foreground, before, self._open_behind),
        ]

    def _blocks(self, index: int) -> list[BlockPlan]:
        """Plan the blocks of a full-size group that the picture needs, leaving out its mirrored border."""
        plan, group, border = self._plan, self._plan.series[index], self._plan.grid.border
        tile = self._on_grid.moved(-border)
        bottom, right = min(tile.bottom, plan.scene.height), min(tile.right, plan.scene.width)
        wanted = replace(tile, bottom=bottom, right=right).moved(border)
        cells = read_inpainted(self._rendered.cells[group], self._on_grid, side=self._side, margin=MARGIN_PX[0])
        return plan_blocks(
            group, plan.aperture, cells=cells, inpainted=self._behind[index], tile=self._on_grid, wanted=wanted
        )

    def _full_size(self, index: int, open_behind: Array) -> Array:
        if self._surfaces is None or index not in self._block_plans:
            return self._nothing(0)
        return render_tile(
            self._plan.series[index],
            self._plan.aperture,
            self._plan.grid,
            tile=self._on_grid,
            surfaces=self._surfaces,
            inpainted=self._behind[index],
            plans=self._block_plans[index],
            open_behind=open_behind,
        )

    def _wide(self, index: int) -> Array | np.ndarray:
        planes, level = self._rendered.wide[index], self._plan.series[index].level
        if planes is None:
            return self._nothing(level)
        margin = MARGIN_PX[0]
        top, left = (self._on_grid.top - margin) >> level, (self._on_grid.left - margin) >> level
        return read(planes, top, left, self._side >> level)

    def _nothing(self, level: int) -> Array:
        side = self._side >> level
        nothing: Array = jax.device_put(np.zeros((self._plan.scene.channels + 1, side, side), np.float32))
        return nothing


@kept
def _raised_share(planes: Float[Array, "2 e h w"], radii: Float[Array, "2 h w"]) -> Float[Array, "h w"]:
    shares = planes[:, -1] * raised_share(radii)
    return shares[0] + shares[1]  # written out, because a sum along the first axis is slow


@kept
def _compose(
    narrow: Float[Array, "e h w"],
    behind: list[Float[Array, "e _ _"]],
    before: list[Float[Array, "e _ _"]],
    open_behind: Float[Array, "h w"],
) -> Float[Array, "e h w"]:
    """Composite the groups; the background's colour fills pixels that remain partly uncovered.

    Args:
        narrow: the full-size group.
        behind: the groups behind it, farthest first, each half the size of the next.
        before: the groups in front of it, nearest first, each half the size of the next.
        open_behind: maximum coverage of each pixel by surfaces that are not in front of the focus.
    """

    def opaque(planes: Array) -> Array:
        return planes / jnp.maximum(planes[-1:], _KNOWN)

    back = behind[0]
    for planes in behind[1:]:
        back = planes + (1 - planes[-1:]) * opaque(_enlarged(back))
    back = _enlarged(back)

    def composed(front: Array | None) -> Array:
        # In a branch of its own, because XLA would compute the weights once per plane.
        coverages = None if front is None else front[-1], narrow[-1], back[-1], open_behind
        of_front, of_narrow, of_back, least = apart(narrow[-1, 0, 0] < 2, _weights, *coverages)
        made = of_narrow * narrow + of_back * back
        return jnp.maximum(made if front is None else made + of_front * front, least)

    any_front = jnp.stack([planes[-1].max() for planes in before]).max() > 0
    kept: Array = jax.lax.cond(any_front, lambda: composed(_before(before)), lambda: composed(None))
    return kept


def _weights(
    front: Float[Array, "h w"] | None,
    narrow: Float[Array, "h w"],
    back: Float[Array, "h w"],
    open_behind: Float[Array, "h w"],
) -> tuple[Float[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"], Float[Array, ""]]:
    """Return the weights of the groups' planes in the composite, and the least value of their sum.

    Args:
        front: coverage by the groups in front of the full-size group; None if there are none.
        narrow: coverage by the full-size group.
        back: coverage by the groups behind it.
        open_behind: as in `_compose`.
    """
    of_back = 1 / jnp.maximum(back, _KNOWN)
    of_narrow = 1 / jnp.maximum(narrow + (1 - narrow) * back * of_back, _KNOWN)
    if front is not None:
        of_narrow = (1 - front) * of_narrow
    shown, limited = of_narrow * (1 - narrow), open_behind.min() < 1
    of_back *= jnp.where(limited, jnp.minimum(shown, open_behind), shown)
    covered, least = of_narrow * narrow + of_back * back, jnp.where(limited, 0.0, -jnp.inf)
    covered = covered if front is None else covered + front
    whole = 1 / jnp.maximum(jnp.maximum(covered, least), VISIBLE)
    return whole, of_narrow * whole, of_back * whole, least


def _enlarged(planes: Float[Array, "e h w"]) -> Float[Array, "e h2 w2"]:
    return doubled(planes, (planes[-1] > 0).any())


def _before(before: list[Float[Array, "e _ _"]]) -> Float[Array, "e h w"]:
    front = before[0]
    for planes in before[1:]:
        front = _enlarged(front)
        front = front + (1 - front[-1:]) * planes
    return _enlarged(front)


@kept
def _upper_layers(
    subject: Float[Array, "e h w"],
    narrow: Float[Array, "e h w"],
    before: list[Float[Array, "e _ _"]],
    open_behind: Float[Array, "h w"],
) -> tuple[Float[Array, "e h w"], Float[Array, "e h w"]]:
    """Return the subject and the foreground, raised so that no more of the background shows than `open_behind`."""
    front: Array = _before(before)
    foreground = front + (1 - front[-1:]) * narrow
    of_front, of_subject = foreground[-1], (1 - foreground[-1]) * subject[-1]
    factor = jnp.maximum((1 - open_behind) / jnp.maximum(of_front + of_subject, VISIBLE), 1.0)
    raised = jnp.minimum(factor * of_front, 1.0)
    coverage = jnp.clip(factor * of_subject / jnp.maximum(1 - raised, VISIBLE), subject[-1], 1.0)
    return (
        subject * (coverage / jnp.maximum(subject[-1], VISIBLE)),
        foreground * (raised / jnp.maximum(of_front, VISIBLE)),
    )
