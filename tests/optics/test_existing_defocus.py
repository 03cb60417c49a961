"""The existing blur of regions of a picture, measured at edges inside them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dioptre.optics.existing_defocus import parts_defocus_px


def chequered(height: int, width: int, *, side: int = 30) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width] // side
    return np.where((rows + columns) % 2, 0.75, 0.25).astype(np.float32)


def coloured(plane: np.ndarray) -> np.ndarray:
    return np.repeat(plane[..., None], 3, axis=2)


@pytest.mark.parametrize("deviation", [1.5, 2.5])
def test_a_blurred_part_is_told_from_a_sharp_one(deviation: float) -> None:
    plane = gaussian_filter(chequered(200, 300), 0.7)
    plane[:, 150:] = gaussian_filter(chequered(200, 150), deviation)
    parts = np.ones((20, 30), int)
    parts[:, 15:] = 2
    sharp, blurred = parts_defocus_px(coloured(plane), np.ones((200, 300), np.float32), parts, 2)
    assert sharp == pytest.approx(0.0, abs=0.2)
    assert blurred == pytest.approx(2 * np.sqrt(deviation**2 - 0.9**2), rel=0.25)


def test_a_part_without_edges_says_nothing() -> None:
    plane = chequered(200, 300)
    plane[:, 150:] = 0.5
    parts = np.ones((20, 30), int)
    parts[:, 16:] = 2
    assert parts_defocus_px(coloured(plane), np.ones((200, 300), np.float32), parts, 2)[1] is None
