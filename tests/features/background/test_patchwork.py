"""The grid of cells on which a hole is filled."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.background.patchwork import disparity_behind
from dioptre.imaging.pull_push import pull_push

SIZE = 60, 90


def ground() -> np.ndarray:
    """Return the disparity of a ground that rises towards the horizon."""
    return np.repeat(np.linspace(0.1, 0.6, SIZE[0], dtype=np.float32)[:, None], SIZE[1], axis=1)


def test_the_ground_continues_at_the_depth_of_its_rows() -> None:
    """The smooth continuation alone comes nearer by a tenth and more above a hedge in the foreground."""
    near, usable = ground(), np.ones(SIZE, np.bool_)
    near[45:] = 0.9
    usable[5:45, 15:75] = False
    inside = np.zeros(SIZE, np.bool_)
    inside[10:38, 25:65] = True
    assert (pull_push(near, usable.astype(np.float32)) - near)[inside].max() > 0.1
    np.testing.assert_allclose(disparity_behind(near, usable)[inside], near[inside], atol=0.02)


def test_rows_without_usable_cells_continue_smoothly() -> None:
    usable = np.ones(SIZE, np.bool_)
    usable[20:40] = False
    behind = disparity_behind(ground(), usable)
    assert np.isfinite(behind).all()
    np.testing.assert_allclose(behind[25:35], ground()[25:35], atol=0.1)


@pytest.mark.parametrize("column", [0, 45, 89])
def test_a_single_usable_column_is_enough(column: int) -> None:
    """It may come out too far away, where the smooth continuation does, but not too near."""
    usable = np.zeros(SIZE, np.bool_)
    usable[:, column] = True
    behind = disparity_behind(ground(), usable)
    assert behind.min() > 0
    assert (behind - ground()).max() < 0.03
