"""Sources are found for all pixels of a hole, only where copying is allowed."""

from __future__ import annotations

import numpy as np

from dioptre.imaging.exemplar import match_texture


def test_matches_look_like_the_content_that_a_hole_keeps() -> None:
    y, x = np.mgrid[:96, :96]
    wave = (0.5 + 0.3 * np.sin(x / 3) * np.sin(y / 4)).astype(np.float32)
    picture = np.stack([wave, wave, 1 - wave], axis=-1)
    hole = (y - 48) ** 2 + (x - 48) ** 2 < 15**2
    source = (y - 48) ** 2 + (x - 48) ** 2 > 19**2
    flat = np.zeros(hole.shape, np.float32)
    matches = match_texture(picture, hole, source, disparity=flat, behind=flat)
    assert matches is not None
    down, across = (y + matches.moves[..., 0])[hole], (x + matches.moves[..., 1])[hole]
    assert source[down, across].all()
    error = np.abs(picture[down, across] - picture[hole])
    assert error.mean() < 0.03
    nothing = np.zeros_like(source)
    assert match_texture(picture, hole, nothing, disparity=flat, behind=flat) is None
