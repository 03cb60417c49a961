"""An option is declared once: a field of a class gives its type, and all that editors and commands show."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal, get_args, get_type_hints

import pytest

from dioptre_link import catalogue
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.operation import Box, Distances, Kind, Operation, Options, Point, Points, option
from dioptre_link.strokes import Strokes


@dataclass(frozen=True, kw_only=True)
class Shared(Options, group="Shared"):
    size: int = option(2, 0, 9, label="Size", help="How large it is.")
    name: str = option("a", choices=("a", "b"), label="Name", help="Its name.", group="Names")


@dataclass(frozen=True, kw_only=True)
class More(Options):
    size: int = option(3, 0, 9, label="Size", help="How large it is.")
    place: Point | None = option(None, label="Place", help="Where it is.")
    places: Points = option((), label="Places", help="Where it is, too.")
    box: Box | None = option(None, label="Box", help="What it is in.")
    strokes: Strokes = option((), label="Strokes", help="What is painted.")
    distances: Distances = option((), label="Distances", help="How far it is.")


@dataclass(frozen=True, kw_only=True)
class Own(Shared, More, group="Own", simple=True):
    level: float | None = option(None, 0.0, 1.0, label="Level", help="How high it is.", unit="px")
    side: Literal["left", "right"] = option("left", label="Side", help="Which side it is on.")
    sharp: bool = option(True, label="Sharp", help="Whether it is sharp.", simple=False)


def test_own_options_precede_those_of_the_bases() -> None:
    names = [one.name for one in Own.parameters]
    assert names == [
        *("level", "side", "sharp", "size", "name", "place", "places", "box", "strokes", "distances"),
    ]


def test_the_types_give_kinds_and_choices() -> None:
    kinds = {one.name: one.kind for one in Own.parameters}
    assert list(kinds.values()) == [
        *(Kind.FLOAT, Kind.CHOICE, Kind.BOOLEAN, Kind.INTEGER, Kind.CHOICE),
        *(Kind.POINT, Kind.POINTS, Kind.BOX, Kind.STROKES, Kind.DISTANCES),
    ]
    assert {one.name: one.choices for one in Own.parameters if one.choices} == {
        "side": ("left", "right"),
        "name": ("a", "b"),
    }


def test_a_group_holds_unless_an_option_names_its_own() -> None:
    assert [(one.group, one.simple) for one in Own.parameters[:5]] == [
        *(("Own", True), ("Own", True), ("Own", False)),
        *(("Shared", False), ("Names", False)),
    ]


def test_a_subclass_gets_the_first_of_two_options_with_one_name() -> None:
    assert Own().size == 2
    assert next(one for one in Own.parameters if one.name == "size").group == "Shared"


def test_some_of_the_values_suffice() -> None:
    made = Own.of({"level": 0.5, "unknown": 1})
    assert made == Own(level=0.5)
    with pytest.raises(FrozenInstanceError):
        made.level = 1.0  # type: ignore[misc]


def test_an_unknown_word_in_a_description_is_refused() -> None:
    with pytest.raises(TypeError, match="labl"):

        @dataclass(frozen=True, kw_only=True)
        class Misspelt(Options):
            size: int = option(2, 0, 9, labl="Size", help="How large it is.")


@pytest.mark.parametrize("described", OPERATIONS.values(), ids=lambda described: described.name)
def test_every_default_is_a_value_of_its_option(described: Operation) -> None:
    assert described.check({}) == described.check(described.defaults()) == described.defaults()


@pytest.mark.parametrize("described", OPERATIONS.values(), ids=lambda described: described.name)
def test_an_option_may_be_none_exactly_if_it_can_be_automatic(described: Operation) -> None:
    hints = get_type_hints(described.options)
    for each in fields(described.options):
        assert (each.default is None) == (type(None) in get_args(hints[each.name])), each.name


def test_every_name_in_the_catalogue_is_that_of_an_option_or_a_choice() -> None:
    """Constants that repeat the name of a field would otherwise outlive it."""
    every = [one for described in OPERATIONS.values() for one in described.parameters]
    known = {one.name for one in every} | {choice for one in every for choice in one.choices}
    modules = [import_module(f"{catalogue.__name__}.{found.name}") for found in iter_modules(catalogue.__path__)]
    constants = [value for module in modules for name, value in vars(module).items() if name.isupper()]
    assert [value for value in constants if type(value) is str and value not in known] == []


@pytest.mark.parametrize("described", OPERATIONS.values(), ids=lambda described: described.name)
def test_a_description_refers_only_to_its_own_options(described: Operation) -> None:
    choices = {one.name: one.choices for one in described.parameters}
    named = {described.click_adds, described.click_removes, described.scaled_by, described.framed_by} - {""}
    assert named | set(described.click_resets) <= set(choices)
    for name, *values in (one.only_if for one in described.parameters if one.only_if):
        assert set(values) <= (set(choices[name]) or {None})
