"""The shifts of a picture that repeats are its periods, and every cell of a hole gets a source."""

from __future__ import annotations

import numpy as np

from dioptre.features.background.shift_offsets import dominant_shifts, shifted

PERIOD = 20


def _scene() -> tuple[np.ndarray, np.ndarray]:
    tile = np.random.default_rng(5).random((PERIOD, PERIOD, 3)).astype(np.float32)
    hole = np.zeros((120, 120), bool)
    hole[50:68, 48:66] = True
    return np.tile(tile, (6, 6, 1)), hole


def test_the_best_shifts_are_periods() -> None:
    picture, hole = _scene()
    rim = [each for each in dominant_shifts(picture, hole, ~hole, ~hole) if each.middle is not None]
    periodic = [each for each in rim if each.rows % PERIOD == 0 and each.columns % PERIOD == 0]
    assert len(periodic) > 0.9 * len(rim) > 3
    assert {(0, PERIOD), (0, -PERIOD)} <= {(each.rows, each.columns) for each in periodic}


def test_every_cell_gets_a_source() -> None:
    """Only a strip at the left may be copied; no single shift reaches it from the whole hole."""
    picture, hole = _scene()
    hole[:, 40:] = True
    source = np.zeros_like(hole)
    source[:, :12] = True
    shifts = dominant_shifts(picture, hole, ~hole, source)
    reached = np.zeros_like(hole)
    for each in shifts:
        reached |= shifted(source, each.rows, each.columns)
    assert reached[hole].mean() > 0.97


def test_without_sources_there_are_no_shifts() -> None:
    picture, hole = _scene()
    assert dominant_shifts(picture, hole, ~hole, np.zeros_like(hole)) == []


def test_a_mask_is_shifted_to_the_cells_that_copy_it() -> None:
    mask = np.zeros((5, 6), bool)
    mask[3, 4] = True
    assert np.argwhere(shifted(mask, 2, -1)).tolist() == [[1, 5]]
    assert not shifted(mask, 7, 0).any()
