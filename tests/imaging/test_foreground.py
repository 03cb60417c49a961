"""The subject's own colours are recovered without the old background, which would show in front of a new one."""

from __future__ import annotations

import numpy as np

from dioptre.imaging.foreground import with_own_colours


def soft_edge() -> tuple[np.ndarray, np.ndarray]:
    """Return a brown subject with an edge 40 pixels wide in front of a bright green wall, and its alpha."""
    alpha = np.clip((80 - np.arange(160, dtype=np.float32)) / 40 + 0.5, 0, 1) * np.ones((60, 1), np.float32)
    brown, green = np.float32([0.35, 0.2, 0.1]), np.float32([0.3, 0.9, 0.3])
    return (alpha[..., None] * brown + (1 - alpha[..., None]) * green).astype(np.float32), alpha


def test_the_background_does_not_shine_through() -> None:
    picture, alpha = soft_edge()
    colours = with_own_colours(picture, alpha)(slice(0, 60))[..., :3]
    through = alpha > 0.05
    assert np.abs(picture - [0.35, 0.2, 0.1])[through].max() > 0.3
    assert np.abs(colours - [0.35, 0.2, 0.1])[through].max() < 0.03


def test_the_inside_is_the_picture() -> None:
    picture, alpha = soft_edge()
    picture += np.random.default_rng(0).normal(0, 0.05, picture.shape).astype(np.float32)
    colours = with_own_colours(picture, alpha)(slice(10, 20))[..., :3]
    sure = alpha[10:20] == 1
    np.testing.assert_allclose(colours[sure], np.clip(picture[10:20][sure], 0, None), atol=1e-6)


def test_without_a_sure_inside_it_is_finite() -> None:
    picture, _ = soft_edge()
    for cover in (0.0, 0.3):
        colours = with_own_colours(picture, np.full((60, 160), cover, np.float32))(slice(0, 60))[..., :3]
        assert np.isfinite(colours).all()
