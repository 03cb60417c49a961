"""The mask of strokes covers the painted area, is soft, ends at depth steps, and works at every size."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.imaging.resize import resize
from dioptre.imaging.strokes import stroke_mask
from dioptre_link.strokes import HARD

SIZE = (200, 300)
FLAT = np.full(SIZE, 0.5, np.float32)


def stroke(*points: tuple[float, float], keep: bool = True, radius: float = 0.1) -> dict:
    return {"keep": keep, "radius": radius, "points": [list(point) for point in points]}


@pytest.mark.parametrize("radius", [0.02, 0.1, 0.4])
def test_a_dot_is_a_soft_disc_around_its_point(radius: float) -> None:
    mask = stroke_mask([stroke((0.4, 0.6), radius=radius)], FLAT)
    rows, columns = np.indices(SIZE) + 0.5
    distance = np.hypot(rows - 0.6 * SIZE[0], columns - 0.4 * SIZE[1]) / (radius * max(SIZE))
    # The tolerance is one pixel, or the resolution at which large strokes are drawn.
    slack = max(1 / (radius * max(SIZE)), 1.5 / 32)
    assert (mask[distance < HARD - slack] == 1).all()
    assert (mask[distance > 1 + slack] == 0).all()
    between = (distance > HARD + slack) & (distance < 1 - slack)
    expected = (1 - distance[between]) / (1 - HARD)
    expected = expected**2 * (3 - 2 * expected)
    assert np.abs(mask[between] - expected).max() < 0.02


def test_a_later_stroke_lies_over_an_earlier_one() -> None:
    keep, let = stroke((0.5, 0.5), radius=0.2), stroke((0.5, 0.5), keep=False, radius=0.1)
    mask = stroke_mask([keep, let], FLAT)
    assert mask[100, 150] == -1
    assert mask[100, 150 + 45] > 0.5
    assert (stroke_mask([let, keep], FLAT)[80:120, 130:170] == 1).all()
    assert np.abs(mask).max() <= 1


def test_every_size_shows_the_same() -> None:
    strokes = [stroke((0.1, 0.1), (0.5, 0.8), radius=0.08), stroke((0.9, 0.5), keep=False, radius=0.15)]
    large = stroke_mask(strokes, np.full((800, 1200), 0.5, np.float32))
    small = stroke_mask(strokes, FLAT)
    assert np.abs(resize(large, SIZE, method="area") - small).max() < 0.06


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2)])
def test_any_picture_can_be_painted(size: tuple[int, int]) -> None:
    mask = stroke_mask([stroke((0.0, 0.0), (1.0, 1.0), radius=0.5)], np.zeros(size, np.float32))
    assert mask.shape == size
    assert 0 < mask.max() <= 1


def beside(left: float, right: float, column: int = 150) -> np.ndarray:
    """Return the disparity of two walls that meet at a column."""
    return np.where(np.arange(SIZE[1]) < column, left, right).astype(np.float32) + np.zeros_like(FLAT)


@pytest.mark.parametrize("keep", [True, False])
def test_a_stroke_ends_where_the_depth_steps(keep: bool) -> None:
    # The stroke is 15 pixels from the step, and the brush has a radius of 30.
    painted = stroke((0.45, 0.3), (0.45, 0.7), keep=keep)
    mask = np.abs(stroke_mask([painted], beside(0.6, 0.3)))
    assert (mask[60:140, 120:150] == 1).all()
    assert not mask[:, 150:].any()
    assert np.array_equal(stroke_mask([painted], beside(0.6, 0.58)), stroke_mask([painted], FLAT))


def test_a_stroke_across_a_step_covers_both_sides() -> None:
    mask = stroke_mask([stroke((0.2, 0.5), (0.8, 0.5))], beside(0.6, 0.3))
    assert (mask[95:105, 60:240] == 1).all()


@pytest.mark.parametrize("radius", [0.02, 0.1, 0.2])
def test_a_slope_does_not_end_a_stroke(radius: float) -> None:
    floor = np.linspace(0, 1, SIZE[0], dtype=np.float32)[:, None] + np.zeros(SIZE, np.float32)
    painted = [stroke((0.3, 0.5), (0.7, 0.5), radius=radius)]
    np.testing.assert_allclose(stroke_mask(painted, floor), stroke_mask(painted, FLAT), atol=1e-6)


def test_a_thin_thing_is_kept_without_its_surroundings() -> None:
    pole = np.where(np.abs(np.arange(SIZE[1]) - 150) < 6, 0.8, 0.2).astype(np.float32) + np.zeros_like(FLAT)
    mask = stroke_mask([stroke((0.5, 0.2), (0.5, 0.8))], pole)
    assert (mask[60:140, 145:156] == 1).all()
    assert not mask[:, :144].any()
    assert not mask[:, 157:].any()
