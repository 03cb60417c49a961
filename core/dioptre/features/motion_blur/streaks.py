"""Draw surfaces over each other, each as it looks while it moves past an open shutter.

A surface is averaged along the motion, over streaks whose length varies smoothly: prefix sums along lines give any
mean by two differences. The sums run over premultiplied linear light. What a surface shows counts more than what is
made up behind nearer ones, so streaks beside a subject have the colours of what is visible on their line.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int, UInt8

from dioptre.contract import Matte, Picture
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.foreground import OUTSIDE
from dioptre.imaging.resize import enlarge
from dioptre.imaging.shapes import cut
from dioptre.imaging.threads import on_all_cores
from dioptre.programs import kept

CELL = 8
"""Pixels of a side for each value of a sheet's coarse planes."""
_ROWS, _COLUMNS, _SLANTED = 64, 2048, 512  # of a tile, if streaks are short; with slanted ones, it is square
_SLOPES = (0.25, 0.5, 1.0)  # lines of a tile are allotted for the next larger one
_INVENTED = 1 / 16  # weight of what the photo does not show, relative to what it shows
_BLOCK = 64  # values of a line that are summed by one product
_VALUES = 3_000_000  # pixels of the tiles that are computed at a time; about 200 bytes each
_LEAST = 1 / 255  # part of a pixel from which it counts as moved


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A surface, with coarse planes for what varies smoothly.

    Attributes:
        index: number of the sheet from the back.
        length: length of the streaks in pixels.
        fill: colours behind nearer sheets, in linear light.
        hidden: where the surface goes on behind nearer sheets; 1 or 0.
    """

    index: int
    length: Float32[np.ndarray, "h8 w8"]
    fill: Float32[np.ndarray, "h8 w8 3"]
    hidden: Float32[np.ndarray, "h8 w8"]


def streaked(
    picture: Picture,
    number: UInt8[np.ndarray, "h w"],
    visible: Bool[np.ndarray, "h w"],
    sheets: Sequence[Sheet],
    *,
    alpha: Matte | None,
    own_length: Float32[np.ndarray, "h8 w8"],
    angle: float,
    watch: Callable[[float], None] = lambda fraction: None,
) -> Picture:
    """Return the picture with streaks; pixels that nothing moving reaches are bit-identical.

    Args:
        picture: sRGB-encoded, straight alpha; alpha is preserved.
        number: the sheet of each pixel.
        visible: where the photo shows it.
        sheets: the sheets, from back to front.
        alpha: coverage of the subject, which is in front of them; None for none.
        own_length: length of the subject's streaks in pixels, coarse.
        angle: direction of the motion in degrees, counter-clockwise from the horizontal.
        watch: called with the fraction done; raises Cancelled to stop.
    """
    result = picture.copy()
    turn = math.radians((angle + 90) % 180 - 90)
    upright = abs(turn) > math.pi / 4 + 1e-9
    along = abs(math.sin(turn)) if upright else math.cos(turn)  # columns of a streak for each pixel of its length
    slope = -(math.cos(turn) / math.sin(turn) if upright else math.tan(turn))
    slope = 0.0 if abs(slope) < 1e-6 else slope

    def flat(values: np.ndarray) -> np.ndarray:
        return values.swapaxes(0, 1) if upright else values

    longest = max(float(each.max()) for each in (own_length, *(sheet.length for sheet in sheets)))
    into = flat(result)
    height, width = into.shape[:2]
    reach = longest * along / 2 + 2
    margin = _BLOCK // 2 << max(0, math.ceil(math.log2(reach / (_BLOCK // 2))))  # a few, so that little is compiled
    most = (_SLANTED if slope else max(_COLUMNS, 4 * margin)) - (0 if slope else 2 * margin)
    step = -(-math.ceil(width / math.ceil(width / most)) // CELL) * CELL
    columns = -(-(step + 2 * margin) // _BLOCK) * _BLOCK
    rows, around, lines = _ROWS, 0, _ROWS
    if slope:
        steepest = next(each for each in _SLOPES if abs(slope) <= each + 1e-6)
        rows, around = _SLANTED, -(-math.ceil(steepest * margin + 2) // CELL) * CELL
        lines = rows + math.ceil(steepest * (columns - 2 * margin)) + 2  # those through what the tile is for

    def tile(corner: tuple[int, int]) -> None:
        top, left = corner
        shape = rows + 2 * around, columns
        start = top - around, left - margin

        def part(values: np.ndarray) -> np.ndarray:
            return cut(flat(values), start, shape)

        def coarse(values: np.ndarray) -> np.ndarray:
            first, size = (start[0] // CELL, start[1] // CELL), (shape[0] // CELL, columns // CELL)
            return cut(flat(values), first, size)

        own, names, shown = part(picture[..., :3]), part(number), part(visible)
        cover = np.zeros(shape, np.float32) if alpha is None else part(alpha)
        nothing = np.zeros((*shape, 3), np.float32)
        light, moved, back = jax.device_put((nothing, nothing[..., 0], nothing))
        for sheet in sheets:
            hidden, length = coarse(sheet.hidden), coarse(sheet.length) * np.float32(along)
            if sheet.index and not hidden.any() and not (names == sheet.index).any():
                continue
            planes, back = _of_sheet(
                own, cover, shown, back, number=names, fill=coarse(sheet.fill), hidden=hidden, index=sheet.index
            )
            light, moved = _over((light, moved), planes, length, slope, lines)
        if cover.any():
            length = coarse(own_length) * np.float32(along)
            light, moved = _over((light, moved), _of_subject(own, back, cover), length, slope, lines)
        inner = np.s_[around : around + min(rows, height - top), margin : margin + min(step, width - left)]
        here = np.s_[top : top + rows, left : left + step]
        into[here][..., :3] = np.asarray(_encoded(light, moved, own))[inner]

    corners = [(top, left) for top in range(0, height, rows) for left in range(0, width, step)]
    at_a_time = max(1, min(os.cpu_count() or 1, _VALUES // (max(lines, rows + 2 * around) * columns)))
    on_all_cores(corners, tile, watch, threads=at_a_time)
    return result


@kept
def _of_sheet(
    picture: Float[Array, "h w 3"],
    cover: Float[Array, "h w"],
    visible: Bool[Array, "h w"],
    back: Float[Array, "h w 3"],
    *,
    number: UInt8[Array, "h w"],
    fill: Float[Array, "h8 w8 3"],
    hidden: Float[Array, "h8 w8"],
    index: Int[Array, ""] | int,
) -> tuple[Float[Array, "h w 5"], Float[Array, "h w 3"]]:
    """Return light times weight, weight, and coverage of a sheet, and the fill behind the subject so far."""
    here = number == index
    beyond = (enlarge(hidden[..., None], CELL)[..., 0] > 0.5) & (number > index)
    filling = enlarge(fill, CELL)
    light = jnp.where((here & (cover < OUTSIDE))[..., None], srgb_to_linear(picture), filling)
    covers = jnp.where((index == 0) | here | beyond, 1.0, 0.0)
    weight = jnp.where(here & visible, 1.0, _INVENTED) * covers
    planes = jnp.concatenate([light * weight[..., None], weight[..., None], covers[..., None]], axis=-1)
    return planes, jnp.where(here[..., None], filling, back)


@kept
def _of_subject(
    picture: Float[Array, "h w 3"], back: Float[Array, "h w 3"], alpha: Float[Array, "h w"]
) -> Float[Array, "h w 5"]:
    """Return the same planes of the subject."""
    light, cover = srgb_to_linear(picture), alpha[..., None]
    most = jnp.maximum(light.max(), 1.0) * cover
    light = jnp.clip(light - (1 - cover) * back, 0, most)
    return jnp.concatenate([light, cover, cover], axis=-1)


@kept
def _at_pixels(length: Float[Array, "h w"]) -> Float[Array, "H W"]:
    return enlarge(length[..., None], CELL)[..., 0]


def _over(
    under: tuple[Array, Array], planes: Array, length: np.ndarray, slope: float, lines: int
) -> tuple[Array, Array]:
    """Draw a sheet over those behind it, which are given as light and as the part of each pixel that moved."""
    if length.max() <= 1:
        return _composited(*under, planes, np.zeros(planes.shape[:2], np.float32))
    streaks = _at_pixels(length)
    means = _means(planes, streaks, np.float32(slope), lines=lines, slanted=slope != 0)
    return _composited(*under, means, streaks)


@kept
def _composited(
    light: Float[Array, "h w 3"],
    moved: Float[Array, "h w"],
    planes: Float[Array, "h w 5"],
    length: Float[Array, "h w"],
) -> tuple[Float[Array, "h w 3"], Float[Array, "h w"]]:
    cover = planes[..., 4]
    over = planes[..., :3] * (cover / jnp.maximum(planes[..., 3], 1e-6))[..., None]
    light = light * (1 - cover[..., None]) + over
    return light, moved * (1 - cover) + jnp.where(length > 1, cover, 0)


@partial(kept, static_argnames=("lines", "slanted"))
def _means(
    planes: Float[Array, "h w 5"],
    length: Float[Array, "h w"],
    slope: Float[Array, ""],
    *,
    lines: int,
    slanted: bool,
) -> Float[Array, "h w 5"]:
    """Return the means over streaks, each centred at its pixel; those of at most a pixel change nothing.

    Args:
        planes: what is averaged.
        length: how many columns the streak of each pixel crosses.
        slope: how many rows down the streaks go for each column to the right.
        lines: number of lines that are drawn through the tile.
        slanted: whether the slope is not 0.
    """
    height, width, _ = planes.shape
    column = jnp.arange(width)
    means, widths = planes, length
    if slanted:
        fall = slope * (column - width / 2)
        place = jnp.arange(lines)[:, None] - (lines - height) / 2 + fall
        means, widths = _between_rows(planes, place), _between_rows(length[..., None], place)[..., 0]
    means = _along_lines(means, jnp.maximum(widths, 1.0))
    if slanted:
        means = _between_rows(means, jnp.arange(height)[:, None] + (lines - height) / 2 - fall)
    return planes + (means - planes) * jnp.clip(length - 1, 0, 1)[..., None]


def _between_rows(values: Float[Array, "h w c"], place: Float[Array, "n w"]) -> Float[Array, "n w c"]:
    """Look values up between the rows, in each column."""
    height, width, channels = values.shape
    place = jnp.clip(place, 0, height - 1)
    row = jnp.clip(place.astype(jnp.int32), 0, max(height - 2, 0))
    flat, first = values.reshape(-1, channels), row * width + jnp.arange(width)
    upper = flat.at[first].get(mode="promise_in_bounds")
    lower = flat.at[jnp.minimum(first + width, height * width - 1)].get(mode="promise_in_bounds")
    return upper + (lower - upper) * (place - row)[..., None]


def _along_lines(values: Float[Array, "n w c"], length: Float[Array, "n w"]) -> Float[Array, "n w c"]:
    count, width, channels = values.shape
    blocks = values.reshape(count, width // _BLOCK, _BLOCK, channels)
    exact = jax.lax.Precision.HIGHEST
    inside = jnp.einsum("nbkc,kj->nbjc", blocks, jnp.triu(jnp.ones((_BLOCK, _BLOCK)), 1), precision=exact)
    totals = inside[:, :, -1] + blocks[:, :, -1]
    before = jnp.einsum("nbc,ba->nac", totals, jnp.triu(jnp.ones((width // _BLOCK,) * 2), 1), precision=exact)
    flat, own = (inside + before[:, :, None]).reshape(-1, channels), values.reshape(-1, channels)
    first = jnp.arange(count)[:, None] * width

    def until(place: Array) -> Array:
        place = jnp.clip(place, 0, width)
        whole = jnp.minimum(place.astype(jnp.int32), width - 1)
        at = first + whole
        share = (place - whole)[..., None]
        return flat.at[at].get(mode="promise_in_bounds") + share * own.at[at].get(mode="promise_in_bounds")

    middle = jnp.arange(width) + 0.5
    return (until(middle + length / 2) - until(middle - length / 2)) / length[..., None]


@kept
def _encoded(
    light: Float[Array, "h w 3"], moved: Float[Array, "h w"], picture: Float[Array, "h w 3"]
) -> Float[Array, "h w 3"]:
    return jnp.where((moved > _LEAST)[..., None], linear_to_srgb(jnp.maximum(light, 0)), picture)
