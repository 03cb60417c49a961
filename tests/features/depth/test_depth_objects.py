"""The pass of depth estimation on crops around small objects; fake networks read the depth from grey values."""

from __future__ import annotations

from itertools import product

import numpy as np

from dioptre.features.depth.objects import windows_round_objects, with_objects
from dioptre.imaging.resize import resize

from .test_depth_detail import coarse_of, network, picture, ramp

SIZE = (400, 600)
MAP_SIZE = (512, 768)  # of the map after the second pass
# A person on the floor: rows of the head and of the body, and their columns.
HEAD, BODY, HEAD_COLUMNS, BODY_COLUMNS = (120, 150), (150, 260), (290, 310), (275, 325)


def street(*, head: float = 0.75) -> np.ndarray:
    """A floor with a person, whose body has a disparity of 0.75."""
    inverse = ramp(SIZE)
    inverse[slice(*BODY), slice(*BODY_COLUMNS)] = 0.75
    inverse[slice(*HEAD), slice(*HEAD_COLUMNS)] = head
    return inverse


def at(result: np.ndarray, row: int, column: int) -> float:
    """Return the value of a map at a pixel of the picture."""
    return float(resize(result, SIZE, method="area")[row, column])


def map_of(inverse: np.ndarray) -> np.ndarray:
    return resize(inverse, MAP_SIZE, method="bilinear")


def test_a_head_that_only_a_crop_shows_as_near_as_the_body_is_brought_there() -> None:
    result = with_objects(picture(street()), map_of(street(head=0.5)), network(lambda crop, _: 5 * crop - 2))
    assert abs(at(result, 205, 300) - 0.75) < 0.05
    assert abs(at(result, 135, 300) - 0.75) < 0.06


def test_what_is_outside_the_windows_stays_to_the_bit() -> None:
    coarse = map_of(street(head=0.5))
    result = with_objects(picture(street()), coarse, network(lambda crop, _: 5 * crop - 2))
    (window,) = windows_round_objects(coarse)
    outside = window.put(np.ones((window.height, window.width), np.float32)) == 0
    np.testing.assert_array_equal(result[outside], coarse[outside])
    assert (result[~outside] != coarse[~outside]).any()


def test_at_most_four_objects_are_seen_closer_in_whole_batches() -> None:
    inverse = np.full(SIZE, 0.2, np.float32)
    for row, column in product((40, 180, 320), (40, 280, 520)):
        inverse[row : row + 40, column : column + 40] = 0.5 + column / 2000
    windows = windows_round_objects(coarse_of(inverse))
    assert len(windows) == 4
    assert [window.left > 300 for window in windows] == [True, True, True, False]  # the nearest objects come first
    for count, shown in ((4, inverse), (2, street())):
        counted = network(lambda crop, _: crop)
        with_objects(picture(shown), map_of(shown), counted)
        assert sum(counted.runs) == count
        assert set(counted.runs) == {2}


def test_a_picture_without_small_objects_is_left_alone() -> None:
    wide = ramp(SIZE)
    wide[150:300, 100:450] = 0.8
    tall = ramp(SIZE)
    tall[10:390, 280:330] += 0.4
    flat = np.full(SIZE, 0.5, np.float32)
    for inverse in (ramp(SIZE), wide, tall, flat):
        coarse, counted = map_of(inverse), network(lambda crop, _: crop)
        assert with_objects(picture(inverse), coarse, counted) is coarse
        assert not counted.runs


def test_a_crop_that_contradicts_the_map_is_ignored() -> None:
    coarse = map_of(street())
    for output in (lambda crop, _: 1 - crop, lambda crop, _: 0 * crop):
        np.testing.assert_array_equal(with_objects(picture(street()), coarse, network(output)), coarse)
