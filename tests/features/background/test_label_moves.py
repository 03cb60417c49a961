"""An expansion move finds the cells whose change lowers the energy most."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.features.background.label_moves import FORBIDDEN, Cells, Choices, Picture, expand

SIDE, MARGIN = 3, 4
HEIGHT = WIDTH = SIDE + 2 * MARGIN
SHIFTS = np.array([(0, 0), (0, 4), (3, -2)], np.int32)


def _cells() -> Cells:
    """Return a square of cells in the middle of the picture, without fixed ones."""
    count = SIDE * SIDE
    number = np.pad(np.arange(count).reshape(SIDE, SIDE), 1, constant_values=count)
    sides = number[1:-1, 2:], number[2:, 1:-1], number[1:-1, :-2], number[:-2, 1:-1]
    rows, columns = np.divmod(np.arange(count), SIDE)
    neighbours = np.stack([side.ravel() for side in sides]).astype(np.int32)
    arrays = (
        (rows + MARGIN).astype(np.int32),
        (columns + MARGIN).astype(np.int32),
        neighbours,
        np.zeros(count, bool),
    )
    return Cells(*map(jnp.asarray, arrays))


def _scene(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a picture of zeros and ones, for which every move is exact, costs, and labels."""
    random = np.random.default_rng(seed)
    picture = random.integers(0, 2, (HEIGHT, WIDTH)).astype(np.float32)
    return picture, random.random((3, SIDE * SIDE)).astype(np.float32), random.integers(0, 3, SIDE * SIDE)


def _energy(picture: np.ndarray, costs: np.ndarray, label: np.ndarray) -> float:
    """Return the energy from its definition."""
    grid, total = label.reshape(SIDE, SIDE), float(costs[label, np.arange(SIDE * SIDE)].sum())
    for (row, column), (down, across) in itertools.product(np.ndindex(SIDE, SIDE), ((0, 1), (1, 0))):
        if row + down == SIDE or column + across == SIDE:
            continue
        pair = SHIFTS[grid[row, column]], SHIFTS[grid[row + down, column + across]]
        if (pair[0] != pair[1]).any():
            total += 1e-4
            for place in ((row, column), (row + down, column + across)):
                values = [picture[tuple(np.add(place, MARGIN) + shift)] for shift in pair]
                total += float((values[0] - values[1]) ** 2)
    return total


def _expanded(
    picture: np.ndarray, costs: np.ndarray, label: np.ndarray, number: int, new_label: float = 0.0
) -> tuple[np.ndarray, float]:
    labels, change = expand(
        Picture(jnp.asarray(picture.reshape(-1, 1)), jnp.asarray([HEIGHT, WIDTH], jnp.int32)),
        _cells(),
        Choices(jnp.asarray(costs), jnp.asarray(SHIFTS)),
        jnp.asarray(label, jnp.int32),
        order=jnp.full(3, number, jnp.int32),
        count=jnp.asarray(1, jnp.int32),
        new_label=jnp.asarray(new_label, jnp.float32),
    )
    return np.asarray(labels), float(change)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("number", [1, 2])
def test_a_move_is_the_best_of_all(seed: int, number: int) -> None:
    picture, costs, label = _scene(seed)
    before = _energy(picture, costs, label)
    choices = [np.where(taken, number, label) for taken in itertools.product((False, True), repeat=SIDE * SIDE)]
    best = min(_energy(picture, costs, each) for each in choices)
    labels, change = _expanded(picture, costs, label, number)
    after = _energy(picture, costs, labels)
    assert change == pytest.approx(after - before, abs=1e-4)
    assert after <= before + 1e-5
    assert after == pytest.approx(best, abs=1e-3)


def test_a_forbidden_label_is_not_taken() -> None:
    picture, costs, label = _scene(1)
    costs[1] = FORBIDDEN
    costs[1, :4] = 0
    label[:] = 0
    labels, _ = _expanded(picture, costs, label, 1)
    assert (labels[4:] == 0).all()


def test_a_new_label_must_be_worth_it() -> None:
    picture, costs, label = _scene(2)
    label[:], costs[1] = 0, costs[0] - 0.01
    picture[:] = 0
    assert (_expanded(picture, costs, label, 1)[0] == 1).all()
    assert (_expanded(picture, costs, label, 1, new_label=0.1)[0] == 0).all()
