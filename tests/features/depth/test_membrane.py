"""The membrane over a hole is as smooth as possible and continuous at the hole's border."""

from __future__ import annotations

import numpy as np

from dioptre.features.depth.membrane import membrane


def _disc(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return ((y - height / 2) / height) ** 2 + ((x - width / 2) / width) ** 2 < 0.3**2


def test_a_slope_is_continued_as_a_slope() -> None:
    """A linear function is its own membrane, even with cells that are not square."""
    y, x = np.mgrid[:300, :500].astype(np.float32)
    slope = 0.001 * x - 0.002 * y + 0.3
    hole = _disc(300, 500)
    filled = membrane(np.where(hole, 7, slope).astype(np.float32), hole)
    assert np.abs(filled - slope).max() < 0.005
    np.testing.assert_array_equal(filled[~hole], slope[~hole])


def test_it_solves_laplaces_equation() -> None:
    """x² - y² is harmonic; averages alone would not reproduce it."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j].astype(np.float32)
    harmonic = x**2 - y**2
    hole = _disc(256, 256)
    assert np.abs(membrane(np.where(hole, 0, harmonic).astype(np.float32), hole) - harmonic).max() < 0.01


def test_it_stays_between_its_borders_values() -> None:
    values = np.random.default_rng(0).random((64, 90)).astype(np.float32)
    filled = membrane(values, _disc(64, 90))
    assert filled.min() >= values.min() - 1e-4
    assert filled.max() <= values.max() + 1e-4


def test_without_a_border_there_is_nothing() -> None:
    assert not membrane(np.ones((5, 7), np.float32), np.ones((5, 7), bool)).any()
