"""The typed options of every operation equal its description: names, types, choices and defaults."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from dioptre.recipes.apply import runner_of
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.operation import LISTS, Kind, Parameter
from dioptre_link.strokes import Strokes

TYPES: dict[Kind, tuple[Any, ...]] = {
    Kind.FLOAT: (float,),
    Kind.INTEGER: (int, float),
    Kind.BOOLEAN: (bool,),
    Kind.CHOICE: (str,),
    Kind.POINT: (tuple[float, float],),
    Kind.POINTS: (tuple[tuple[float, float], ...],),
    Kind.BOX: (tuple[float, float, float, float],),
    Kind.STROKES: (Strokes,),
    Kind.DISTANCES: (tuple[tuple[float, float, float], ...],),
}


def fits(hint: Any, parameter: Parameter) -> bool:
    """Whether the type of a field holds the parameter's values, and None exactly if it has an automatic value."""
    automatic = parameter.default is None and parameter.kind not in LISTS
    if automatic != (type(None) in get_args(hint)):
        return False
    if automatic:
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is Literal:
        return set(get_args(hint)) == set(parameter.choices)
    return hint in TYPES[parameter.kind]


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_typed_options_are_those_of_the_description(name: str) -> None:
    kind, described = runner_of(name)[0], OPERATIONS[name]
    hints = get_type_hints(kind)
    assert {field.name: field.default for field in fields(kind)} == described.defaults()
    assert [one.name for one in described.parameters if not fits(hints[one.name], one)] == []
    assert vars(kind(**described.check({}))) == described.defaults()
