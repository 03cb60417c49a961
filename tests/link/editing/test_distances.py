"""Known distances: the options that result from clicking a place and entering its distance."""

from __future__ import annotations

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing import distances, picking
from dioptre_link.editing import state as states
from dioptre_link.editing.events import Image, Shown

BLUR = OPERATIONS["lens_blur"]
PICTURE = Image(width=1, height=1, channels=1, data=b"\0")


def opened(disparity: float = 0.5) -> states.State:
    shown = Shown(after=PICTURE, values={"focal_disparity": disparity})
    return states.arrived(states.reading(states.opened(BLUR)), shown)


def enter(state: states.State, metres: float) -> states.State:
    for name, value in distances.entered(state, metres).items():
        state = states.changed(state, name, value)
    return state


def test_two_clicks_and_two_distances_give_two_points() -> None:
    state = states.changed(opened(), "nearest_m", 0.5)
    state = enter(states.clicked(state, 0.0, 0.0, (101, 51)), 2.1)
    state = enter(states.clicked(state, 1.0, 1.0, (101, 51)), 12.0)
    assert state.options["known_distance"] == ((0.0, 0.0, 2.1), (100.0, 50.0, 12.0))
    assert state.options["nearest_m"] is None
    described = next(one for one in BLUR.parameters if distances.is_entry(one))
    assert picking.words_of(described, ()) == "none"
    assert picking.words_of(described, state.options["known_distance"]) == "2.1 m, 12 m"


def test_a_second_distance_for_the_same_point_replaces_the_first() -> None:
    state = enter(enter(states.clicked(opened(), 0.5, 0.5, (101, 51)), 2.0), 3.0)
    assert state.options["known_distance"] == ((50.0, 25.0, 3.0),)
    assert distances.shown_m(state) == 3.0


def test_the_field_shows_the_assumed_distance_until_the_user_enters_another() -> None:
    state = opened()
    assert distances.shown_m(state) == pytest.approx(3.5)
    assert not distances.can_enter(state)  # no place was clicked
    assert distances.entered(state, 2.0) == {}
    assert distances.can_enter(states.clicked(state, 0.5, 0.5, (101, 51)))
    assert distances.shown_m(opened(0.0)) is None  # infinitely far
    elsewhere = states.changed(states.clicked(state, 0.5, 0.5, (101, 51)), "focal_disparity", 0.2)
    assert not distances.can_enter(elsewhere)  # the focus is no longer at the clicked point


def test_automatic_distances_are_shown() -> None:
    state = opened()
    assert state.automatic["nearest_m"] == pytest.approx(1.75)
    assert state.automatic["focus_m"] == pytest.approx(3.5)
    assert "farthest_m" not in state.automatic
