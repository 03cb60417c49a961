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


def test_a_window_has_a_margin_on_all_sides() -> None:
    window = window_round(shown(slice(80, 160), slice(80, 160)), (640, 960))
    assert window == Window(top=136, left=204, height=208, width=312, size=(640, 960))


def test_a_window_stays_in_the_picture() -> None:
    window = window_round(shown(slice(0, 80), slice(280, 320)), (640, 960))
    assert window is not None
    assert (window.top, window.left + window.width) == (0, 960)


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


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (40, 30)])
def test_pictures_smaller_than_a_window_have_none(size: tuple[int, int]) -> None:
    assert window_round(shown(slice(100, 200), slice(100, 200)), size) is None


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


def test_a_window_of_a_reduced_picture_is_the_same_part() -> None:
    window = Window(top=136, left=204, height=208, width=312, size=(640, 960))
    assert window.at((640, 960)) is window
    assert window.at((320, 480)) == Window(top=68, left=102, height=104, width=156, size=(320, 480))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 5)])
def test_a_window_of_a_tiny_picture_has_pixels(size: tuple[int, int]) -> None:
    tiny = Window(top=630, left=0, height=10, width=20, size=(640, 960)).at(size)
    assert tiny.of(np.zeros(size, np.float32)).size > 0
