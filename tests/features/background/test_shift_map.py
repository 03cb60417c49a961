"""Copies continue a picture into a hole, from the places that are allowed and at the right depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dioptre.features.background.shift_map import Surroundings, continue_by_shifts
from dioptre_link.errors import Cancelled


def _repeating() -> Surroundings:
    """Return a random picture that repeats every 20 pixels in both directions, with a hole."""
    tile = np.random.default_rng(5).random((20, 20, 3)).astype(np.float32)
    hole = np.zeros((120, 120), bool)
    hole[50:68, 48:66] = True
    flat = np.zeros(hole.shape, np.float32)
    return Surroundings(
        picture=np.tile(tile, (6, 6, 1)), hole=hole, known=~hole, source=~hole, disparity=flat, behind=flat
    )


def _copied(scene: Surroundings, moves: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(scene.hole.shape)
    copied: np.ndarray = scene.picture[rows + moves[..., 0], columns + moves[..., 1]]
    return copied


def test_a_repeating_picture_is_restored() -> None:
    scene = _repeating()
    seen = replace(scene, picture=np.where(scene.hole[..., None], np.float32(0), scene.picture))
    found = continue_by_shifts(seen)
    assert found is not None
    assert found.copied[scene.hole].all()
    assert found.energy < 0.1
    error = np.abs(_copied(scene, found.moves) - scene.picture)[scene.hole]
    assert np.median(error) < 1e-6
    assert (found.moves[~scene.hole] == 0).all()


def test_sources_are_allowed() -> None:
    scene = _repeating()
    source = ~scene.hole
    source[:, 70:] = False
    found = continue_by_shifts(replace(scene, source=source))
    assert found is not None
    rows, columns = np.nonzero(found.copied)
    moves = found.moves[rows, columns]
    assert source[rows + moves[:, 0], columns + moves[:, 1]].all()


def test_depth_decides_between_equal_copies() -> None:
    scene = _repeating()
    near = np.zeros(scene.hole.shape, np.float32)
    near[:, :48] = 1.0
    found = continue_by_shifts(replace(scene, disparity=near))
    assert found is not None
    columns = np.nonzero(found.copied)[1] + found.moves[found.copied][:, 1]
    assert (columns >= 48).mean() > 0.95


def test_a_large_picture_is_continued_to_the_pixel() -> None:
    """The shifts are chosen on a grid of 2.7 pixels, on which the picture does not repeat."""
    scene = _repeating()
    rows, columns = (np.arange(360) // 3 % 20 for _ in range(2))
    texture = np.random.default_rng(7).random((20, 20, 3)).astype(np.float32)[rows][:, columns]
    large = {name: np.kron(getattr(scene, name), np.ones((3, 3), bool)) for name in ("hole", "known", "source")}
    flat = np.zeros((360, 360), np.float32)
    big = Surroundings(picture=texture, disparity=flat, behind=flat, **large)
    found = continue_by_shifts(big)
    assert found is not None
    error = np.abs(_copied(big, found.moves) - texture)[big.hole]
    assert np.median(error) < 1e-6


def test_the_search_can_be_cancelled() -> None:
    def cancel(fraction: float, phase: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        continue_by_shifts(_repeating(), progress=cancel)
