"""Sharpening of an estimate's steps, which must neither move them nor remove small parts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dioptre.features.depth.edges import sharpened

MAP_SIZE = (512, 768)
BODY, BACK = 0.7, 0.2
HEAD, RADIUS_PX = (150, 384), 12


def _person() -> np.ndarray:
    """A map of a person: a body 80 pixels wide, and a head 24 pixels wide that touches it."""
    rows, columns = np.mgrid[: MAP_SIZE[0], : MAP_SIZE[1]]
    head = (rows - HEAD[0]) ** 2 + (columns - HEAD[1]) ** 2 <= RADIUS_PX**2
    body = (rows >= HEAD[0] + RADIUS_PX - 2) & (np.abs(columns - HEAD[1]) <= 40)
    return np.where(head | body, BODY, BACK).astype(np.float32)


def _picture(size: tuple[int, int]) -> np.ndarray:
    return np.full((*size, 3), 0.5, np.float32)


def test_a_small_head_keeps_its_depth_and_its_size() -> None:
    truth = _person()
    result = sharpened(gaussian_filter(truth, 2.5), _picture((1024, 1536)))
    row, column = HEAD
    assert abs(result[row, column] - BODY) < 0.03
    across = result[row] > (BODY + BACK) / 2
    assert abs(int(across.sum()) - (2 * RADIUS_PX + 1)) <= 4
    wrong = (result > (BODY + BACK) / 2) != (truth > (BODY + BACK) / 2)
    assert wrong.mean() < 0.002


def test_a_soft_step_becomes_steep_at_its_place() -> None:
    soft = gaussian_filter(_person(), 4)
    row = sharpened(soft, _picture((1024, 1536)))[400]
    steps = np.abs(np.diff(row))
    assert steps.max() > 0.4 * (BODY - BACK)
    assert steps.max() > 3 * np.abs(np.diff(soft[400])).max()
    assert abs(int(steps[:384].argmax()) - (384 - 41)) <= 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1024, 1536), (512, 768)), ((500, 750), (500, 750)), ((300, 450), (300, 450)), ((1200, 1200), (512, 512))],
)
def test_a_map_is_no_larger_than_its_picture(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert sharpened(_person(), _picture(size)).shape == expected
