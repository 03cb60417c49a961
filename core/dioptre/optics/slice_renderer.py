"""Render the slices of a group in the blocks of a tile on the device, nearest first.

Each slice is cut out of the tile's surfaces, inpainted behind nearer slices, convolved with the aperture's disc,
limited to the area that nearer slices leave uncovered, and composited.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Float16, Int

from dioptre.programs import kept

from .blocks import Shape, Step
from .grid import CELL
from .inpaint import inpaint, window
from .slices import LIKE_SLICES, SliceBounds, blocking_share, not_hiding_share, slice_share
from .unfused import apart

RECENT = LIKE_SLICES - 1
"""Number of slices whose coverages a `Composite` keeps."""

_NOTHING = 1e-6
_COVERED = 5e-4  # remaining coverage below this counts as fully occluded
_TAG = 2.0  # a tagged coverage is the coverage plus this times the slice's index; no coverage reaches this
_BLURRED_PX = 0.5  # a slice with a smaller radius is not blurred
_OPENED = 5.0  # factor on the unoccluded fraction of the disc, because curved occluders hide less than estimated
_ROUNDING = 1e-4  # rounding error of a sum over a disc, with a margin; smaller openings are ignored


class TileSurfaces(NamedTuple):
    """The nearer and the farther surface of each pixel in a tile (see `surfaces`).

    Attributes:
        planes: colour times coverage, and coverage.
        squares: signed squared radii.
        open_behind: maximum coverage of each pixel by slices in or behind the focus.
    """

    planes: Float[Array, "2 e h w"]
    squares: Float[Array, "2 h w"]
    open_behind: Float[Array, "h w"]


class GroupArrays(NamedTuple):
    """The slices of a group as arrays on the device.

    Attributes:
        inpainted: colour and coverage of each slice behind nearer slices, and a mask that is 1 where the slice is
            continued behind them; one pixel per cell.
        bounds: one row of `SliceBounds` per slice.
        kernels: Fourier transforms of the slices' discs.
    """

    inpainted: Float16[Array, "k e1 ht wt"]
    bounds: Float[Array, "k 7"]
    kernels: Complex[Array, "k hb wb2"]


class Composite(NamedTuple):
    """The slices composited so far, nearest first.

    Attributes:
        planes: colour times coverage, and coverage.
        recent: coverages of the most recent slices, each tagged with the index of its slice.
    """

    planes: Float[Array, "e h w"]
    recent: Float[Array, "2 h w"]


class SliceRenderer:
    """Renderer of one slice into one block of a tile.

    The steps are, in order: `cut`, `inpaint`, `convolve`, `occlude`, `composite`. Steps that may be skipped are
    separate branches, which XLA does not fuse. Fused with the computation of its input, the inpainting would take
    six times as long.
    """

    def __init__(
        self, shape: Shape, surfaces: TileSurfaces, slices: GroupArrays, step: Step, above: Composite
    ) -> None:
        self._shape, self._surfaces, self._slices, self._step, self._above = shape, surfaces, slices, step, above
        self._bounds = SliceBounds(*slices.bounds[step.slice])
        side = surfaces.planes.shape[-1]
        height, width = shape
        # The inpainting reads one cell beyond the block.
        self._wide_shape = min(height + 2 * CELL, side), min(width + 2 * CELL, side)
        self._wide_place = (
            jnp.clip(step.row - CELL, 0, side - self._wide_shape[0]),
            jnp.clip(step.column - CELL, 0, side - self._wide_shape[1]),
        )
        self._place = step.row, step.column
        self._lower = window(above.planes, self._place, shape)
        self._recent = window(above.recent, self._place, shape)
        rows, columns = jnp.arange(height)[:, None] + step.row, jnp.arange(width) + step.column
        inside = (rows >= step.top) & (rows < step.bottom) & (columns >= step.left) & (columns < step.right)
        self._wanted: Bool[Array, "h w"] = inside  # the pixels whose result is valid and wanted

    def render(self) -> Composite:
        """Return the composite of the nearer slices with this slice behind them."""
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

    def inpaint(self) -> Array:
        """Return the slice's planes in the block, inpainted where nearer slices hide it."""
        step, (row, column), wide = self._step, self._wide_place, self._wide_shape
        inner = step.row - row, step.column - column
        hidden, always = step.hidden > 0, step.slice >= 0
        shares = apart(always, lambda: self._each((row, column), wide, slice_share))

        def inpainted() -> Array:
            cells = window(
                self._slices.inpainted,
                (row // CELL, column // CELL),
                (wide[0] // CELL, wide[1] // CELL),
                step.slice,
            ).astype(jnp.float32)
            return inpaint(planes, known, cells[:-1], where=cells[-1], inner=inner, shape=self._shape)

        def plain() -> Array:
            near, far = (window(share, inner, self._shape) for share in shares)
            return self._cut((near, far), self._place, self._shape)

        planes, known = apart(hidden, lambda: (self._cut(shares, (row, column), wide), self._known(wide)))
        made: Array = jax.lax.cond(hidden, inpainted, plain)
        return made

    def _cut(self, shares: tuple[Array, Array], place: tuple[Any, Any], size: Shape) -> Array:
        near, far = (window(self._surfaces.planes, place, size, each) for each in (0, 1))
        return shares[0] * near + shares[1] * far

    def _known(self, size: Shape) -> Array:
        """Return the coverage of surfaces that do not hide the slice, in the wide window."""
        near, far = self._coverage(self._wide_place, size)
        free, far_free = self._each(self._wide_place, size, not_hiding_share)
        return free * near + far_free * far

    def _coverage(self, place: tuple[Any, Any], size: Shape) -> tuple[Array, Array]:
        planes = self._surfaces.planes
        near, far = (window(planes, place, size, each, planes.shape[1] - 1) for each in (0, 1))
        return near, far

    def _each(self, place: tuple[Any, Any], size: Shape, share: Callable[..., Array]) -> tuple[Array, Array]:
        """Return a share of both surfaces in a window."""
        near, far = (share(window(self._surfaces.squares, place, size, each), self._bounds) for each in (0, 1))
        return near, far

    def convolve(self, planes: Array) -> Array:
        """Return the slice's planes, blurred with its disc."""
        return jax.lax.cond(jnp.abs(self._bounds.radius) < _BLURRED_PX, lambda same: same, self._spread, planes)

    def occlude(self, coverage: Array, room: Array) -> Array:
        """Return the visible coverage of the blurred slice behind nearer slices.

        Args:
            coverage: coverage of the blurred slice.
            room: fraction of each pixel that nearer slices leave uncovered.
        """
        index = self._step.slice
        # Slices with almost the same blur do not hide this one.
        not_hiding = sum(_of_slice(self._recent[number % RECENT], number) for number in (index + 1, index + 2))
        open_share = jax.lax.cond(
            (self._step.hidden > 0) & (self._bounds.radius <= -_BLURRED_PX),
            self._open_share,
            lambda: jnp.ones(self._shape, jnp.float32),
        )
        return jnp.clip(coverage * (room + not_hiding), 0.0, room * open_share)

    def composite(self, blurred: Array, room: Array) -> tuple[Array, Array]:
        """Composite the blurred slice into the block, behind nearer slices.

        Returns:
            The block's planes, and the slice's visible coverage, tagged with the index of the slice.
        """
        visible = self.occlude(blurred[-1], room)
        lower = self._lower

        def shown() -> Array:
            return lower + blurred * (visible / jnp.maximum(blurred[-1], _NOTHING))

        planes = jax.lax.cond(visible.max() > 0, shown, lambda: lower)
        index = self._step.slice
        return planes, jnp.where(self._wanted, visible + _TAG * index, self._recent[index % RECENT])

    def _room(self) -> Array:
        """Return the fraction of each pixel that nearer slices leave uncovered."""
        room = jnp.maximum(1 - _COVERED - self._lower[-1], 0.0)
        open_behind = window(self._surfaces.open_behind, self._place, self._shape)
        room = jnp.where(self._bounds.radius > 0, room, jnp.minimum(room, open_behind))
        return jnp.where(self._wanted, room, 0.0)

    def _spread(self, values: Array) -> Array:
        """Return planes (h, w) or (e, h, w), convolved with the slice's disc."""
        kernel = self._slices.kernels[self._step.slice]
        if values.ndim == 2 or kernel.shape[-1] < self._shape[1]:
            half = kernel[:, : self._shape[1] // 2 + 1]
            return jnp.fft.irfft2(jnp.fft.rfft2(values) * half, s=self._shape)
        # A disc is real, so two planes can be the real and the imaginary part of one: four fifths of the time.
        depth = values.shape[0]
        first, second = values[: (depth + 1) // 2], values[(depth + 1) // 2 :]
        if depth % 2:
            second = jnp.concatenate([second, jnp.zeros_like(first[:1])])
        both = jnp.fft.ifft2(jnp.fft.fft2(jax.lax.complex(first, second)) * kernel)
        return jnp.concatenate([both.real, both.imag])[:depth]

    def _open_share(self) -> Array:
        """Return the fraction of a slice behind the focus that is visible past the surfaces that block its discs.

        Slices of different blur that meet at an edge leave a gap in their coverage, through which light from far
        behind must not show.
        """
        shares = self._each(self._place, self._shape, blocking_share)
        near, far = self._coverage(self._place, self._shape)
        blocking = shares[0] * near + shares[1] * far
        return jnp.clip(_OPENED * (1 - _ROUNDING - self._spread(blocking)), 0.0, 1.0)


def _of_slice(tagged: Float[Array, "h w"], index: Int[Array, ""]) -> Float[Array, "h w"]:
    """Return the coverage of the slice with this index where the tagged values belong to it, else 0."""
    share = tagged - _TAG * index
    return jnp.where((share >= 0) & (share < _TAG), share, 0.0)


@partial(kept, static_argnames="shape", donate_argnames="above")
def render_blocks(
    surfaces: TileSurfaces,
    slices: GroupArrays,
    steps: Int[Array, "n 8"],
    count: Int[Array, ""],
    above: Composite,
    *,
    shape: tuple[int, int],
) -> Composite:
    """Render and composite a group's slices, nearest first, in the blocks of one plan.

    The light of adjacent slices adds up. A slice is hidden by all nearer slices that are not adjacent, on the
    assumption that their light paths are independent.

    Args:
        surfaces: surfaces of the tile.
        slices: slices of the group.
        steps: rows of `Step` fields, of which the first `count` are valid.
        count: number of valid rows.
        above: result of the previous plan; zeros for the first.
        shape: height and width of the blocks.
    """

    def render(number: Int[Array, ""], above: Composite) -> Composite:
        return SliceRenderer(shape, surfaces, slices, Step(*steps[number]), above).render()

    return jax.lax.fori_loop(0, count, render, above)
