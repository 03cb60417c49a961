"""Plan the blocks of a tile in which each depth slice must be rendered, so that all others are skipped.

A slice usually covers only a small part of a tile: the depth of a floor changes from row to row, and a wall falls
into one slice. Each slice is therefore blurred in blocks, with small blocks for small discs. The blocks are
planned from small maps, which record the radii that occur in each cell of 8 x 8 pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from dioptre.programs import kept

from .grid import CELL, VISIBLE
from .slices import Group, groups

_SHAPES = {
    256: ((64, 128), (128, 256), (256, 256)),
    400: ((80, 200), (200, 200), (400, 400)),
    512: ((64, 128), (128, 256), (512, 512)),
}
"""Heights and widths of the blocks in pixels, by the side of the tile. All are multiples of a cell's side."""

_BLOCK_TO_REACH = 5  # minimum ratio of a block's height to the reach of the slice's disc
_MOST_BLOCKS = 1024  # maximum number of blocks in one plan

MOST_SLICES = max(len(group.bounds) for group in groups())

Shape = tuple[int, int]


class Step(NamedTuple):
    """One slice in one block of a tile. The fields are integers, or elements of an array on the device.

    Attributes:
        slice: index of the slice in its group.
        row: row of the block's first pixel in the tile.
        column: column of the block's first pixel in the tile.
        top: first row of the tile in which the result is valid and wanted.
        bottom: row after the last such row.
        left: first column in which the result is valid and wanted.
        right: column after the last such column.
        hidden: whether nearer surfaces hide part of the slice in this block.
    """

    slice: Any
    row: Any
    column: Any
    top: Any
    bottom: Any
    left: Any
    right: Any
    hidden: Any


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """Blocks of one shape in rendering order, nearest slice first.

    Attributes:
        shape: height and width of the blocks in pixels.
        steps: one row of `Step` fields per block, of which the first `count` are valid.
        count: number of valid rows.
    """

    shape: Shape
    steps: Int[np.ndarray, "n 8"]
    count: int


@lru_cache(maxsize=64)
def _intervals(group: Group) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide the radii into intervals, and assign those intervals to the slices of a group.

    Returns:
        The radii that separate the intervals, padded with infinity; per slice, a bit mask of the intervals that it
        holds; and per slice, a bit mask of the intervals that hide it.
    """
    edges = np.unique([radius for bounds in group.bounds for radius in bounds[:3]])
    lower, upper = np.append(-np.inf, edges), np.append(edges, np.inf)
    bits = np.uint32(1) << np.arange(lower.size, dtype=np.uint32)
    holds = [bits[(lower >= bounds.before) & (upper <= bounds.after)].sum() for bounds in group.bounds]
    hides = [bits[upper > bounds.hides_from].sum() for bounds in group.bounds]
    padded = np.full(MOST_SLICES + 2, np.inf, np.float32)
    padded[: edges.size] = edges
    return padded, np.array(holds, np.uint32), np.array(hides, np.uint32)


def cells_of(
    group: Group, planes: Float[Array, "2 e h w"], radii: Float[Array, "2 h w"]
) -> UInt32[np.ndarray, "h8 w8"]:
    """Return, for each cell of 8 x 8 pixels, a bit mask of the radius intervals that occur in it.

    Args:
        group: the slices, which define the intervals.
        planes: both surfaces of the pixels (see `surfaces`).
        radii: signed radii of both surfaces in pixels.
    """
    edges, _, _ = _intervals(group)
    return np.asarray(_cells(planes, radii, edges))


@kept
def _cells(
    planes: Float[Array, "2 e h w"], radii: Float[Array, "2 h w"], edges: Float[Array, " n"]
) -> UInt32[Array, "h8 w8"]:
    bits = jnp.zeros(radii.shape[1:], jnp.uint32)
    for surface in (0, 1):
        interval = jnp.zeros(radii.shape[1:], jnp.uint32)
        for number in range(edges.shape[0]):
            interval += (radii[surface] >= edges[number]).astype(jnp.uint32)
        bits |= jnp.where(planes[surface, -1] > VISIBLE, jnp.uint32(1) << interval, jnp.uint32(0))
    height, width = radii.shape[1:]
    rows = bits.reshape(height // CELL, CELL, width)
    across = rows[:, 0]
    for row in range(1, CELL):
        across |= rows[:, row]
    cells = across.reshape(height // CELL, width // CELL, CELL)
    made = cells[..., 0]
    for column in range(1, CELL):
        made |= cells[..., column]
    return made


def block_plans(
    group: Group,
    cells: UInt32[np.ndarray, "h8 w8"],
    inpainted: Float[np.ndarray, "k e1 ht wt"],
    reach: Int[np.ndarray, " n"],
    core: tuple[tuple[int, int], tuple[int, int]],
) -> list[BlockPlan]:
    """Plan the blocks of a tile in which a group's slices are rendered.

    Args:
        group: the slices.
        cells: the tile's section of the result of `cells_of`.
        inpainted: the tile's section of the result of `inpaint_group`.
        reach: extent of each slice's disc from its centre, in pixels.
        core: rows (start, stop) and columns (start, stop) of the tile to render, at least the largest reach away
            from the tile's border.

    Returns:
        The plans, to be rendered in this order.
    """
    _, holds, hides = _intervals(group)
    side = cells.shape[0] * CELL
    found = int(np.bitwise_or.reduce(cells, axis=None))
    steps: list[tuple[Shape, Step]] = []
    for index in range(len(group.bounds) - 1, -1, -1):
        hidden = None
        if found & int(hides[index]):
            hidden = (inpainted[index, -1] > 0) & ((cells & hides[index]) != 0)
        if found & int(holds[index]):
            inside = (cells & holds[index]) != 0
            inside = inside if hidden is None else inside | hidden
        elif hidden is not None:
            inside = hidden
        else:
            continue
        shape = block_shape(side, int(reach[index]))
        for block in _blocks(inside, int(reach[index]), core, shape):
            top_row, left = block[0] // CELL, block[1] // CELL
            is_hidden = hidden is not None and bool(
                hidden[top_row : top_row + shape[0] // CELL, left : left + shape[1] // CELL].any()
            )
            steps.append((shape, Step(index, *block, is_hidden)))
    result = []
    for shape, group_of_steps in groupby(steps, key=lambda step: step[0]):
        of_shape = [step for _, step in group_of_steps]
        for start in range(0, len(of_shape), _MOST_BLOCKS):
            part = of_shape[start : start + _MOST_BLOCKS]
            array = np.zeros((_MOST_BLOCKS, 8), np.int32)
            array[: len(part)] = part
            result.append(BlockPlan(shape, array, len(part)))
    return result


def block_shape(side: int, reach: int) -> Shape:
    """Return the smallest block shape that is high enough for a disc of this reach, else the shape of the tile."""
    *smaller, whole = _SHAPES[side]
    return next((shape for shape in smaller if shape[0] >= _BLOCK_TO_REACH * reach), whole)


def _blocks(
    cells: Bool[np.ndarray, "h w"], reach: int, core: tuple[tuple[int, int], tuple[int, int]], shape: Shape
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Yield the blocks that hold the blurred light of these cells.

    Each block is given as its first row and column, then the start and stop of its valid rows, then of its columns.
    """
    side = cells.shape[0] * CELL
    height, width = shape
    rows, columns = core
    for start, begin, end in _spans(np.any(cells, axis=1), reach, rows, height, side):
        around = np.any(cells[max(begin - reach, 0) // CELL : -(-(end + reach) // CELL)], axis=0)
        for left, first, last in _spans(around, reach, columns, width, side):
            yield start, left, begin, end, first, last


def _spans(
    cells: Bool[np.ndarray, " n"], reach: int, core: tuple[int, int], length: int, side: int
) -> list[tuple[int, int, int]]:
    """Return spans of `length` pixels along one axis that hold the blurred light of these cells.

    Each span is given as its first pixel, and the start and stop of its valid range.
    """
    made: list[tuple[int, int, int]] = []
    valid = core[0]  # end of the range in which the last span's result is valid
    changes = np.flatnonzero(np.diff(cells, prepend=False, append=False)) * CELL
    for first, last in changes.reshape(-1, 2).tolist():
        begin, stop = max(first - reach, core[0]), min(last + reach, core[1])
        if made and begin < valid:
            made[-1] = *made[-1][:2], max(made[-1][2], min(stop, valid))
        begin = max(begin, valid)
        while begin < stop:
            start = min(max((begin - reach) // CELL * CELL, 0), side - length)
            valid = core[1] if start + length == side else min(core[1], start + length - reach)
            made.append((start, begin, min(stop, valid)))
            begin = valid
    return made
