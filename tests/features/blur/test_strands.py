"""Hairs that stand out from a subject are found, and what only passes behind it is not."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.blur.strands import with_strands

SIDE = 400
RADIUS = 70


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a picture of a disc in front of a quiet background, its coverage and its depth."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disc = (np.hypot(rows - SIDE / 2, columns - SIDE / 2) < RADIUS).astype(np.float32)
    picture = np.full((SIDE, SIDE, 3), 0.25, np.float32) + 0.4 * disc[..., None]
    picture += np.random.default_rng(1).normal(0, 0.004, picture.shape).astype(np.float32)
    return picture, disc, 0.1 + 0.7 * disc


def line(angle: float, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of a line away from the centre, two pixels wide."""
    along = np.arange(start, end, 0.5)
    rows, columns = SIDE / 2 + along * np.sin(angle), SIDE / 2 + along * np.cos(angle)
    rows, columns = np.concatenate([rows, rows + 1]).astype(int), np.concatenate([columns, columns]).astype(int)
    inside = (rows >= 0) & (rows < SIDE) & (columns >= 0) & (columns < SIDE)
    return rows[inside], columns[inside]


def hairs() -> list[tuple[np.ndarray, np.ndarray]]:
    return [line(angle, RADIUS - 3, RADIUS + 35) for angle in np.linspace(-2.4, -0.7, 9)]


@pytest.mark.parametrize("brighter", [0.3, -0.2])
def test_hairs_in_front_of_a_quiet_background_belong_to_the_subject(brighter: float) -> None:
    picture, alpha, disparity = scene()
    for hair in hairs():
        picture[hair] += brighter
    found = with_strands(picture, alpha, disparity)
    assert np.median([found[hair].mean() for hair in hairs()]) > 0.5, "they are drawn in focus"
    assert (found >= alpha).all()
    assert found[line(0.5, RADIUS + 10, SIDE)].max() == 0, "nothing is added where there is no hair"
    assert (found - alpha).sum() < 3 * sum(len(hair[0]) / 2 for hair in hairs()) * 2


def test_a_wire_that_passes_behind_the_subject_does_not() -> None:
    picture, alpha, disparity = scene()
    wire = line(-1.2, RADIUS - 3, SIDE)
    picture[wire] += 0.3
    assert with_strands(picture, alpha, disparity) is alpha


def test_texture_around_the_subject_does_not() -> None:
    picture, alpha, disparity = scene()
    texture = np.random.default_rng(2).random((SIDE, SIDE, 1)) < 0.3
    picture += 0.3 * (texture & (alpha < 0.5)[..., None]).astype(np.float32)
    assert with_strands(picture, alpha, disparity) is alpha


def test_a_twig_with_leaves_that_touches_the_subject_does_not() -> None:
    picture, alpha, disparity = scene()
    picture[line(-1.2, RADIUS - 3, RADIUS + 60)] -= 0.2
    for distance in (30, 38, 46, 54):
        for side in (-0.12, -0.06, 0.06, 0.12):
            leaf = line(-1.2 + side, RADIUS + distance, RADIUS + distance + 6)
            picture[leaf] -= 0.2
            picture[leaf[0], np.clip(leaf[1] + 2, 0, SIDE - 1)] -= 0.2
    assert (with_strands(picture, alpha, disparity) - alpha)[line(-1.2, RADIUS + 40, RADIUS + 60)].max() < 0.1


def test_hairs_at_the_depth_of_the_subject_are_left_to_depth() -> None:
    picture, alpha, _ = scene()
    for hair in hairs():
        picture[hair] += 0.3
    assert with_strands(picture, alpha, np.full_like(alpha, 0.6)) is alpha


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (40, 40)])
def test_small_and_narrow_pictures_work(shape: tuple[int, int]) -> None:
    alpha = np.zeros(shape, np.float32)
    picture = np.full((*shape, 4), 0.5, np.float32)
    assert with_strands(picture, alpha, alpha) is alpha
    alpha[: shape[0] // 2 + 1] = 1
    assert with_strands(picture, alpha, alpha).shape == shape
