"""Clicks, with and without modifier keys, and boxes change the right options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.catalogue.subject import SubjectOptions
from dioptre_link.editing import picking
from dioptre_link.editing import state as states
from dioptre_link.editing.picking import Click, Mark
from dioptre_link.operation import MOST_POINTS, Box, Memory, Operation, option

SIZE = (201, 101)


@dataclass(frozen=True, kw_only=True)
class PickOptions(SubjectOptions):
    box: Box | None = option(None, label="Box", help="")


WITHOUT_POINT = Operation(
    name="pick",
    title="Pick",
    help="",
    options=PickOptions,
    inputs=(),
    outputs=(),
    memory=Memory(fixed_mib=0, bytes_per_pixel=0),
    click_adds="subject",
    click_removes="not_subject",
)


def click(state: states.State, x: float, y: float, how: Click = Click.CHOOSE) -> states.State:
    return states.clicked(state, x, y, SIZE, click=how)


def places(state: states.State) -> tuple[Any, ...]:
    return tuple(state.options.get(name) for name in ("focus", "subject", "not_subject"))


def test_keys_say_what_a_click_does() -> None:
    none = {"shift": False, "alt": False, "control": False}
    assert picking.click_of(**none) is Click.CHOOSE
    assert picking.click_of(**{**none, "shift": True}) is Click.ADD
    for key in ("alt", "control"):  # With some window managers, Alt is reserved for the desktop.
        assert picking.click_of(**{**none, key: True}) is Click.REMOVE


def test_a_plain_click_chooses_and_starts_over() -> None:
    state = states.opened(OPERATIONS["portrait"])
    state = click(state, 0.5, 0.5)
    state = click(state, 1.0, 0.0, Click.ADD)
    state = click(state, 0.0, 1.0, Click.REMOVE)
    assert places(state) == ((100.0, 50.0), ((200.0, 0.0),), ((0.0, 100.0),))
    assert places(click(state, 0.0, 0.0)) == ((0.0, 0.0), (), ())


def test_without_a_point_a_plain_click_adds() -> None:
    state = click(states.opened(WITHOUT_POINT), 0.5, 0.5)
    assert places(state) == (None, ((100.0, 50.0),), ())


def test_a_click_of_the_other_kind_takes_one_back() -> None:
    state = click(states.opened(WITHOUT_POINT), 0.5, 0.5, Click.REMOVE)
    assert places(click(state, 0.505, 0.5)) == (None, (), ())
    assert places(click(state, 0.6, 0.5)) == (None, ((120.0, 50.0),), ((100.0, 50.0),))


def test_keys_are_nothing_to_an_operation_that_picks_nothing() -> None:
    state = states.opened(OPERATIONS["lens_blur"])
    assert click(state, 0.5, 0.5, Click.REMOVE).options["focus"] == (100.0, 50.0)


def test_lights_are_added_and_taken_back() -> None:
    state = click(click(states.opened(OPERATIONS["light"]), 0.5, 0.5), 0.25, 0.5, Click.ADD)
    assert (state.options["light_at"], state.options["more_lights"]) == ((100.0, 50.0), ((50.0, 50.0),))
    assert click(state, 0.9, 0.9, Click.REMOVE) is state
    assert click(state, 0.252, 0.5, Click.REMOVE).options["more_lights"] == ()


def test_a_box_starts_over_and_a_tiny_one_is_none() -> None:
    state = click(states.opened(WITHOUT_POINT), 0.5, 0.5)
    boxed = states.boxed(state, (0.75, 1.2), (0.25, 0.5), SIZE)
    assert boxed.options["box"] == (50.2, 50.5, 150.8, 101.0)
    assert boxed.options["subject"] == ()
    assert picking.box_places(boxed.operation, boxed.options, SIZE) == pytest.approx(
        (0.25, 0.5, 0.5, 0.5), abs=0.01
    )
    assert states.boxed(state, (0.5, 0.5), (0.505, 0.9), SIZE) is state


def test_marks_are_where_the_clicks_were() -> None:
    state = click(states.opened(WITHOUT_POINT), 0.25, 0.5)
    state = click(state, 0.75, 0.5, Click.REMOVE)
    marked = picking.marked(state.operation, state.options, SIZE)
    assert marked == [((0.25, 0.5), Mark.ADDED), ((0.75, 0.5), Mark.REMOVED)]


def test_too_many_points_are_refused_in_words() -> None:
    state = states.opened(WITHOUT_POINT, {"subject": [(place, 0) for place in range(MOST_POINTS)]})
    refused = click(state, 0.5, 0.5)
    assert refused.options == state.options
    assert refused.message


def test_lights_are_dragged_and_the_wheel_sets_their_strength() -> None:
    light = OPERATIONS["light"]
    state = click(states.opened(light), 0.5, 0.5)
    for x in (0.1, 0.2):
        state = click(state, x, 0.5, Click.ADD)
    assert [name for _, name, _ in picking.places(light, state.options)] == ["light_at", *2 * ["more_lights"]]
    state = states.moved(state, 2, (1.0, 1.0), SIZE)
    assert state.options["more_lights"] == ((20.0, 50.0), (200.0, 100.0))
    state = states.scrolled(states.moved(state, 0, (0.0, 0.0), SIZE), 3)
    assert state.options["light_at"] == (0.0, 0.0)
    assert [words for _, words in picking.worded(light, state.options, SIZE)] == 3 * ["1.10"]
    assert states.scrolled(state, 99).options["strength"] == 4.0


def test_a_dragged_focus_is_a_click_at_its_new_place() -> None:
    blur = states.changed(click(states.opened(OPERATIONS["lens_blur"]), 0.5, 0.5), "focal_disparity", 0.5)
    assert states.moved(blur, 0, (1.0, 0.0), SIZE).options == click(blur, 1.0, 0.0).options


def test_a_dragged_focus_keeps_the_subjects_that_were_added_and_removed() -> None:
    state = click(states.opened(OPERATIONS["portrait"]), 0.5, 0.5)
    state = click(click(state, 0.2, 0.2, Click.ADD), 0.8, 0.8, Click.REMOVE)
    moved = states.moved(state, 0, (1.0, 0.0), SIZE)
    differs = {name for name, value in moved.options.items() if value != state.options[name]}
    assert differs == {picking.places(state.operation, state.options)[0][1]}


def test_the_hint_of_placing_tells_what_the_click_has_done() -> None:
    place = OPERATIONS["place"]
    assert "to give the layer its depth" in picking.hint(place)
    assert "the depth of the ring" in picking.hint(place, chosen=True)
    assert picking.hint(OPERATIONS["portrait"], chosen=True) == picking.hint(OPERATIONS["portrait"])
