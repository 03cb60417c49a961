"""The disparity in focus is that of a number, of a point of the picture, or of the subject."""

import numpy as np
import pytest

from dioptre.contract import kept_for
from dioptre.features.blur.chosen_focus import disparity_at
from dioptre_link.errors import UsageError

SIZE = (96, 128)


def test_point_of_focus_is_a_median():
    disparity = np.zeros(SIZE, np.float32)
    disparity[:, 60:] = 0.9
    disparity[50, 80] = 0.1
    assert disparity_at(disparity, (80.0, 50.0)) == pytest.approx(0.9)
    with pytest.raises(UsageError, match="outside"):
        disparity_at(disparity, (128.0, 3.0))


def test_a_value_is_computed_once_for_equal_disparity():
    computed = []

    def value(disparity):
        return kept_for(kept, "sum", disparity, compute=lambda: computed.append(1) or float(disparity.sum()))

    kept = {}
    disparity = np.random.default_rng(0).random(SIZE, np.float32)
    first = value(disparity)
    assert value(disparity.copy()) == first == float(disparity.sum())
    assert len(computed) == 1
    moved = disparity.copy()
    moved[5, 7] += np.float32(1 / 64)
    assert value(moved) == float(moved.sum())
    assert kept_for(kept, "other", moved, compute=lambda: "another") == "another"
    assert len(computed) == 2
