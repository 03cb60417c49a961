"""Copies join each other and the picture without steps of colour."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.background import seams

SIZE = 48, 80


def _scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a texture that gets brighter to the right, a hole, and moves of its halves from both sides."""
    texture = np.tile(np.random.default_rng(4).random((SIZE[0], 10, 3)), (1, 8, 1))
    picture = (0.3 * texture + np.linspace(0, 0.3, SIZE[1])[None, :, None]).astype(np.float32)
    hole = np.zeros(SIZE, bool)
    hole[12:36, 30:50] = True
    moves = np.zeros((*SIZE, 2), np.int32)
    moves[12:36, 30:40, 1], moves[12:36, 40:50, 1] = -20, 20
    return picture, hole, moves


def seam_correction(picture: np.ndarray, hole: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return the correction of a hole that is copied everywhere."""
    return seams.seam_correction(picture, hole, moves, flat=np.zeros_like(hole), filling=picture)


def test_steps_between_copies_disappear() -> None:
    picture, hole, moves = _scene()
    columns = np.arange(SIZE[1]) + moves[..., 1]
    copied = picture[np.arange(SIZE[0])[:, None], columns]
    before = np.abs(copied - picture)[hole]
    after = np.abs(copied + seam_correction(picture, hole, moves) - picture)[hole]
    assert before.mean() > 0.07
    assert after.mean() < 0.3 * before.mean()


def test_copies_that_fit_are_not_corrected() -> None:
    picture, hole, moves = _scene()
    picture = picture - np.linspace(0, 0.3, SIZE[1], dtype=np.float32)[None, :, None]
    assert np.abs(seam_correction(picture, hole, moves)).max() < 1e-5


def test_nothing_changes_outside_the_hole() -> None:
    picture, hole, moves = _scene()
    assert (seam_correction(picture, hole, moves)[~hole] == 0).all()
    assert (seam_correction(picture, np.zeros_like(hole), moves) == 0).all()


def test_cells_that_are_not_copied_keep_their_gradient_and_join_the_picture() -> None:
    _, hole, moves = _scene()
    slope = np.add.outer(np.linspace(0, 0.3, SIZE[0]), np.linspace(0, 0.5, SIZE[1]))
    truth = np.repeat(slope[..., None], 3, axis=2).astype(np.float32)
    picture = truth + np.where(hole[..., None], np.float32(0.4), 0)
    filled = picture + seams.seam_correction(picture, hole, 0 * moves, flat=hole, filling=truth + 0.2)
    np.testing.assert_allclose(filled, truth, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 2), (21, 30)])
def test_the_equations_are_solved(size: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    inside = random.random(size) < 0.8
    links = [(inside[a] & inside[b]).astype(np.float32) for a, b in (seams._pairs(0), seams._pairs(1))]
    grid = seams._Grid(np.where(inside, np.float32(4.01), 1), *links)
    wanted = (random.normal(0, 0.1, (3, *size)) * inside).astype(np.float32)
    found = seams._solved(grid, wanted)
    each = np.eye(inside.size, dtype=np.float32).reshape(-1, *size)
    matrix = (grid @ each).reshape(inside.size, -1).astype(np.float64)
    exact = np.linalg.solve(matrix, wanted.reshape(3, -1).T).T.reshape(wanted.shape)
    np.testing.assert_allclose(found, exact, atol=0.1 / 255)
