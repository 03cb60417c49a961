"""Mattes have no holes where the subject goes on, and keep their gaps."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.subject.cut_out import cut_out

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
