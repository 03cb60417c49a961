"""Pull-push keeps known values and fills the others from their surroundings."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.imaging.pull_push import pull_push, pull_push_rows


def test_known_values_stay_and_holes_lie_between_their_surroundings() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(0.4, 0.6, (37, 53, 3)).astype(np.float32)
    known = np.ones((37, 53), np.float32)
    known[10:25, 8:40] = 0
    values[known == 0] = 100.0  # Unknown values, which must not show.
    made = pull_push(values, known)
    np.testing.assert_array_equal(made[known == 1], values[known == 1])
    assert made.min() >= 0.4 - 1e-6
    assert made.max() <= 0.6 + 1e-6


def test_one_known_pixel_is_enough() -> None:
    values, known = np.zeros((1, 5000), np.float32), np.zeros((1, 5000), np.float32)
    values[0, 17], known[0, 17] = 0.25, 1.0
    np.testing.assert_allclose(pull_push(values, known), 0.25, atol=1e-6)


def test_each_side_of_a_hole_keeps_to_its_own_side() -> None:
    values = np.zeros((20, 60), np.float32)
    values[:, 40:] = 1.0
    known = np.ones((20, 60), np.float32)
    known[:, 20:40] = 0
    made = pull_push(values, known)
    assert made[:, 22].max() < 0.3
    assert made[:, 37].min() > 0.7


@pytest.mark.parametrize("channels", [(), (3,)])
def test_rows_are_those_of_the_whole_whether_known_is_a_weight_or_a_mask(channels: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).uniform(size=(67, 41, *channels)).astype(np.float32)
    known = np.ones((67, 41), np.float32)
    known[11:50, 5:30] = 0
    whole, rows = pull_push(values, known), pull_push_rows(values, known > 0)
    for part in (slice(0, 1), slice(20, 37), slice(60, 67)):
        np.testing.assert_allclose(rows(part), whole[part], atol=1e-6)
    row, column = np.nonzero(known <= 1)
    np.testing.assert_allclose(rows.at(row, column), whole[row, column], atol=1e-6)
    holeless = pull_push_rows(values, np.ones_like(known))
    np.testing.assert_array_equal(holeless.at(row, column), holeless(slice(0, 67))[row, column])
