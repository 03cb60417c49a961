"""The measured widths of edges match the blur that was applied, and edges at depth steps are left out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dioptre.optics.edge_widths import away_from_steps, edge_widths, radius_px


@pytest.mark.parametrize("std", [1.0, 2.0, 3.0])
def test_a_blurred_edge_has_the_width_of_its_blur(std: float) -> None:
    plane = np.zeros((60, 80), np.float32)
    plane[:, 40:] = 1
    found = edge_widths(gaussian_filter(plane, std))
    assert found.where[:, 39:41].all()
    assert not found.where[:, :30].any()
    assert np.median(found.std_px) == pytest.approx(std, rel=0.1)


def test_depth_steps_do_not_count() -> None:
    disparity = np.zeros((30, 40), np.float32)
    disparity[:, 20:] = 1
    away = away_from_steps(disparity)
    assert not away[:, 18:22].any()
    assert away[:, :15].all()


def test_a_sharp_pictures_edges_are_not_blurred() -> None:
    assert radius_px(np.float32(0.9)) == 0
    assert radius_px(np.float32(5.0)) == pytest.approx(10.0, rel=0.02)
