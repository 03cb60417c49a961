"""What the rows of options show of a state, and what the user's input changes."""

from __future__ import annotations

from typing import Any

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing import rows
from dioptre_link.editing import state as states
from dioptre_link.editing.events import Image, Shown
from dioptre_link.editing.state import State
from dioptre_link.operation import Parameter

PICTURE = Image(width=1, height=1, channels=1, data=b"\0")


def option(operation: str, name: str) -> Parameter:
    return next(one for one in OPERATIONS[operation].parameters if one.name == name)


def opened(operation: str, decided: dict[str, Any] | None = None, **options: Any) -> State:
    state = states.reading(states.opened(OPERATIONS[operation], options))
    return states.arrived(state, Shown(after=PICTURE, values=decided or {}))


@pytest.mark.parametrize(
    ("operation", "name", "value", "text"),
    [
        ("portrait", "f_number", 2.8, "f/2.8"),
        ("portrait", "blades", 5, "5"),
        ("motion_blur", "length", 3.0, "3.00 %"),
        ("white_balance", "temperature", 5500.0, "5500 K"),
    ],
)
def test_a_number_is_shown_with_its_unit_and_typed_with_or_without(
    operation: str, name: str, value: float, text: str
) -> None:
    row, state = rows.Number(option(operation, name)), opened(operation, **{name: value})
    assert row.text(state) == text
    assert row.typed(f" {text} ", state) == row.typed("many", state) == {}
    other = states.changed(state, name, option(operation, name).maximum)
    assert row.typed(text, other) == row.typed(text.replace(".", ","), other) == {name: value}


def test_a_number_is_kept_within_its_range_and_has_the_digits_that_are_shown() -> None:
    row = rows.Number(option("portrait", "f_number"))
    state = opened("portrait")
    assert row.typed("1000", state) == {"f_number": row.most}
    assert row.entered(2.34567) == {"f_number": 2.3}
    assert row.slid(1.0) == {"f_number": row.least}  # the strongest blur is at the right end
    assert row.place(states.changed_all(state, row.slid(0.25))) == pytest.approx(0.25, abs=1e-2)
    assert isinstance(rows.Number(option("portrait", "blades")).slid(0.4)["blades"], int)


def test_a_limit_with_more_digits_than_shown_is_not_passed() -> None:
    row = rows.Number(option("portrait", "nearest_m"))
    assert row.typed("0", opened("portrait", nearest_m=2.0)) == {"nearest_m": row.least}
    assert round(row.least, row.digits) < row.least


def test_an_automatic_number_is_the_one_that_the_preview_decided() -> None:
    row, state = rows.Number(option("white_balance", "temperature")), opened("white_balance")
    assert row.is_automatic(state)
    assert (row.text(state), row.place(state)) == ("", None)
    assert row.ticked(False, state) == row.slid(0.5)
    state = opened("white_balance", {"temperature": 4321.0})
    assert row.text(state) == "4321 K"
    assert row.ticked(False, state) == {"temperature": 4321.0}
    assert row.ticked(True, states.changed(state, "temperature", 3000.0)) == {"temperature": None}


def test_the_blur_amount_shows_no_number_while_a_radius_overrides_it() -> None:
    row, state = rows.Number(option("portrait", "f_number")), opened("portrait", f_number=2.0, max_radius=50.0)
    assert (row.text(state), row.place(state)) == ("", None)
    state = states.changed_all(state, row.typed("f/2.0", state))
    assert (row.text(state), state.options["max_radius"]) == ("f/2.0", None)


def test_the_focus_distance_is_typed() -> None:
    row, state = rows.Distance(), opened("lens_blur", {"focal_disparity": 0.5}, nearest_m=1.75)
    assert row.text(state) == "3.50 m"
    assert row.typed("3.5", opened("lens_blur")) == row.typed("3.50", state) == row.typed("m", state) == {}
    assert row.text(states.changed_all(state, row.typed("7,0 m", state))) == "7.00 m"


def test_a_focus_becomes_automatic_again_with_all_that_stands_in_for_it() -> None:
    row = rows.Places(option("portrait", "focus"))
    (button,) = row.buttons
    state = opened("portrait", subject=((1.0, 2.0),))
    assert row.text(state) == "automatic"
    assert not button.enabled(state)
    for fixed in ({"focus": (10.0, 20.4)}, {"focal_disparity": 0.3}, {"focus_m": 2.0}):
        chosen = states.changed_all(state, fixed)
        assert button.enabled(chosen)
        assert states.changed_all(chosen, button.changes(chosen)).options == state.options
    assert row.text(states.changed(state, "focus", (10.0, 20.4))) == "10, 20 px"


def test_places_are_removed_one_by_one_or_all() -> None:
    row, points = rows.Places(option("select_subject", "subject")), ((1.0, 2.0), (3.0, 4.0))
    state = opened("select_subject", subject=points)
    undo, clear = row.buttons
    assert row.text(state) == "2 points"
    assert undo.changes(state) == {"subject": points[:1]}
    assert clear.changes(state) == {"subject": ()}
    assert not any(button.enabled(opened("select_subject")) for button in row.buttons)
    (clear,) = rows.Places(option("select_subject", "box")).buttons
    assert clear.changes(opened("select_subject", box=(1.0, 2.0, 30.0, 40.0))) == {"box": None}


@pytest.mark.parametrize(("given", "shown"), [(1920, "1200"), (800, "800")])
def test_a_number_that_the_picture_limits_is_shown_as_it_is_used(given: int, shown: str) -> None:
    row = rows.Number(option("film", "size"))
    assert row.text(opened("film", size=given)) == str(given)
    state = opened("film", {"size": 1200}, size=given)
    assert row.text(state) == shown
    assert row.place(state) == row.scale.position(min(given, 1200))
