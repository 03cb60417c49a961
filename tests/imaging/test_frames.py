"""Frames are detected, and similar borders are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.imaging.frames import Inside, find_frame


def photo(height: int = 60, width: int = 80) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.2, 0.8, (height, width, 3)).astype(np.float32)


def framed(colour: float, *, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0) -> np.ndarray:
    picture = photo()
    noise = np.random.default_rng(1).uniform(-0.02, 0.02, picture.shape)
    margin = np.ones(picture.shape[:2], bool)
    margin[top : 60 - bottom, left : 80 - right] = False
    return np.where(margin[..., None], np.clip(colour + noise, 0, 1), picture).astype(np.float32)


@pytest.mark.parametrize("colour", [0.0, 1.0])
def test_a_frame_on_all_sides_is_found(colour: float) -> None:
    found = find_frame(framed(colour, top=5, bottom=7, left=9, right=4))
    assert found == Inside(top=5, bottom=53, left=9, right=76)


def test_a_letter_box_is_found() -> None:
    assert find_frame(framed(0.0, top=8, bottom=8)) == Inside(top=8, bottom=52, left=0, right=80)


@pytest.mark.parametrize(
    "picture",
    [
        photo(),
        framed(0.0, top=12),  # A night sky.
        framed(1.0, top=12),  # An overexposed sky.
        framed(0.5, top=5, bottom=5, left=5, right=5),  # A grey border is part of the picture.
        framed(0.0, top=20, bottom=20),  # The black borders are larger than the picture.
        np.zeros((40, 40, 3), np.float32),
        np.ones((1, 1, 3), np.float32),
        np.zeros((1, 5000, 3), np.float32),
    ],
)
def test_what_is_no_frame_stays(picture: np.ndarray) -> None:
    assert find_frame(picture).shape == picture.shape[:2]
