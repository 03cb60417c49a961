"""Hide the seams between copies by a smooth correction of their colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32

_REACH = 0.25  # distance over which a correction fades, as a fraction of the hole's size
_LEAST_PULL = 1e-6  # keeps the equations of a hole without a border solvable
_LARGEST = 0.2  # largest difference of colour that counts at a seam, and largest correction
_ACCURACY = 4e-4  # a tenth of 1/255: the last step of the solution
_MOST_STEPS = 100
_DAMPING = 0.8  # of Jacobi's method


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
    copies = _copies(picture, moves, 0, 0)
    diagonal = np.where(flat, _LEAST_PULL, 1 / (_REACH * count**0.5) ** 2).astype(np.float32)
    wanted, links = np.zeros_like(result), []
    for axis in (0, 1):
        first, second = _pairs(axis)
        step = np.diff(copies, axis=axis)
        jump = _jump(picture, moves, copies, axis, hole)
        for side in (first, second):
            jump[flat[side]] = np.diff(filling, axis=axis)[flat[side]]
        jump -= step
        seam = ~(flat[first] | flat[second])
        jump[seam] = np.clip(jump[seam], -_LARGEST, _LARGEST)
        links.append((hole[first] & hole[second]).astype(np.float32))
        for side, sign in ((first, -1), (second, 1)):
            diagonal[side] += 1
            wanted[side] += sign * jump
    wanted[~hole] = 0
    solved = _solved(_Grid(np.where(hole, diagonal, 1), *links), np.moveaxis(wanted, 2, 0).copy())
    solved = np.where(flat, solved, np.clip(solved, -_LARGEST, _LARGEST))
    result[hole] = solved[:, hole].T
    return result


@dataclass(frozen=True)
class _Grid:
    """Equations of the cells of a plane: each depends on itself and, by negative weights, on its four neighbours.

    Attributes:
        diagonal: (h, w) weights of the cells themselves.
        down: (h - 1, w) links of neighbours in a column.
        across: (h, w - 1) links of neighbours in a row.
    """

    diagonal: np.ndarray
    down: np.ndarray
    across: np.ndarray

    def __matmul__(self, values: np.ndarray) -> np.ndarray:
        product: np.ndarray = self.diagonal * values
        product[:, :-1] -= self.down * values[:, 1:]
        product[:, 1:] -= self.down * values[:, :-1]
        product[..., :-1] -= self.across * values[..., 1:]
        product[..., 1:] -= self.across * values[..., :-1]
        return product

    def coarser(self) -> _Grid:
        """Return the equations of squares of 2x2 cells, which only change together."""
        diagonal = _summed(self.diagonal)
        for links, axis in ((self.down, 0), (self.across, 1)):
            within = np.zeros_like(self.diagonal)
            within[_pairs(axis)[0]] = links
            within[(slice(None), slice(1, None, 2)) if axis else slice(1, None, 2)] = 0
            diagonal -= 2 * _summed(within)
        down, across = np.zeros_like(self.diagonal), np.zeros_like(self.diagonal)
        down[1:-1:2], across[:, 1:-1:2] = self.down[1::2], self.across[:, 1::2]
        # Squares that change together are twice as stiff as the plane (D. Braess, "Towards algebraic multigrid for
        # elliptic problems of second order", Computing, 1995).
        return _Grid(diagonal / 2, _summed(down)[:-1] / 2, _summed(across)[:, :-1] / 2)


def _solved(grid: _Grid, wanted: Float32[np.ndarray, "3 h w"]) -> Float32[np.ndarray, "3 h w"]:
    """Solve the equations by conjugate gradients, with a multigrid cycle as the preconditioner."""
    grids = [grid]
    while min(grids[-1].diagonal.shape) > 2:
        grids.append(grids[-1].coarser())
    values, residual = np.zeros_like(wanted), wanted.copy()
    direction, power = np.zeros_like(wanted), np.ones((3, 1, 1), np.float32)
    for _ in range(_MOST_STEPS):
        better = _cycle(grids, residual)
        before, power = power, _dots(better, residual)
        direction = better + direction * (power / np.maximum(before, 1e-30))
        product = grid @ direction
        length = power / np.maximum(_dots(direction, product), 1e-30)
        values += length * direction
        residual -= length * product
        if np.abs(length * direction).max() < _ACCURACY:
            break
    return values


def _dots(left: np.ndarray, right: np.ndarray) -> Float32[np.ndarray, "3 1 1"]:
    return np.einsum("chw,chw->c", left, right)[:, None, None]


def _cycle(grids: list[_Grid], residual: np.ndarray) -> np.ndarray:
    """Return an approximate solution: Jacobi's method before and after a correction on the coarser grids."""
    grid = grids[0]
    values: np.ndarray = _DAMPING * residual / grid.diagonal
    if len(grids) > 1:
        left = residual - grid @ values
        coarse = _cycle(grids[1:], _summed(left))
        values += coarse.repeat(2, axis=1).repeat(2, axis=2)[:, : values.shape[1], : values.shape[2]]
    values += _DAMPING * (residual - grid @ values) / grid.diagonal
    return values


def _summed(planes: np.ndarray) -> np.ndarray:
    """Return the sums over squares of 2x2 cells; the last row or column may stand alone."""
    rows = planes[..., ::2, :].copy()
    rows[..., : planes.shape[-2] // 2, :] += planes[..., 1::2, :]
    sums = rows[..., ::2].copy()
    sums[..., : rows.shape[-1] // 2] += rows[..., 1::2]
    return sums


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
