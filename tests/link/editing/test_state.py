"""The state of a dialog, and how each event changes it; no editor is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.catalogue.focus import USUAL_FOCUS_RANGE
from dioptre_link.editing import state as states
from dioptre_link.editing import views
from dioptre_link.editing.events import Image, Shown, Step
from dioptre_link.editing.state import Phase, Store
from dioptre_link.errors import Cancelled, DioptreError, UsageError

PORTRAIT = OPERATIONS["portrait"]
PICTURE = Image(width=1, height=1, channels=1, data=b"\0")
EXACT = Shown(after=PICTURE, values={"focal_disparity": 0.6}, messages=("Focused on the subject.",))


def shown_state() -> states.State:
    return states.arrived(states.reading(states.opened(PORTRAIT)), EXACT)


def test_after_is_marked_until_the_preview_has_caught_up() -> None:
    state = states.opened(PORTRAIT)
    assert (state.view, state.phase, state.can_make) == (views.AFTER, Phase.EMPTY, False)
    state = states.reading(state)
    assert state.busy
    assert state.out_of_date
    state = states.arrived(state, EXACT)
    assert not state.busy
    assert not state.out_of_date
    state = states.changed(state, "f_number", 1.4)
    assert state.busy
    assert state.out_of_date
    assert state.shown == EXACT  # The preview is still shown, but marked as out of date.
    assert not states.chose_view(state, views.BEFORE).out_of_date


def test_a_draft_replaces_the_picture_and_leaves_what_was_decided() -> None:
    other = Image(width=1, height=1, channels=1, data=b"\1")
    state = states.arrived(states.changed(shown_state(), "f_number", 1.4), Shown(draft=True, after=other))
    assert state.phase is Phase.DRAFT
    assert state.shown is not None
    assert state.shown.after == other
    assert state.decided == {"focal_disparity": 0.6}
    assert state.out_of_date


def test_a_click_makes_what_the_former_focus_decided_unknown_until_its_own_draft() -> None:
    state = states.arrived(shown_state(), replace(EXACT, depth=PICTURE, subject=PICTURE))
    state = states.clicked(state, 0.5, 0.5, (101, 41))
    assert (state.sharp, state.decided) == (None, {})
    assert state.shown is not None
    assert (state.shown.after, state.shown.depth, state.shown.subject) == (PICTURE, PICTURE, None)
    drafted = states.arrived(state, Shown(draft=True, after=PICTURE, values={"focal_disparity": 0.2}))
    assert drafted.decided == {"focal_disparity": 0.2}
    automatic = states.changed(states.arrived(drafted, EXACT), "focus", None)
    assert automatic.decided == {}


def test_beside_a_draft_stands_no_step_that_is_over() -> None:
    state = states.stepped(
        states.changed(shown_state(), "f_number", 1.4), Step(fraction=1.0, phase="Transferring the layers")
    )
    state = states.arrived(state, Shown(draft=True, after=PICTURE))
    assert state.busy
    assert (state.message, state.fraction) == ("", 0.0)


def test_a_click_sets_the_point_and_clears_what_would_override_it() -> None:
    state = states.changed(shown_state(), "focal_disparity", 0.3)
    state = states.clicked(state, 1.0, 0.5, (101, 41))
    assert state.point == (100.0, 20.0)
    assert state.options["focal_disparity"] is None
    assert states.changed(state, "focus", None).point is None


def test_the_amount_and_the_radius_of_the_blur_each_change_it() -> None:
    state = states.changed(states.changed(shown_state(), "f_number", 4.0), "max_radius", 40.0)
    assert state.options["max_radius"] == 40.0
    for f_number in (4.0, 1.4):
        assert states.changed(state, "f_number", f_number).options["max_radius"] is None
    both = states.changed_all(state, {"max_radius": 20.0, "f_number": 1.4})
    assert (both.options["f_number"], both.options["max_radius"]) == (1.4, 20.0)


def test_the_next_picture_keeps_the_style_and_nothing_of_the_last_picture() -> None:
    state = shown_state()
    stroke = {"keep": True, "radius": 0.05, "points": [[0.1, 0.3]]}
    changes = {"focal_disparity": 0.3, "focus_range": 0.4, "focus": (3, 4), "strokes": [stroke], "f_number": 1.4}
    for name, value in changes.items():
        state = states.changed(state, name, value)
    options = states.of_next_picture(state).options
    assert options == states.changed(shown_state(), "f_number", 1.4).options
    back = states.of_next_picture(states.of_next_picture(state), states.of_this_picture(state))
    assert back.options == state.options


def test_setting_the_same_values_requests_no_preview() -> None:
    state = shown_state()
    assert states.changed_all(state, PORTRAIT.defaults()) == state
    clicked = states.arrived(states.clicked(state, 0.5, 0.5, (101, 41)), EXACT)
    assert not states.clicked(clicked, 0.5, 0.5, (101, 41)).busy


def test_a_closed_document_allows_neither_a_preview_nor_a_result() -> None:
    state = states.closed(states.working(shown_state()), DioptreError("The document was closed."))
    assert (state.busy, state.can_make, state.message) == (False, False, "The document was closed.")
    assert not states.changed(state, "f_number", 1.4).busy


def test_a_click_moves_the_part_that_an_enlargement_shows() -> None:
    state = states.opened(OPERATIONS["super_resolution"])
    assert states.clicked(state, 0.25, 0.75, (100, 100)).place == (0.25, 0.75)


def test_wrong_values_are_refused_and_change_nothing() -> None:
    state = shown_state()
    with pytest.raises(UsageError):
        states.changed(state, "f_number", 0.0)


def test_failures_are_said_and_cancels_are_not() -> None:
    state = states.failed(states.working(shown_state()), DioptreError("No memory.", hint="Close something."))
    assert (state.phase, state.message, state.hint, state.working) == (
        Phase.FAILED,
        "No memory.",
        "Close something.",
        False,
    )
    state = states.failed(states.working(shown_state()), Cancelled())
    assert state.phase is Phase.READY
    assert state.can_make


def test_the_focus_range_is_the_usual_one_unless_chosen() -> None:
    state = shown_state()
    for changed, reach in ((state, USUAL_FOCUS_RANGE), (states.changed(state, "focus_range", 0.2), 0.2)):
        reach += changed.lens_reach
        assert changed.sharp == pytest.approx((0.6 - reach, 0.6 + reach))


def test_observers_hear_changes_alone() -> None:
    store = Store(states.opened(PORTRAIT))
    heard: list[tuple[Phase, Phase]] = []
    stop = store.observe(lambda old, new: heard.append((old.phase, new.phase)))
    store.set(store.state)
    store.set(states.reading(store.state))
    stop()
    store.set(states.stepped(store.state, Step(fraction=0.5, phase="Blurring")))
    assert heard == [(Phase.EMPTY, Phase.READING)]


def test_advice_about_options_is_left_out_where_there_are_none() -> None:
    shown = Shown(after=PICTURE, messages=("Unchanged.", *states.ADVICE))
    opened = states.reading(states.opened(OPERATIONS["white_balance"]))
    assert "Keep warmth" in states.arrived(opened, shown).message
    assert states.arrived(replace(opened, fixed=True), shown).message == "Unchanged."


def test_what_changes_besides_the_options_asks_for_another_preview() -> None:
    assert states.asked(shown_state()).phase is Phase.WAITING
    assert states.asked(states.opened(PORTRAIT)).phase is Phase.EMPTY


def test_a_comparison_lasts_for_as_long_as_it_is_held() -> None:
    state = states.chose_view(shown_state(), views.DEPTH)
    held = states.compared(states.compared(state, holds=True), holds=True)  # A held key repeats.
    assert held.view == views.BEFORE
    assert states.compared(held, holds=False) == state
    assert states.compared(state, holds=False) == state
    other = states.chose_view(held, views.FOCUS)
    assert states.compared(other, holds=False).view == views.FOCUS


def test_the_canvas_asks_for_a_preview_of_its_own_size() -> None:
    state = states.showed_on_canvas(shown_state(), on=True)
    assert (state.on_canvas, state.phase) == (True, Phase.WAITING)
    assert states.showed_on_canvas(state, on=True) == state
    assert states.showed_on_canvas(states.opened(PORTRAIT), on=True).phase is Phase.EMPTY
