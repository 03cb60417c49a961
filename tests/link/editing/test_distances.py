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
    described = next(one for one in BLUR.parameters if one.name == "known_distance")
    assert picking.words_of(described, ()) == "none"
    assert picking.words_of(described, state.options["known_distance"]) == "2.1 m, 12 m"


def test_a_second_distance_for_the_same_point_replaces_the_first() -> None:
    state = enter(enter(states.clicked(opened(), 0.5, 0.5, (101, 51)), 2.0), 3.0)
    assert state.options["known_distance"] == ((50.0, 25.0, 3.0),)
    assert distances.shown_m(state) == 3.0


def test_the_field_shows_a_distance_that_is_known_or_entered() -> None:
    state = opened()
    assert distances.shown_m(state) is None
    assert distances.shown_m(states.changed(state, "nearest_m", 1.75)) == pytest.approx(3.5)
    assert not distances.can_enter(state)  # no place was clicked
    assert distances.entered(state, 2.0) == {}
    assert distances.can_enter(states.clicked(state, 0.5, 0.5, (101, 51)))
    assert distances.shown_m(opened(0.0)) is None  # infinitely far
    elsewhere = states.changed(states.clicked(state, 0.5, 0.5, (101, 51)), "focal_disparity", 0.2)
    assert not distances.can_enter(elsewhere)  # the focus is no longer at the clicked point


def test_without_a_clicked_point_the_focus_moves_to_the_entered_distance() -> None:
    state = states.changed(opened(), "nearest_m", 2.0)
    assert distances.can_enter(state)
    state = states.changed_all(state, distances.entered(state, 8.0))
    assert state.options["focal_disparity"] == pytest.approx(0.25)
    assert distances.shown_m(state) == pytest.approx(8.0)


def test_automatic_distances_are_shown() -> None:
    assert not {"nearest_m", "farthest_m", "focus_m"} & set(opened().automatic)
    state = states.changed(opened(), "nearest_m", 1.75)
    assert state.automatic["nearest_m"] == pytest.approx(1.75)
    assert state.automatic["focus_m"] == pytest.approx(3.5)
    assert "farthest_m" not in state.automatic


def two_places() -> states.State:
    state = enter(states.clicked(opened(), 0.0, 0.0, (101, 51)), 2.1)
    return enter(states.clicked(state, 1.0, 1.0, (101, 51)), 12.0)


def test_each_place_is_marked_with_its_distance() -> None:
    state = two_places()
    assert picking.worded(BLUR, state.options, (101, 51)) == [((0.0, 0.0), "2.1 m"), ((1.0, 1.0), "12 m")]
    assert picking.worded(OPERATIONS["white_balance"], {}, (101, 51)) == []


@pytest.mark.parametrize("name", ["lens_blur", "portrait"])
def test_an_alt_click_on_a_mark_removes_its_distance(name: str) -> None:
    operation, known = OPERATIONS[name], ((10.0, 10.0, 2.1), (90.0, 40.0, 12.0))
    options = {**operation.defaults(), "known_distance": known}
    left = picking.clicked(operation, options, (91.0, 40.0), (101, 51), picking.Click.REMOVE)
    assert left == {**options, "known_distance": known[:1]}
    elsewhere = picking.clicked(operation, options, (50.0, 40.0), (101, 51), picking.Click.REMOVE)
    assert elsewhere is not None
    assert elsewhere["known_distance"] == known


def test_a_click_on_a_mark_chooses_its_place_again() -> None:
    state = states.clicked(two_places(), 0.01, 0.0, (101, 51))
    assert state.point == (0.0, 0.0)
    assert distances.shown_m(state) == 2.1
    assert enter(state, 3.0).options["known_distance"] == ((100.0, 50.0, 12.0), (0.0, 0.0, 3.0))
    assert states.clicked(two_places(), 0.1, 0.0, (101, 51)).point == (10.0, 0.0)


@pytest.mark.parametrize(
    ("mark", "place"),
    [
        ((50.0, 30.0), (63.0, 23.0)),
        ((95.0, 30.0), (52.0, 23.0)),  # at the right end, the text is left of the mark
        ((50.0, 0.0), (63.0, 0.0)),
        ((50.0, 60.0), (63.0, 46.0)),
    ],
)
def test_the_text_beside_a_mark_stays_in_the_picture(mark: tuple[float, float], place: tuple[float, float]) -> None:
    assert picking.tag_place(mark, (30.0, 14.0), (100.0, 60.0)) == place
