"""Mattes have no holes where the subject goes on, and keep their gaps."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.subject.cut_out import _without_far_parts, cut_out

SIDE = 320


@pytest.mark.parametrize(
    ("gap_colour", "gap_disparity", "filled"),
    [((0.85, 0.62, 0.5), 0.79, True), ((0.3, 0.6, 0.3), 0.79, False), ((0.85, 0.62, 0.5), 0.3, False)],
    ids=["forehead", "gap of another colour", "gap with a distance"],
)
def test_a_hole_is_filled_if_it_looks_like_the_subject(
    gap_colour: tuple[float, float, float], gap_disparity: float, filled: bool
) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(rows - 160, columns - 160)
    subject, hole = distance < 100, distance < 14
    picture = np.where(subject[..., None], (0.8, 0.6, 0.5), (0.3, 0.6, 0.3)).astype(np.float32)
    picture[hole] = gap_colour
    picture += np.random.default_rng(0).normal(0, 0.01, picture.shape).astype(np.float32)
    near = np.where(subject, 0.8, 0.2).astype(np.float32)
    near[hole] = gap_disparity
    probability = np.where(subject & ~hole, 0.97, 0.02).astype(np.float32)
    alpha = cut_out(picture, probability, near, probability, onto=picture)
    assert alpha[hole].mean() > 0.95 if filled else alpha[distance < 8].mean() < 0.3
    assert alpha[distance > 115].max() < 0.1
    assert alpha[(distance > 20) & (distance < 90)].min() > 0.9


@pytest.mark.parametrize(("distance", "stays"), [(0.2, False), (0.75, True)])
def test_a_part_that_no_network_detected_stays_only_at_the_subject_s_distance(distance: float, stays: bool) -> None:
    """For example, a wheel far behind that has the colour of the subject's coat, or the subject's other glove."""
    alpha, near = np.zeros((SIDE, SIDE), np.float32), np.full((SIDE, SIDE), 0.2, np.float32)
    alpha[60:300, 100:200], near[60:300, 100:200] = 1.0, 0.8
    probability = alpha.copy()
    alpha[200:230, 240:270], near[200:230, 240:270] = 0.9, distance
    kept = _without_far_parts(alpha, probability, near)
    np.testing.assert_array_equal(kept[:, :230], alpha[:, :230])
    assert (kept[200:230, 240:270].max() > 0.8) == stays


def test_a_second_person_far_behind_stays_whole() -> None:
    alpha, near = np.zeros((SIDE, SIDE), np.float32), np.full((SIDE, SIDE), 0.1, np.float32)
    alpha[60:300, 60:150], near[60:300, 60:150] = 1.0, 0.8
    alpha[80:240, 200:260], near[80:240, 200:260] = 1.0, 0.4
    np.testing.assert_array_equal(_without_far_parts(alpha, alpha.copy(), near), alpha)
