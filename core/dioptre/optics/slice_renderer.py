"""The slices of a group in the blocks of a tile, rendered on the device, nearest first.

Each slice is cut out of the tile's surfaces, inpainted behind nearer slices, convolved with the aperture's disc,
limited to what nearer slices leave uncovered, and composited.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Float16, Int

from .blocks import Shape, Step
from .grid import CELL
from .inpaint import inpaint
from .slices import LIKE_SLICES, SliceBounds, blocking_share, not_hiding_share, slice_share

RECENT = LIKE_SLICES - 1
"""How many of the last slices' shares a `Composite` holds."""

_NOTHING = 1e-6
_COVERED = 5e-4  # remaining coverage below this counts as fully occluded
_TAG = 2.0  # shares that slices cover are below it
_BLURRED_PX = 0.5  # a slice of a smaller radius is left as it is
_OPENED = 5.0  # gain on the unoccluded part of the disc; curved occluders leave more than the local estimate
_ROUNDING = 1e-4  # of a sum over a disc, with room to spare: a smaller opening is none


class TileSurfaces(NamedTuple):
    """Both surfaces of a tile.

    planes: colour times coverage, and coverage. squares: signed squared radii. open_behind: the most of each pixel
    that slices in and behind the focus may cover.
    """

    planes: Float[Array, "2 e h w"]
    squares: Float[Array, "2 h w"]
    open_behind: Float[Array, "h w"]


class GroupArrays(NamedTuple):
    """The slices of a group, on the device.

    inpainted: per slice, colour, share, and 1 where they continue it behind nearer slices; one pixel per cell.
    bounds: a row of `SliceBounds` each. kernels: Fourier transforms of the discs.
    """

    inpainted: Float16[Array, "k e1 ht wt"]
    bounds: Float[Array, "k 7"]
    kernels: Complex[Array, "k hb wb2"]


class Composite(NamedTuple):
    """The slices so far over one another, nearest first.

    planes: the last one is the share covered. recent: shares that the last slices covered, tagged with the number
    of the slice.
    """

    planes: Float[Array, "e h w"]
    recent: Float[Array, "2 h w"]


class SliceRenderer:
    """Renders one slice into one block of a tile.

    The steps, in their order: `cut`, `inpaint`, `convolve`, `occlude`, `composite`. Each is a branch of its own
    where it may be left out; XLA does not fuse branches, and fused with what makes its input, the inpainting takes
    six times as long.
    """

    def __init__(
        self, shape: Shape, surfaces: TileSurfaces, slices: GroupArrays, step: Step, above: Composite
    ) -> None:
        self._shape, self._surfaces, self._slices, self._step, self._above = shape, surfaces, slices, step, above
        self._bounds = SliceBounds(*slices.bounds[step.slice])
        side = surfaces.planes.shape[-1]
        height, width = shape
        # The inpainting looks one cell beyond the block.
        self._wide_shape = min(height + 2 * CELL, side), min(width + 2 * CELL, side)
        self._wide_place = (
            jnp.clip(step.row - CELL, 0, side - self._wide_shape[0]),
            jnp.clip(step.column - CELL, 0, side - self._wide_shape[1]),
        )
        self._place = step.row, step.column
        self._lower = _window(above.planes, self._place, shape)
        self._recent = _window(above.recent, self._place, shape)
        rows, columns = jnp.arange(height)[:, None] + step.row, jnp.arange(width) + step.column
        inside = (rows >= step.top) & (rows < step.bottom) & (columns >= step.left) & (columns < step.right)
        self._wanted: Bool[Array, "h w"] = inside  # the pixels whose result is valid and wanted

    def render(self) -> Composite:
        """The composite of the slices above this one with this slice behind them."""
        room = self._room()

        def rendered() -> tuple[Array, Array]:
            return self.composite(self.convolve(self.inpaint()), room)

        def left_out() -> tuple[Array, Array]:
            return self._lower, self._recent[self._step.slice % RECENT]

        planes, recent = jax.lax.cond(room.max() > 0, rendered, left_out)
        row, column = self._place
        return Composite(
            jax.lax.dynamic_update_slice(self._above.planes, planes, (0, row, column)),
            jax.lax.dynamic_update_slice(
                self._above.recent, recent[None], (self._step.slice % RECENT, row, column)
            ),
        )

    def cut(self, place: tuple[Any, Any], size: Shape) -> tuple[Array, Array]:
        """The slice's planes in a window of the tile, and the coverage of what does not hide the slice there."""
        windows = self._windows(place, size)
        near, far = windows[0][0], windows[1][0]
        share, far_share = (slice_share(squares, self._bounds) for _, squares in windows)
        free, far_free = (not_hiding_share(squares, self._bounds) for _, squares in windows)
        return share * near + far_share * far, free * near[-1] + far_free * far[-1]

    def inpaint(self) -> Array:
        """The slice's planes in the block, continued behind nearer slices where those hide it."""
        step, (height, width) = self._step, self._wide_shape
        row, column = self._wide_place

        def window() -> tuple[Array, Array]:
            return self.cut(self._wide_place, self._wide_shape)

        def unused() -> tuple[Array, Array]:
            depth = self._surfaces.planes.shape[1]
            return jnp.zeros((depth, height, width), jnp.float32), jnp.zeros((height, width), jnp.float32)

        def inpainted(window: tuple[Array, Array]) -> Array:
            cells = _window(
                self._slices.inpainted, (row // CELL, column // CELL), (height // CELL, width // CELL), step.slice
            ).astype(jnp.float32)
            whole = inpaint(*window, cells[:-1], where=cells[-1])
            return _window(whole, (step.row - row, step.column - column), self._shape)

        def plain(_: tuple[Array, Array]) -> Array:
            return self.cut(self._place, self._shape)[0]

        hidden = step.hidden > 0
        return jax.lax.cond(hidden, inpainted, plain, jax.lax.cond(hidden, window, unused))

    def convolve(self, planes: Array) -> Array:
        """The slice's planes blurred with its disc."""
        return jax.lax.cond(jnp.abs(self._bounds.radius) < _BLURRED_PX, lambda same: same, self._spread, planes)

    def occlude(self, coverage: Array, room: Array) -> Array:
        """The share of each pixel that the blurred slice covers beside nearer slices.

        Args:
            coverage: of the blurred slice.
            room: what nearer slices leave uncovered.
        """
        index = self._step.slice
        # What is covered by slices alike does not hide this one.
        not_hiding = sum(_of_slice(self._recent[number % RECENT], number) for number in (index + 1, index + 2))
        open_share = jax.lax.cond(
            (self._step.hidden > 0) & (self._bounds.radius <= -_BLURRED_PX),
            self._open_share,
            lambda: jnp.ones(self._shape, jnp.float32),
        )
        return jnp.clip(coverage * (room + not_hiding), 0.0, room * open_share)

    def composite(self, blurred: Array, room: Array) -> tuple[Array, Array]:
        """The block with the blurred slice behind what is there, and the share that the slice covers, tagged."""
        visible = self.occlude(blurred[-1], room)
        lower = self._lower

        def shown() -> Array:
            return lower + blurred * (visible / jnp.maximum(blurred[-1], _NOTHING))

        planes = jax.lax.cond(visible.max() > 0, shown, lambda: lower)
        index = self._step.slice
        return planes, jnp.where(self._wanted, visible + _TAG * index, self._recent[index % RECENT])

    def _room(self) -> Array:
        """What nearer slices leave uncovered."""
        room = jnp.maximum(1 - _COVERED - self._lower[-1], 0.0)
        open_behind = _window(self._surfaces.open_behind, self._place, self._shape)
        room = jnp.where(self._bounds.radius > 0, room, jnp.minimum(room, open_behind))
        return jnp.where(self._wanted, room, 0.0)

    def _spread(self, values: Array) -> Array:
        return jnp.fft.irfft2(jnp.fft.rfft2(values) * self._slices.kernels[self._step.slice], s=self._shape)

    def _open_share(self) -> Array:
        """Behind the focus: how much of the slice its own discs let show, however little the rest covers.

        Unlike slices that meet at an edge leave a gap there, which light from afar must not fill.
        """
        windows = self._windows(self._place, self._shape)
        blocking = sum(planes[-1] * blocking_share(squares, self._bounds) for planes, squares in windows)
        return jnp.clip(_OPENED * (1 - _ROUNDING - self._spread(blocking)), 0.0, 1.0)

    def _windows(self, place: tuple[Any, Any], size: Shape) -> list[tuple[Array, Array]]:
        # Each surface is cut out by itself: loops over one cut of both are twelve times slower.
        planes, squares, _ = self._surfaces
        return [(_window(planes, place, size, each), _window(squares, place, size, each)) for each in (0, 1)]


def _window(values: Array, place: tuple[Any, Any], size: tuple[int, int], *first: Any) -> Array:
    """A window over the last two axes, at these indices of the first ones."""
    depth = values.shape[len(first) : -2]
    lengths = (*(1 for _ in first), *depth, *size)
    window = jax.lax.dynamic_slice(values, (*first, *(0 for _ in depth), *place), lengths)
    return window.reshape(lengths[len(first) :])


def _of_slice(tagged: Float[Array, "h w"], index: Int[Array, ""]) -> Float[Array, "h w"]:
    """The share covered by the slice of this number, where that is what was kept last; else 0."""
    share = tagged - _TAG * index
    return jnp.where((share >= 0) & (share < _TAG), share, 0.0)


@partial(jax.jit, static_argnames="shape", donate_argnames="above")
def render_blocks(
    surfaces: TileSurfaces,
    slices: GroupArrays,
    steps: Int[Array, "n 8"],
    count: Int[Array, ""],
    above: Composite,
    *,
    shape: tuple[int, int],
) -> Composite:
    """The group's slices over one another, nearest first, in the blocks of one plan.

    Light of slices next to each other adds up; a slice is hidden by all nearer ones beyond, with the light paths
    taken as independent.

    Args:
        surfaces: of the tile.
        slices: of the group.
        steps: rows of `Step`, of which the first `count` are valid.
        count: see there.
        above: the result of the plan before, zeros for the first.
        shape: of the blocks.
    """

    def render(number: Int[Array, ""], above: Composite) -> Composite:
        return SliceRenderer(shape, surfaces, slices, Step(*steps[number]), above).render()

    return jax.lax.fori_loop(0, count, render, above)
