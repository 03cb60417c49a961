"""Draw the frames of a film.

Each sheet is looked up backwards: where it shows a pixel of the frame depends on its distance there, which is found
by fixed-point iteration on a coarse grid, because distances are smooth within a sheet. Sheets are drawn over each
other from back to front, in tiles; a tile leaves out sheets that are empty there or wholly hidden.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, Int, UInt8

from dioptre.imaging.threads import on_all_cores
from dioptre.programs import kept

from .camera import Camera, Lens, places
from .cutting import CURVE, FLAG, MASKS, SHIFTS, Sheets

_STEP = 8  # pixels of a frame between the points of the coarse grid
_ITERATIONS = 4
_TILE = 64, 256  # largest height and width of the parts that are drawn at a time


def drawn(sheets: Sheets, camera: Camera, lens: Lens, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a frame, sRGB-encoded.

    Args:
        sheets: the photo, cut into sheets.
        camera: the frame's camera.
        lens: the lens.
        size: height and width of the frame.
    """
    frame = np.empty((*size, 3), np.uint8)
    _in_tiles(frame, sheets, camera, lens, masks=False)
    return frame


def invented(sheets: Sheets, camera: Camera, lens: Lens, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Return which pixels of a frame the photo does not show; the arguments are those of `drawn`."""
    mask = np.empty(size, bool)
    _in_tiles(mask, sheets, camera, lens, masks=True)
    return mask


def outside(sheets: Sheets, camera: Camera, lens: Lens, size: tuple[int, int]) -> bool:
    """Return whether a frame of the size shows anything beside the photo."""
    return bool(_is_outside(sheets, camera, lens, size=size))


@partial(kept, static_argnames="size")
def _is_outside(sheets: Sheets, camera: Camera, lens: Lens, *, size: tuple[int, int]) -> Bool[Array, ""]:
    x, y = _grid(size, jnp.arange(-(-size[0] // _STEP)) * _STEP, jnp.arange(-(-size[1] // _STEP)) * _STEP)
    distance = _distances(sheets.inverse[:1], sheets.covers[:1], camera, lens, size=size)[0]
    u, v = places(x, y, distance[0, : x.shape[0], : x.shape[1]], camera, lens)
    return (jnp.abs(u) > 0.5).any() | (jnp.abs(v) > 0.5 * size[0] / size[1]).any()


def _in_tiles(into: np.ndarray, sheets: Sheets, camera: Camera, lens: Lens, *, masks: bool) -> None:
    size = into.shape[0], into.shape[1]
    tall, wide = tile = min(_TILE[0], size[0]), min(_TILE[1], size[1])
    distances, needed = _distances(sheets.inverse, sheets.covers, camera, lens, size=size)

    def work(corner: tuple[int, int]) -> None:
        top, left = corner
        part = _drawn(sheets, distances, needed, camera, lens, corner=corner, tile=tile, size=size, masks=masks)
        into[top : top + tall, left : left + wide] = part

    rows, columns = ([*range(0, side - part, part), side - part] for side, part in zip(size, tile, strict=True))
    on_all_cores([(row, column) for row in rows for column in columns], work, lambda _: None)


def _grid(size: tuple[int, int], rows: Array, columns: Array) -> tuple[Array, Array]:
    """Return the places of pixels of a frame as (x, y)."""
    height, width = size
    x, y = (columns + 0.5 - width / 2) / width, (rows + 0.5 - height / 2) / width
    across, down = jnp.broadcast_arrays(x[None, :], y[:, None])
    return across, down


@partial(kept, static_argnames="size")
def _distances(
    inverse: Float32[Array, "n h w"],
    covers: Bool[Array, "n 2 h w"],
    camera: Camera,
    lens: Lens,
    *,
    size: tuple[int, int],
) -> tuple[Float32[Array, "n H W"], Bool[Array, "n H W"]]:
    """Return each sheet's inverse distance at points of a frame and one beyond each end, and where to draw it."""
    shape = inverse.shape[1:]
    x, y = _grid(size, *(jnp.arange(-(-side // _STEP) + 1) * _STEP for side in size))
    found, needed, hidden = [], [], jnp.zeros(x.shape, bool)
    for plane, (some, whole) in zip(inverse[::-1], covers[::-1], strict=True):  # from front to back
        near = jnp.ones_like(x)
        for _ in range(_ITERATIONS):
            row, column = _at(*places(x, y, near, camera, lens), size, shape)
            near = jnp.zeros_like(x)
            row, column = jnp.clip(row, 0, shape[0] - 1), jnp.clip(column, 0, shape[1] - 1)
            for place, weight in _taps(row, column, shape):
                near += weight * plane.ravel().at[place].get(mode="clip")
        row, column, _ = _mirrored(*_at(*places(x, y, near, camera, lens), size, shape), shape)
        cell = jnp.round(row).astype(jnp.int32), jnp.round(column).astype(jnp.int32)
        found.append(near)
        needed.append(some[cell] & ~hidden)
        hidden |= whole[cell]
    return jnp.stack(found[::-1]), jnp.stack(needed[::-1])


def _at(u: Array, v: Array, size: tuple[int, int], shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the row and the column of places in an array that shows the whole photo."""
    return (v * (size[1] / size[0]) + 0.5) * shape[0] - 0.5, (u + 0.5) * shape[1] - 0.5


def _mirrored(row: Array, column: Array, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Return places beyond the ends of an array as their mirror images inside, and which they are."""
    inside, beyond = [], jnp.zeros(row.shape, bool)
    for place, length in ((row, shape[0]), (column, shape[1])):
        inside.append(jnp.clip(length - jnp.abs(length - jnp.abs(place + 0.5)) - 0.5, 0, length - 1))
        beyond |= (place < -0.51) | (place > length - 0.49)
    return inside[0], inside[1], beyond


def _taps(row: Array, column: Array, shape: tuple[int, ...]) -> list[tuple[Array, Array]]:
    """Return the flat indices and the bilinear weights of the pixels around places inside an array."""
    height, width = shape
    top = jnp.clip(row.astype(jnp.int32), 0, max(height - 2, 0))
    left = jnp.clip(column.astype(jnp.int32), 0, max(width - 2, 0))
    fy, fx = row - top, column - left
    place, right, below = top * width + left, min(1, width - 1), min(1, height - 1) * width
    return [
        (place, (1 - fy) * (1 - fx)),
        (place + right, (1 - fy) * fx),
        (place + below, fy * (1 - fx)),
        (place + below + right, fy * fx),
    ]


def _fine(coarse: Array, rows: Array, columns: Array) -> Array:
    """Return the values of the coarse grid at pixels."""
    row, column = rows // _STEP, columns // _STEP
    fy, fx = (rows % _STEP / _STEP)[:, None], (columns % _STEP / _STEP)[None, :]
    lines = coarse[row] + fy * (coarse[row + 1] - coarse[row])
    return lines[:, column] + fx * (lines[:, column + 1] - lines[:, column])


@partial(kept, static_argnames=("tile", "size", "masks"))
def _drawn(
    sheets: Sheets,
    distances: Float32[Array, "n H W"],
    needed: Bool[Array, "n H W"],
    camera: Camera,
    lens: Lens,
    *,
    corner: tuple[int | Int[Array, ""], int | Int[Array, ""]],
    tile: tuple[int, int],
    size: tuple[int, int],
    masks: bool,
) -> UInt8[Array, "tall wide 3"] | Bool[Array, "tall wide"]:
    """Return the colours of a tile of a frame, or its mask of what is invented."""
    (count, levels), shape = sheets.packed.shape[:2], sheets.packed.shape[2:]
    rows, columns = (first + jnp.arange(side) for first, side in zip(corner, tile, strict=True))
    grid = _grid(size, rows, columns)
    flat = sheets.packed.ravel()

    def over(sheet: int, under: Array) -> Array:
        """Draw a sheet over what is behind it."""
        distance = _fine(distances[sheet], rows, columns)
        row, column, beyond = _mirrored(*_at(*places(*grid, distance, camera, lens), size, shape), shape)
        blur = jnp.minimum(jnp.abs(distance - camera.focus) * sheets.blur, 1.0) ** (1 / CURVE) * (levels - 1)
        nearest = jnp.round(row).astype(jnp.int32) * shape[1] + jnp.round(column).astype(jnp.int32)
        plane, first = shape[0] * shape[1], sheet * levels * shape[0] * shape[1]
        if masks:
            value = flat.at[first + jnp.round(blur).astype(jnp.int32) * plane + nearest].get(
                mode="promise_in_bounds"
            )
            covers = ((value >> SHIFTS[3]) & MASKS[3]) > MASKS[3] // 2
            return jnp.where(covers, beyond | (value >> FLAG > 0), under)
        if levels > 1:  # frames as large as the sheets, from the same camera
            level = jnp.clip(blur.astype(jnp.int32), 0, levels - 2)
            place, part = level * plane + nearest, blur - level
            taps = [(place, 1 - part), (place + plane, part)]
        else:
            taps = _taps(row, column, shape)
        sums = jnp.zeros((4, *tile))
        for place, weight in taps:
            value = flat.at[first + place].get(mode="promise_in_bounds")
            parts = [(value >> shift) & mask for shift, mask in zip(SHIFTS, MASKS, strict=True)]
            sums += weight * jnp.stack(parts).astype(jnp.float32)
        return sums[:3] + (1 - sums[3] / MASKS[3]) * under

    if masks:
        unknown = jnp.zeros(tile, bool)
        for sheet in range(count):
            unknown = over(sheet, unknown)
        return unknown
    cells = [(part - 1) // _STEP + 2 for part in tile]
    wanted = jax.lax.dynamic_slice(needed, (0, corner[0] // _STEP, corner[1] // _STEP), (count, *cells))
    frame = jnp.zeros((3, *tile))
    for sheet in range(count):
        frame = jax.lax.cond(wanted[sheet].any(), partial(over, sheet), lambda under: under, frame)
    return jnp.clip(jnp.round(jnp.moveaxis(frame, 0, -1)), 0, 255).astype(jnp.uint8)
