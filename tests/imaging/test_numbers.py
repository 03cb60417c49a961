"""Cleaning of NaN and infinite values: arrays without any are returned uncopied, others are corrected."""

from __future__ import annotations

import numpy as np

from dioptre.imaging.numbers import is_finite, within_unit, without_nan


def test_good_values_are_not_copied() -> None:
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    assert without_nan(values) is values
    assert within_unit(values) is values


def test_bad_values_are_mended_and_the_given_array_left_alone() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 2.0, -1.0, 0.5], np.float32)
    given = values.copy()
    np.testing.assert_array_equal(without_nan(values), [0, 0, 0, 2, -1, 0.5])
    np.testing.assert_array_equal(without_nan(values, infinite=1.0), [0, 1, 0, 2, -1, 0.5])
    np.testing.assert_array_equal(within_unit(values[3:]), [1, 0, 0.5])
    np.testing.assert_array_equal(values, given)


def test_finite_sums_that_overflow_are_still_finite() -> None:
    assert is_finite(np.full((4, 4), 3e38, np.float32))
    assert not is_finite(np.array([1.0, np.nan], np.float32))
    assert is_finite(np.zeros((0, 3), np.float32))
