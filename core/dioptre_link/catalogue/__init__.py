"""All operations of Dioptre, each described once, in a file of its own.

Command-line options, GIMP's arguments, Krita's panel, recipe validation and the jobs on the wire are generated from
these descriptions, and the features receive their dataclasses of options. To add an option, add a field to a class
here and use it in its feature.

Labels use the words of photographers and of the editors, in sentence case. Help texts have at most three short
sentences; "Auto:" says what happens if the value is omitted.
"""

from __future__ import annotations

from ..errors import UsageError
from ..language import Message
from ..operation import Operation, nearest
from . import (
    depth,
    film,
    haze,
    lens_blur,
    light,
    motion_blur,
    place,
    portrait,
    repair_depth,
    select_depth,
    select_subject,
    spatial,
    super_resolution,
    white_balance,
)

OPERATIONS: dict[str, Operation] = {
    module.OPERATION.name: module.OPERATION
    for module in (
        portrait,
        lens_blur,
        select_subject,
        select_depth,
        white_balance,
        super_resolution,
        haze,
        light,
        motion_blur,
        place,
        depth,
        repair_depth,
        spatial,
        film,
    )
}
"""The operations by name, in the order of menus: by use."""

IN_EDITORS = {name: one for name, one in OPERATIONS.items() if one.framed_by or one.places or not one.only_files}
"""Those that the editors offer."""


def operation(name: str) -> Operation:
    """Look up an operation by name; raise UsageError with the most similar name if there is none."""
    try:
        return OPERATIONS[name]
    except KeyError:
        raise UsageError(
            Message("There is no operation named {name}.", name=repr(name)), hint=nearest(name, list(OPERATIONS))
        ) from None
