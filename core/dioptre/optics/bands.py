"""Which rows of a tile each slice has to do with, so that no more than these are worked on.

A slice mostly lies in a few rows: a floor's depth changes from row to row, a wall is one slice. Each slice is
therefore blurred in bands of rows, full width, of three heights; the bands of a tile are planned from small maps of
what its cells of 8 x 8 pixels hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from .grid import CELL, VISIBLE
from .slices import Group, groups

_PARTS = {
    256: 2,
    400: 5,
    512: 4,
}  # of the height of a tile of this side, that bands have unless a disc is too large
_LEAST_ROWS = 40  # of the result in a band
_BANDS_PER_SLICE = 16

MOST_SLICES = max(len(group.bounds) for group in groups())
_MOST_STEPS = MOST_SLICES * _BANDS_PER_SLICE


@dataclass(frozen=True, eq=False)
class Plan:
    """What to do on a tile, in order: the nearest slice first.

    height: of all bands. steps: per band the slice, the first row, the rows of the result from and to (all rows of
        the tile), whether something hides the slice there. Only the first `count` are valid.
    written: per slice (and two beyond), the rows of the result.
    """

    height: int
    steps: Int[np.ndarray, "n 5"]
    count: int
    written: Bool[np.ndarray, "k h"]


@lru_cache(maxsize=64)
def _intervals(group: Group) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Radii that part the slices, and per slice the bits of the intervals it holds, and of those that hide it."""
    edges = np.unique([radius for bound in group.bounds for radius in bound[:3]])
    lower, upper = np.append(-np.inf, edges), np.append(edges, np.inf)
    bits = np.uint32(1) << np.arange(lower.size, dtype=np.uint32)
    holds = [bits[(lower >= before) & (upper <= after)].sum() for before, _, after, *_ in group.bounds]
    hides = [bits[upper > start].sum() for *_, start, _ in group.bounds]
    padded = np.full(MOST_SLICES + 2, np.inf, np.float32)
    padded[: edges.size] = edges
    return padded, np.array(holds, np.uint32), np.array(hides, np.uint32)


@jax.jit
def _cells(
    planes: Float[Array, "2 e h w"], radii: Float[Array, "2 h w"], edges: Float[Array, " n"]
) -> UInt32[Array, "h8 w8"]:
    """Per cell of 8 x 8 pixels, a bit for each interval of radii that some pixel's surface is in."""
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


def _widened(mask: Bool[np.ndarray, "*k h w"]) -> Bool[np.ndarray, "*k h w"]:
    """With the eight cells around each."""
    made = mask.copy()
    made[..., 1:, :] |= mask[..., :-1, :]
    made[..., :-1, :] |= mask[..., 1:, :]
    across = made.copy()
    made[..., 1:] |= across[..., :-1]
    made[..., :-1] |= across[..., 1:]
    return made


def plan(
    group: Group,
    planes: Float[Array, "2 e h w"],
    radii: Float[Array, "2 h w"],
    top: Float[np.ndarray, "k e ht wt"],
    reach: Int[np.ndarray, " n"],
    rows: tuple[int, int],
) -> Plan:
    """The bands for a tile.

    reach: per slice, how far its disc reaches, in pixels. rows: those of the tile whose result is wanted, at least
    the largest reach away from both ends.
    """
    edges, holds, hides = _intervals(group)
    cells = np.asarray(_cells(planes, radii, jnp.asarray(edges)))
    side = cells.shape[0] * CELL
    height = side // _PARTS[side]
    if height - 2 * reach.max() < _LEAST_ROWS:
        height = side
    steps = np.zeros((_MOST_STEPS, 5), np.int32)
    written = np.zeros((MOST_SLICES + 2, side), np.bool_)
    count = 0
    every = np.bitwise_or.reduce(cells, axis=None)
    for index in range(len(group.bounds) - 1, -1, -1):
        inside = (cells & holds[index]) != 0 if every & holds[index] else np.zeros(cells.shape, np.bool_)
        hidden = (cells & hides[index]) != 0 if every & hides[index] else None
        if hidden is not None:
            hidden &= _widened(top[index, -1] > 0)
            inside |= hidden
            hidden_rows = hidden.any(axis=1)
        own_reach = int(reach[index])
        for run in _runs(np.any(inside, axis=1), own_reach, rows):
            for start, begin, end in _bands(run, own_reach, height, side):
                is_hidden = hidden is not None and hidden_rows[start // CELL : (start + height) // CELL].any()
                steps[count] = index, start, begin, end, is_hidden
                written[index, begin:end] = True
                count += 1
    return Plan(height, steps, count, written)


def _runs(cells: Bool[np.ndarray, " n"], reach: int, rows: tuple[int, int]) -> list[tuple[int, int]]:
    """Rows of the result that light of these rows of cells reaches, in unbroken runs."""
    runs: list[tuple[int, int]] = []
    changes = np.flatnonzero(np.diff(cells.astype(np.int8), prepend=0, append=0)) * CELL
    for first, last in changes.reshape(-1, 2):
        begin, end = max(int(first) - reach, rows[0]), min(int(last) + reach, rows[1])
        if begin >= end:
            continue
        if runs and begin - runs[-1][1] < 2 * reach + CELL:  # what lies between is worked on anyway
            runs[-1] = runs[-1][0], end
        else:
            runs.append((begin, end))
    return runs


def _bands(run: tuple[int, int], reach: int, height: int, side: int) -> list[tuple[int, int, int]]:
    """Bands for these rows of the result: first row, result from, to."""
    made = []
    begin = run[0]
    while begin < run[1]:
        start = min(max((begin - reach) // CELL * CELL, 0), side - height)
        end = run[1] if start + height == side else min(run[1], start + height - reach)
        made.append((start, begin, end))
        begin = end
    return made
