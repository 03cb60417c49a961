"""The focus range that results from a drag or a key press."""

from __future__ import annotations

import pytest

from dioptre_link.editing import focus_range
from dioptre_link.editing.focus_range import Grip

SHARP = (0.4, 0.6)


@pytest.mark.parametrize(
    ("at", "grip"), [(0.41, Grip.END), (0.58, Grip.END), (0.5, Grip.MIDDLE), (0.1, Grip.MIDDLE)]
)
def test_a_press_near_an_end_takes_that_end(at: float, grip: Grip) -> None:
    assert focus_range.grip_at(SHARP, at, 0.025) is grip


def test_a_drag_of_the_middle_moves_the_focus_and_keeps_the_clicked_point() -> None:
    dragged = focus_range.dragged(SHARP, Grip.MIDDLE, 0.75)
    assert dragged == {"focal_disparity": 0.75, "focus_m": None}


@pytest.mark.parametrize("at", [0.3, 0.7])
def test_a_drag_of_either_end_widens_both(at: float) -> None:
    assert focus_range.dragged(SHARP, Grip.END, at) == {"focus_range": 0.2}


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("left", {"focal_disparity": 0.48, "focus_m": None}),
        ("right", {"focal_disparity": 0.52, "focus_m": None}),
        ("up", {"focus_range": 0.11}),
        ("down", {"focus_range": 0.09}),
    ],
)
def test_arrow_keys_move_and_widen_the_range(key: str, options: dict[str, float | None]) -> None:
    assert focus_range.nudged(SHARP, key) == options


def test_the_option_is_what_the_range_has_beyond_the_lenss_own() -> None:
    assert focus_range.dragged(SHARP, Grip.END, 0.7, lens_reach=0.04) == {"focus_range": 0.16}
    assert focus_range.dragged(SHARP, Grip.END, 0.51, lens_reach=0.04) == {"focus_range": 0.0}
    assert focus_range.nudged(SHARP, "up", lens_reach=0.04) == {"focus_range": 0.07}
    assert focus_range.fixed(SHARP, lens_reach=0.1) == {"focus_range": 0.0}


@pytest.mark.parametrize(
    ("sharp", "words"),
    [
        (None, "far ← → near"),
        ((0.0, 1.0), "far ← → near"),
        ((-0.1, 0.3), "everything far is sharp"),
        ((0.8, 1.1), "everything near is sharp"),
        ((-0.1, 1.1), "everything is sharp"),
    ],
)
def test_an_end_beyond_the_histogram_is_told(sharp: focus_range.Range | None, words: str) -> None:
    assert focus_range.ends_words(sharp) == words


def test_values_stay_between_0_and_1() -> None:
    assert focus_range.nudged((-0.1, 0.1), "left")["focal_disparity"] == 0.0
    assert focus_range.dragged(SHARP, Grip.MIDDLE, 1.3)["focal_disparity"] == 1.0
    assert focus_range.nudged((0.5, 0.5), "down") == {"focus_range": 0.0}


def test_automatic_and_fixed_are_opposites() -> None:
    options = {"focus_range": None, "focal_disparity": None}
    assert focus_range.is_automatic(options)
    assert not focus_range.is_automatic({**options, **focus_range.fixed(SHARP)})
    assert not focus_range.is_automatic({**options, "focus_m": 2.0})
    assert focus_range.is_automatic({"focus_range": 0.2, "focal_disparity": 0.5, **focus_range.AUTOMATIC})
