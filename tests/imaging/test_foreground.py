"""The subject's own colours are recovered without the old background, which would show in front of a new one."""

from __future__ import annotations

import numpy as np

from dioptre.imaging.foreground import foreground_rows, with_background_colours


def soft_edge() -> tuple[np.ndarray, np.ndarray]:
    """Return a brown subject with an edge 40 pixels wide in front of a bright green wall, and its alpha."""
    alpha = np.clip((80 - np.arange(160, dtype=np.float32)) / 40 + 0.5, 0, 1) * np.ones((60, 1), np.float32)
    brown, green = np.float32([0.35, 0.2, 0.1]), np.float32([0.3, 0.9, 0.3])
    return (alpha[..., None] * brown + (1 - alpha[..., None]) * green).astype(np.float32), alpha


def test_the_background_does_not_shine_through() -> None:
    picture, alpha = soft_edge()
    colours = foreground_rows(picture, alpha)(slice(0, 60))
    through = alpha > 0.05
    assert np.abs(picture - [0.35, 0.2, 0.1])[through].max() > 0.3
    assert np.abs(colours - [0.35, 0.2, 0.1])[through].max() < 0.03


def test_the_inside_is_the_picture() -> None:
    picture, alpha = soft_edge()
    picture += np.random.default_rng(0).normal(0, 0.05, picture.shape).astype(np.float32)
    colours = foreground_rows(picture, alpha)(slice(10, 20))
    sure = alpha[10:20] == 1
    np.testing.assert_allclose(colours[sure], np.clip(picture[10:20][sure], 0, None), atol=1e-6)


def test_hair_with_the_depth_of_the_background_gets_its_colours() -> None:
    """The depth ends in the middle of the soft edge; beyond it, the edge shows the wall."""
    picture, alpha = soft_edge()
    disparity = np.where(alpha > 0.5, np.float32(0.8), np.float32(0.2))
    cleaned = with_background_colours(picture, alpha, disparity, sharp=0.3)
    beyond = (alpha <= 0.5) & (alpha >= 0.02)
    assert np.abs(picture - [0.3, 0.9, 0.3])[beyond].max() > 0.3
    assert np.abs(cleaned - [0.3, 0.9, 0.3])[beyond].max() < 0.03
    np.testing.assert_array_equal(cleaned[~beyond], picture[~beyond])


def test_each_part_of_a_subject_is_compared_with_its_own_surroundings() -> None:
    """One part is blurred before a far wall, one in focus, and one in front of the focus behind a near table."""
    picture, alpha = (np.repeat(plane[:, ::4], 6, axis=0) for plane in soft_edge())
    parts, walls = (np.repeat(np.float32(values), 120)[:, None] for values in ((0.8, 0.3, 0.6), (0.3, 0.1, 0.9)))
    disparity = np.where(alpha > 0.5, parts, walls)
    disparity[290:320, 8:12], alpha[290:320, 8:12] = 0.5, 0.9  # a dent in the third part
    cleaned = with_background_colours(picture, alpha, disparity, sharp=0.4)
    changed = (cleaned != picture).any(axis=2)
    assert changed[:100, 21:24].all()
    assert not changed[140:].any()
