"""Every operation of Dioptre, described once, a file each.

Command-line options, GIMP's arguments, Krita's panel, recipe validation and the wire's jobs are generated from
these descriptions; the pipelines take the same names. A new option is one entry in a file here and its use in a
pipeline.

Labels use the words of photographers and of the editors, in sentence case. Help is at most three short sentences;
"Auto:" says what happens when the value is left out.
"""

from __future__ import annotations

from ..errors import UsageError
from ..language import Message
from ..operation import Operation, nearest
from . import (
    depth,
    lens_blur,
    portrait,
    repair_depth,
    select_depth,
    select_subject,
    super_resolution,
    white_balance,
)

OPERATIONS: dict[str, Operation] = {
    module.OPERATION.name: module.OPERATION
    for module in (
        portrait,
        depth,
        repair_depth,
        lens_blur,
        white_balance,
        super_resolution,
        select_subject,
        select_depth,
    )
}
"""By name, in the order of menus."""


def operation(name: str) -> Operation:
    """Look an operation up by name; raise UsageError with the nearest name when there is none."""
    try:
        return OPERATIONS[name]
    except KeyError:
        raise UsageError(
            Message("There is no operation named {name}.", name=repr(name)), hint=nearest(name, list(OPERATIONS))
        ) from None
