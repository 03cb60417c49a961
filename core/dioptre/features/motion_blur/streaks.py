"""Draw the subject over its surroundings, as they look while they move past an open shutter.

They are averaged along the motion: prefix sums along lines give any mean by two differences. The sums run over
premultiplied linear light. What the photo shows counts more than what is made up behind the subject, so streaks
beside it have the colours of what is visible on their line.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32

from dioptre.contract import Matte, Picture
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.foreground import OUTSIDE
from dioptre.imaging.resize import enlarge
from dioptre.imaging.shapes import cut
from dioptre.imaging.threads import on_all_cores
from dioptre.programs import kept

CELL = 8
"""Pixels of a side for each value of the coarse colours behind the subject."""
_ROWS, _COLUMNS, _SLANTED = 64, 2048, 512  # of a tile, if streaks are short; with slanted ones, it is square
_SLOPES = (0.25, 0.5, 1.0)  # lines of a tile are allotted for the next larger one
_INVENTED = 1 / 16  # weight of what the photo does not show, relative to what it shows
_BLOCK = 64  # values of a line that are summed by one product
_VALUES = 3_000_000  # pixels of the tiles that are computed at a time; about 200 bytes each
_LEAST = 1 / 255  # part of a pixel from which it counts as moved


def streaked(
    picture: Picture,
    visible: Bool[np.ndarray, "h w"],
    fill: Float32[np.ndarray, "h8 w8 3"],
    *,
    alpha: Matte,
    length_px: float,
    turn: float,
    watch: Callable[[float], None] = lambda fraction: None,
) -> Picture:
    """Return the picture with streaks; pixels that nothing moving reaches are bit-identical.

    Args:
        picture: sRGB-encoded, straight alpha; alpha is preserved.
        visible: where the photo shows what moves.
        fill: its colours behind the subject for each cell, in linear light.
        alpha: coverage of the subject.
        length_px: length of the streaks.
        turn: direction of the motion in radians, counter-clockwise from the horizontal.
        watch: called with the fraction done; raises Cancelled to stop.
    """
    result = picture.copy()
    turn = (turn + math.pi / 2) % math.pi - math.pi / 2
    upright = abs(turn) > math.pi / 4 + 1e-9
    length = length_px * (abs(math.sin(turn)) if upright else math.cos(turn))  # columns that a streak crosses
    slope = -(math.cos(turn) / math.sin(turn) if upright else math.tan(turn))
    slope = 0.0 if abs(slope) < 1e-6 else slope
    if length <= 1:
        return result

    def flat(values: np.ndarray) -> np.ndarray:
        return values.swapaxes(0, 1) if upright else values

    into = flat(result)
    height, width = into.shape[:2]
    reach = length / 2 + 2
    margin = _BLOCK // 2 << max(0, math.ceil(math.log2(reach / (_BLOCK // 2))))  # a few, so that little is compiled
    most = (_SLANTED if slope else max(_COLUMNS, 4 * margin)) - (0 if slope else 2 * margin)
    step = -(-math.ceil(width / math.ceil(width / most)) // CELL) * CELL
    columns = -(-(step + 2 * margin) // _BLOCK) * _BLOCK
    rows, around, lines = _ROWS, 0, _ROWS
    if slope:
        steepest = next(each for each in _SLOPES if abs(slope) <= each + 1e-6)
        rows, around = _SLANTED, -(-math.ceil(steepest * margin + 2) // CELL) * CELL
        lines = rows + math.ceil(steepest * (columns - 2 * margin)) + 2  # those through what the tile is for
    steps = {"length": np.float32(length), "slope": np.float32(slope)}
    draw = partial(_drawn, **steps, lines=lines, slanted=slope != 0)

    def tile(corner: tuple[int, int]) -> None:
        top, left = corner
        start, shape = (top - around, left - margin), (rows + 2 * around, columns)
        own, cover, shown = (cut(flat(values), start, shape) for values in (picture[..., :3], alpha, visible))
        coarse = cut(flat(fill), (start[0] // CELL, start[1] // CELL), (shape[0] // CELL, columns // CELL))
        inner = np.s_[around : around + min(rows, height - top), margin : margin + min(step, width - left)]
        made = draw(own, cover, shown, fill=coarse)
        into[top : top + rows, left : left + step, :3] = np.asarray(made)[inner]

    corners = [(top, left) for top in range(0, height, rows) for left in range(0, width, step)]
    at_a_time = max(1, min(os.cpu_count() or 1, _VALUES // (max(lines, rows + 2 * around) * columns)))
    on_all_cores(corners, tile, watch, threads=at_a_time)
    return result


@partial(kept, static_argnames=("lines", "slanted"))
def _drawn(
    picture: Float[Array, "h w 3"],
    alpha: Float[Array, "h w"],
    visible: Bool[Array, "h w"],
    *,
    fill: Float[Array, "h8 w8 3"],
    length: Float[Array, ""],
    slope: Float[Array, ""],
    lines: int,
    slanted: bool,
) -> Float[Array, "h w 3"]:
    """Return a tile with streaks, `length` columns long, below the subject; other arguments as in `_means`."""
    own, behind, cover = srgb_to_linear(picture), enlarge(fill, CELL), alpha[..., None]
    weight = jnp.where(visible, 1.0, _INVENTED)[..., None]
    light = jnp.where(cover < OUTSIDE, own, behind)
    means = _means(jnp.concatenate([light * weight, weight], axis=-1), length, slope, lines=lines, slanted=slanted)
    subject = jnp.clip(own - (1 - cover) * behind, 0, jnp.maximum(own.max(), 1.0) * cover)
    light = means[..., :3] / means[..., 3:] * (1 - cover) + subject
    return jnp.where(1 - cover > _LEAST, linear_to_srgb(jnp.maximum(light, 0)), picture)


def _means(
    planes: Float[Array, "h w 4"], length: Float[Array, ""], slope: Float[Array, ""], *, lines: int, slanted: bool
) -> Float[Array, "h w 4"]:
    """Return the means over streaks, each centred at its pixel; those of hardly more than a pixel set in slowly.

    Args:
        planes: what is averaged.
        length: how many columns a streak crosses, above 1.
        slope: how many rows down the streaks go for each column to the right.
        lines: number of lines that are drawn through the tile.
        slanted: whether the slope is not 0.
    """
    height, width, _ = planes.shape
    means, column = planes, jnp.arange(width)
    if slanted:
        fall = slope * (column - width / 2)
        means = _between_rows(means, jnp.arange(lines)[:, None] - (lines - height) / 2 + fall)
    means = _along_lines(means, length)
    if slanted:
        means = _between_rows(means, jnp.arange(height)[:, None] + (lines - height) / 2 - fall)
    return planes + (means - planes) * jnp.clip(length - 1, 0, 1)


def _between_rows(values: Float[Array, "h w c"], place: Float[Array, "n w"]) -> Float[Array, "n w c"]:
    """Look values up between the rows, in each column."""
    height, width, channels = values.shape
    place = jnp.clip(place, 0, height - 1)
    row = jnp.clip(place.astype(jnp.int32), 0, max(height - 2, 0))
    flat, first = values.reshape(-1, channels), row * width + jnp.arange(width)
    upper = flat.at[first].get(mode="promise_in_bounds")
    lower = flat.at[jnp.minimum(first + width, height * width - 1)].get(mode="promise_in_bounds")
    return upper + (lower - upper) * (place - row)[..., None]


def _along_lines(values: Float[Array, "n w c"], length: Float[Array, ""]) -> Float[Array, "n w c"]:
    count, width, channels = values.shape
    blocks = values.reshape(count, width // _BLOCK, _BLOCK, channels)
    exact = jax.lax.Precision.HIGHEST
    inside = jnp.einsum("nbkc,kj->nbjc", blocks, jnp.triu(jnp.ones((_BLOCK, _BLOCK)), 1), precision=exact)
    totals = inside[:, :, -1] + blocks[:, :, -1]
    before = jnp.einsum("nbc,ba->nac", totals, jnp.triu(jnp.ones((width // _BLOCK,) * 2), 1), precision=exact)
    sums = (inside + before[:, :, None]).reshape(values.shape)

    def until(place: Array) -> Array:
        place = jnp.clip(place, 0, width)
        whole = jnp.minimum(place.astype(jnp.int32), width - 1)
        return sums[:, whole] + (place - whole)[:, None] * values[:, whole]

    middle = jnp.arange(width) + 0.5
    return (until(middle + length / 2) - until(middle - length / 2)) / length
