"""Sources are found for all pixels of a hole, only where copying is allowed."""

from __future__ import annotations

import numpy as np

from dioptre.imaging.exemplar import continue_texture, match_texture


def _tiles() -> np.ndarray:
    """Return a random picture that repeats every 20 pixels in both directions."""
    tile = np.random.default_rng(5).random((20, 20, 3)).astype(np.float32)
    return np.tile(tile, (6, 6, 1))


def _hole() -> np.ndarray:
    hole = np.zeros((120, 120), bool)
    hole[50:68, 48:66] = True
    return hole


def test_a_repeating_picture_is_restored() -> None:
    picture, hole = _tiles(), _hole()
    flat = np.zeros(hole.shape, np.float32)
    found = continue_texture(np.where(hole[..., None], 0, picture), hole, ~hole, disparity=flat, behind=flat)
    assert found is not None
    error = np.abs(found.filled - picture)[hole]
    assert np.median(error) < 0.02
    np.testing.assert_array_equal(found.filled[~hole], picture[~hole])


def test_sources_are_allowed_and_inside() -> None:
    picture, hole = _tiles(), _hole()
    source = ~hole
    source[:, 70:] = False
    flat = np.zeros(hole.shape, np.float32)
    found = continue_texture(picture, hole, source, disparity=flat, behind=flat)
    assert found is not None
    rows, columns = np.nonzero(found.near)
    moves = found.moves[rows, columns]
    assert source[rows + moves[:, 0], columns + moves[:, 1]].all()


def test_depth_decides_between_equal_textures() -> None:
    picture, hole = _tiles(), _hole()
    near = np.zeros(hole.shape, np.float32)
    near[:, :48] = 1.0
    found = continue_texture(picture, hole, ~hole, disparity=near, behind=np.zeros_like(near))
    assert found is not None
    columns = np.nonzero(found.near)[1] + found.moves[found.near][:, 1]
    assert (columns >= 48).mean() > 0.95


def test_without_sources_there_is_nothing() -> None:
    picture, hole = _tiles(), _hole()
    flat = np.zeros(hole.shape, np.float32)
    assert continue_texture(picture, hole, np.zeros_like(hole), disparity=flat, behind=flat) is None


def test_matches_look_like_the_content_that_a_hole_keeps() -> None:
    y, x = np.mgrid[:96, :96]
    wave = (0.5 + 0.3 * np.sin(x / 3) * np.sin(y / 4)).astype(np.float32)
    picture = np.stack([wave, wave, 1 - wave], axis=-1)
    hole = (y - 48) ** 2 + (x - 48) ** 2 < 15**2
    source = (y - 48) ** 2 + (x - 48) ** 2 > 19**2
    flat = np.zeros(hole.shape, np.float32)
    matches = match_texture(picture, hole, source, disparity=flat, behind=flat)
    assert matches is not None
    np.testing.assert_array_equal(matches.filled, picture)
    down, across = (y + matches.moves[..., 0])[hole], (x + matches.moves[..., 1])[hole]
    assert source[down, across].all()
    error = np.abs(picture[down, across] - picture[hole])
    assert error.mean() < 0.03
    nothing = np.zeros_like(source)
    assert match_texture(picture, hole, nothing, disparity=flat, behind=flat) is None
