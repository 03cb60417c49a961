"""Windows around the areas in a map are cut out of pictures and put back."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.imaging.closer_look import Window, window_at, window_round

SIDE = 320


def shown(rows: slice, columns: slice) -> np.ndarray:
    probability = np.zeros((SIDE, SIDE), np.float32)
    probability[rows, columns] = 1.0
    return probability


@pytest.mark.parametrize(("rows", "columns"), [(slice(0, 0), slice(0, 0)), (slice(30, 290), slice(20, 300))])
def test_nothing_and_nearly_everything_have_no_window(rows: slice, columns: slice) -> None:
    assert window_round(shown(rows, columns), (640, 960)) is None


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(60, 280), slice(150, 160)), (slice(200, 210), slice(40, 240)), (slice(5, 6), slice(7, 8))],
)
def test_a_window_is_neither_a_strip_nor_a_speck(rows: slice, columns: slice) -> None:
    window = window_round(shown(rows, columns), (600, 600))
    assert window is not None
    assert 64 <= min(window.height, window.width) <= max(window.height, window.width)
    assert max(window.height, window.width) <= 1.5 * min(window.height, window.width) + 1


def test_a_map_and_a_plane_show_the_same_in_a_window() -> None:
    y = np.mgrid[:SIDE, :SIDE][0].astype(np.float32) + 0.5
    map_of_rows = np.clip(y / SIDE, 0, 1)  # Each value is the position of its row, at the pixel's centre.
    window = Window(top=200, left=90, height=160, width=320, size=(640, 960))
    seen = window.of_map(map_of_rows)
    expected = (200 + y * 160 / SIDE) / 640
    np.testing.assert_allclose(seen[8:-8], expected[8:-8], atol=2e-3)
    plane = np.arange(640 * 960, dtype=np.float32).reshape(640, 960)
    whole = window.put(window.of(plane))
    np.testing.assert_array_equal(whole[200:360, 90:410], plane[200:360, 90:410])
    assert whole.astype(bool).sum() == 160 * 320


def test_sides_of_the_picture_are_not_crossed() -> None:
    everything = np.ones((SIDE, SIDE), bool)
    assert Window(top=0, left=0, height=60, width=100, size=(100, 100)).sides_crossed(everything) == 1
    assert Window(top=20, left=10, height=60, width=60, size=(100, 100)).sides_crossed(everything) == 4
    assert Window(top=20, left=10, height=60, width=60, size=(100, 100)).sides_crossed(~everything) == 0


def test_a_window_round_a_point_is_moved_into_the_picture() -> None:
    window = window_at((5, 380), 0.25, (400, 800))
    assert window == Window(top=300, left=0, height=100, width=200, size=(400, 800))
    assert window.place((5, 380), SIDE) == (256, 8)
    assert window.place((0, 400), SIDE) == (319, 0)
