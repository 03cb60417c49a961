"""Colours are extended into transparent pixels."""

from __future__ import annotations

import numpy as np

from dioptre.imaging.pull_push import extend_colours


def test_colours_go_on_under_transparency() -> None:
    rgba = np.zeros((60, 80, 4), np.float32)
    rgba[..., :3] = (0, 1, 0)  # A colour under transparency that must not show.
    rgba[20:40, 20:40] = (0.9, 0.2, 0.1, 1)
    rgba[20:40, 60:70] = (0.1, 0.2, 0.9, 1)
    extended = extend_colours(rgba)
    np.testing.assert_array_equal(extended[25, 25], rgba[25, 25, :3])
    np.testing.assert_allclose(extended[..., 1], 0.2, atol=1e-3)
    assert extended[30, 2, 0] > 0.7  # This pixel is near the red patch.
    assert extended[30, 78, 2] > 0.7  # This pixel is near the blue patch.


def test_opaque_and_empty_pictures_stay() -> None:
    colours = np.random.default_rng(1).random((5, 7, 3)).astype(np.float32)
    for alpha in (0.0, 1.0):
        rgba = np.concatenate([colours, np.full((5, 7, 1), alpha, np.float32)], axis=2)
        np.testing.assert_array_equal(extend_colours(rgba), colours)


def test_one_opaque_pixel_fills_all() -> None:
    rgba = np.zeros((1, 33, 4), np.float32)
    rgba[0, 4] = (0.3, 0.4, 0.5, 1)
    np.testing.assert_allclose(extend_colours(rgba), np.broadcast_to(rgba[0, 4, :3], (1, 33, 3)), atol=2e-3)
