"""Hide the seams between copies by a smooth correction of their colours."""

from __future__ import annotations

import numpy as np
import scipy  # its sparse matrices are imported at first use, because that takes .3 s
from jaxtyping import Bool, Float32, Int32

_REACH = 0.25  # distance over which a correction fades, as a fraction of the hole's size
_LEAST_PULL = 1e-6  # keeps the equations of a hole without a border solvable
_LARGEST = 0.2  # largest difference of colour that counts at a seam, and largest correction


def seam_correction(
    picture: Float32[np.ndarray, "h w 3"],
    hole: Bool[np.ndarray, "h w"],
    moves: Int32[np.ndarray, "h w 2"],
    *,
    flat: Bool[np.ndarray, "h w"],
    filling: Float32[np.ndarray, "h w 3"],
) -> Float32[np.ndarray, "h w 3"]:
    """Return colours to add to the copies in a hole, so that they join each other and the picture.

    The differences between neighbours become those of the copies, the mean of both at a seam, while the correction
    stays small (P. Pérez, M. Gangnet, A. Blake, "Poisson Image Editing", SIGGRAPH 2003, with screening). Cells that
    are not copied keep the differences of a filling, and are corrected as much as it takes.

    Args:
        picture: what is copied, with the filling where the hole is not copied.
        hole: the cells to correct.
        moves: rows and columns from each cell to its source.
        flat: the cells of the hole that are not copied.
        filling: what they are filled with, continued around the hole.

    Returns:
        The correction, 0 outside the hole.
    """
    count = int(hole.sum())
    result = np.zeros(picture.shape, np.float32)
    if not count:
        return result
    number = np.zeros(hole.shape, np.int64)
    number[hole] = np.arange(count)
    copies = _copies(picture, moves, 0, 0)
    diagonal = np.where(flat[hole], _LEAST_PULL, 1 / (_REACH * count**0.5) ** 2)
    wanted, entries = np.zeros((count, 3)), list[tuple[np.ndarray, np.ndarray]]()
    for axis in (0, 1):
        first, second = _pairs(axis)
        step = np.diff(copies, axis=axis)
        jump = _jump(picture, moves, copies, axis, hole)
        for side in (first, second):
            jump[flat[side]] = np.diff(filling, axis=axis)[flat[side]]
        jump -= step
        seam = ~(flat[first] | flat[second])
        jump[seam] = np.clip(jump[seam], -_LARGEST, _LARGEST)
        inside = hole[first], hole[second]
        both = inside[0] & inside[1]
        entries.append((number[first][both], number[second][both]))
        for side, sign, cells in ((first, -1, inside[0]), (second, 1, inside[1])):
            at = number[side][cells]
            np.add.at(diagonal, at, 1)
            np.add.at(wanted, at, sign * jump[cells])
    one, two = (np.concatenate([each[side] for each in entries]) for side in (0, 1))
    cells = np.arange(count)
    values = np.concatenate([diagonal, np.full(2 * len(one), -1.0)])
    places = np.concatenate([cells, one, two]), np.concatenate([cells, two, one])
    matrix = scipy.sparse.coo_matrix((values, places), (count, count)).tocsc()
    solved = scipy.sparse.linalg.splu(matrix, permc_spec="MMD_AT_PLUS_A").solve(wanted)
    result[hole] = np.where(flat[hole][:, None], solved, np.clip(solved, -_LARGEST, _LARGEST))
    return result


def _pairs(axis: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the first and the second cells of all pairs of neighbours along an axis."""
    whole = slice(None)
    if axis:
        return (whole, slice(None, -1)), (whole, slice(1, None))
    return (slice(None, -1), whole), (slice(1, None), whole)


def _copies(picture: np.ndarray, moves: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return what each cell's move copies to the cell that many rows and columns further."""
    height, width = picture.shape[:2]
    down = np.clip(np.arange(height)[:, None] + moves[..., 0] + rows, 0, height - 1)
    across = np.clip(np.arange(width) + moves[..., 1] + columns, 0, width - 1)
    copied: np.ndarray = picture[down, across]
    return copied


def _jump(
    picture: np.ndarray, moves: np.ndarray, copies: np.ndarray, axis: int, hole: np.ndarray
) -> Float32[np.ndarray, "p q 3"]:
    """Return the difference that each pair of neighbours along an axis should have."""
    first, second = _pairs(axis)
    ahead = _copies(picture, moves, 1 - axis, axis)[first] - copies[first]
    behind = copies[second] - _copies(picture, moves, axis - 1, -axis)[second]
    inside = hole[first][..., None], hole[second][..., None]
    either: np.ndarray = np.where(inside[0], ahead, behind)
    return np.where(inside[0] & inside[1], (ahead + behind) / 2, either)
