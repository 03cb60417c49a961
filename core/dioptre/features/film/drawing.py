"""Draw the frames of a film.

Each sheet is looked up backwards: where it shows a pixel of the frame depends on its distance there, which is found
by fixed-point iteration on a coarse grid, because distances are smooth within a sheet. Sheets are drawn over each
other from back to front.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, Int, UInt8

from dioptre.imaging.threads import on_all_cores

from .camera import Camera, Lens, places
from .cutting import CURVE, FLAG, MASKS, SHIFTS, Sheets

_STEP = 8  # pixels of a frame between the points of the coarse grid
_ITERATIONS = 4
_ROWS = 64  # of a frame that are drawn at a time


def drawn(sheets: Sheets, camera: Camera, lens: Lens, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a frame, sRGB-encoded.

    Args:
        sheets: the photo, cut into sheets.
        camera: the frame's camera.
        lens: the lens.
        size: height and width of the frame.
    """
    frame = np.empty((*size, 3), np.uint8)
    _in_bands(partial(_colours, sheets), frame, sheets, camera, lens)
    return frame


def invented(sheets: Sheets, camera: Camera, lens: Lens, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Return which pixels of a frame the photo does not show; the arguments are those of `drawn`."""
    mask = np.empty(size, bool)
    _in_bands(partial(_unknown, sheets), mask, sheets, camera, lens)
    return mask


def outside(sheets: Sheets, camera: Camera, lens: Lens, size: tuple[int, int]) -> bool:
    """Return whether a frame of the size shows anything beside the photo."""
    x, y = _grid(size, jnp.arange(-(-size[0] // _STEP)) * _STEP, jnp.arange(-(-size[1] // _STEP)) * _STEP)
    distance = _distances(sheets.inverse[:1], camera, lens, size=size)[0, : x.shape[0], : x.shape[1]]
    u, v = places(x, y, distance, camera, lens)
    return bool((jnp.abs(u) > 0.5).any() | (jnp.abs(v) > 0.5 * size[0] / size[1]).any())


def _in_bands(draw: Callable[..., Array], into: np.ndarray, sheets: Sheets, camera: Camera, lens: Lens) -> None:
    size = into.shape[0], into.shape[1]
    rows = min(_ROWS, size[0])
    distances = _distances(sheets.inverse, camera, lens, size=size)

    def work(first: int) -> None:
        into[first : first + rows] = draw(distances, camera, lens, first, rows=rows, size=size)

    on_all_cores([*range(0, size[0] - rows, rows), size[0] - rows], work, lambda _: None)


def _grid(size: tuple[int, int], rows: Array, columns: Array) -> tuple[Array, Array]:
    """Return the places of pixels of a frame as (x, y)."""
    height, width = size
    x, y = (columns + 0.5 - width / 2) / width, (rows + 0.5 - height / 2) / width
    across, down = jnp.broadcast_arrays(x[None, :], y[:, None])
    return across, down


@partial(jax.jit, static_argnames="size")
def _distances(
    inverse: Float32[Array, "n h w"], camera: Camera, lens: Lens, *, size: tuple[int, int]
) -> Float32[Array, "n H W"]:
    """Return the inverse distance of each sheet at points of a frame, and one beyond each end."""
    count, height, width = inverse.shape
    rows, columns = (jnp.arange(-(-side // _STEP) + 1) * _STEP for side in size)
    x, y = _grid(size, rows, columns)
    flat = inverse.ravel()
    found = []
    for sheet in range(count):
        near = jnp.ones_like(x)
        for _ in range(_ITERATIONS):
            u, v = places(x, y, near, camera, lens)
            column = jnp.clip((u + 0.5) * width - 0.5, 0, width - 1)
            row = jnp.clip((v * (size[1] / size[0]) + 0.5) * height - 0.5, 0, height - 1)
            left = jnp.clip(column.astype(jnp.int32), 0, max(width - 2, 0))
            top = jnp.clip(row.astype(jnp.int32), 0, max(height - 2, 0))
            first = (sheet * height + top) * width + left
            right, below = min(1, width - 1), min(1, height - 1) * width
            fx, fy = column - left, row - top
            taps = [flat.at[first + by].get(mode="clip") for by in (0, right, below, below + right)]
            upper, lower = taps[0] + fx * (taps[1] - taps[0]), taps[2] + fx * (taps[3] - taps[2])
            near = upper + fy * (lower - upper)
        found.append(near)
    return jnp.stack(found)


def _fine(coarse: Array, rows: Array, columns: Array) -> Array:
    """Return the values of the coarse grid at pixels."""
    row, column = rows // _STEP, columns // _STEP
    fy, fx = (rows % _STEP / _STEP)[:, None], (columns % _STEP / _STEP)[None, :]
    lines = coarse[row] + fy * (coarse[row + 1] - coarse[row])
    return lines[:, column] + fx * (lines[:, column + 1] - lines[:, column])


def _looked_up(
    sheets: Sheets, distances: Array, camera: Camera, lens: Lens, sheet: int, *, rows: Array, size: tuple[int, int]
) -> tuple[Array, Array, Array, Array]:
    """Return where a sheet shows pixels of a frame: row and column, whether that is outside, and the blur level."""
    columns = jnp.arange(size[1])
    distance = _fine(distances[sheet], rows, columns)
    u, v = places(*_grid(size, rows, columns), distance, camera, lens)
    _, levels, height, width = sheets.packed.shape
    column, beside = _mirrored((u + 0.5) * width - 0.5, width)
    row, above = _mirrored((v * (size[1] / size[0]) + 0.5) * height - 0.5, height)
    blur = jnp.minimum(jnp.abs(distance - camera.focus) * sheets.blur, 1.0) ** (1 / CURVE) * (levels - 1)
    return row, column, beside | above, blur


def _mirrored(place: Array, length: int) -> tuple[Array, Array]:
    """Return places beyond the ends as their mirror images inside, and which they are."""
    inside = length - jnp.abs(length - jnp.abs(place + 0.5)) - 0.5
    return jnp.clip(inside, 0, length - 1), (place < -0.51) | (place > length - 0.49)


@partial(jax.jit, static_argnames=("rows", "size"))
def _colours(
    sheets: Sheets,
    distances: Float32[Array, "n H W"],
    camera: Camera,
    lens: Lens,
    first: int | Int[Array, ""],
    *,
    rows: int,
    size: tuple[int, int],
) -> UInt8[Array, "rows w 3"]:
    """Return the colours of some rows of a frame."""
    count, levels, height, width = sheets.packed.shape
    flat = sheets.packed.ravel()
    under = [jnp.zeros((rows, size[1]))] * 3
    for sheet in range(count):
        row, column, _, blur = _looked_up(
            sheets, distances, camera, lens, sheet, rows=first + jnp.arange(rows), size=size
        )
        taps: list[tuple[Array, Array]] = []  # places and weights
        if levels > 1:  # frames as large as the sheets, from the same camera
            level = jnp.clip(blur.astype(jnp.int32), 0, levels - 2)
            place = ((sheet * levels + level) * height + jnp.round(row).astype(jnp.int32)) * width
            place += jnp.round(column).astype(jnp.int32)
            taps = [(place, 1 - (blur - level)), (place + height * width, blur - level)]
        else:
            top = jnp.clip(row.astype(jnp.int32), 0, max(height - 2, 0))
            left = jnp.clip(column.astype(jnp.int32), 0, max(width - 2, 0))
            fy, fx = row - top, column - left
            place = (sheet * height + top) * width + left
            right, below = min(1, width - 1), min(1, height - 1) * width
            taps = [
                (place, (1 - fy) * (1 - fx)),
                (place + right, (1 - fy) * fx),
                (place + below, fy * (1 - fx)),
                (place + below + right, fy * fx),
            ]
        sums = [jnp.zeros((rows, size[1]))] * 4
        for place, weight in taps:
            value = flat.at[place].get(mode="promise_in_bounds")
            parts = [(value >> shift) & mask for shift, mask in zip(SHIFTS, MASKS, strict=True)]
            sums = [sum_ + weight * part.astype(jnp.float32) for sum_, part in zip(sums, parts, strict=True)]
        through = 1 - sums[3] / MASKS[3]
        under = [over + through * below_ for over, below_ in zip(sums[:3], under, strict=True)]
    return jnp.clip(jnp.round(jnp.stack(under, -1)), 0, 255).astype(jnp.uint8)


@partial(jax.jit, static_argnames=("rows", "size"))
def _unknown(
    sheets: Sheets,
    distances: Float32[Array, "n H W"],
    camera: Camera,
    lens: Lens,
    first: int | Int[Array, ""],
    *,
    rows: int,
    size: tuple[int, int],
) -> Bool[Array, "rows w"]:
    """Return which pixels of some rows of a frame are invented."""
    count, levels, height, width = sheets.packed.shape
    flat = sheets.packed.ravel()
    unknown = jnp.zeros((rows, size[1]), bool)
    for sheet in range(count):
        row, column, outside, blur = _looked_up(
            sheets, distances, camera, lens, sheet, rows=first + jnp.arange(rows), size=size
        )
        place = (sheet * levels + jnp.round(blur).astype(jnp.int32)) * height + jnp.round(row).astype(jnp.int32)
        value = flat.at[place * width + jnp.round(column).astype(jnp.int32)].get(mode="promise_in_bounds")
        covers = ((value >> SHIFTS[3]) & MASKS[3]) > MASKS[3] // 2
        unknown = jnp.where(covers, outside | (value >> FLAG > 0), unknown)
    return unknown
