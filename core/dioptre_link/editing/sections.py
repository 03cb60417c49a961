"""Which rows an operation's options have: the first ones, and at most three sections of further ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from ..catalogue.blur import F_NUMBER
from ..catalogue.focus import FOCUS_RESETS
from ..catalogue.limit import FARTHEST
from ..language import Message
from ..operation import Kind, Operation, Parameter
from . import bokeh

FEW = 12
"""Number of options that can be seen at once without a search."""

_WITH_LENS = ("Lens", "Depth", "Layers")
_LENS_AND_DEPTH = Message("Lens and depth")


class Extra(Enum):
    """Rows beside those of single options."""

    DISTANCE = auto()  # the entry for the focus distance
    LIMIT = auto()  # the histogram of the range of depth
    SHAPES = auto()  # the shapes of the bokeh
    DISC = auto()  # pictures of the disc that the shape makes of a light


Part = Parameter | Extra


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of an operation.

    Attributes:
        first: those that are always shown.
        further: English titles, which may be empty, and the rows below them.
        folds: whether the sections are so many options that one of them is open at a time.
    """

    first: Sequence[Part]
    further: Sequence[tuple[str, Sequence[Part]]]
    folds: bool


def rows_of(operation: Operation) -> Rows:
    """Return the rows of all options but strokes, and those that the focus's rows set."""
    shown = [one for one in operation.parameters if one.kind is not Kind.STROKES and one.name not in FOCUS_RESETS]
    shown.sort(key=lambda one: one.name != F_NUMBER)
    further = [one for one in shown if not one.simple]
    if len(further) == len(shown):
        return Rows(first=[*_parts(shown)], further=[], folds=False)
    folds, found = len(further) > FEW, dict[str, list[Parameter]]()
    for parameter in further:
        joined = folds and parameter.group in _WITH_LENS
        found.setdefault(_LENS_AND_DEPTH if joined else parameter.group, []).append(parameter)
    first = [one for one in shown if one.simple]
    return Rows(
        first=[*_parts(first)], further=[(title, [*_parts(each)]) for title, each in found.items()], folds=folds
    )


def _parts(parameters: Sequence[Parameter]) -> Iterator[Part]:
    names = {one.name for one in parameters}
    for parameter in parameters:
        if parameter.kind is Kind.DISTANCES:
            yield Extra.DISTANCE
        if parameter.name == FARTHEST:
            yield Extra.LIMIT
        yield parameter
        if parameter.name == F_NUMBER:
            yield Extra.SHAPES
    if set(bokeh.OPTIONS) <= names:
        yield Extra.DISC
