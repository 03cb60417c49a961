"""Find the recorded results that a selected layer belongs to, for Update and Edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..operation import Operation
from ..records import Entry
from . import refusals

Concerns = Callable[[Entry], bool]
"""Test whether a result is in the document and has the selected layer as input or output, or in its group."""


def to_update(entries: Sequence[Entry], concerns: Concerns) -> list[Entry]:
    """Return the results to update, oldest first; raise RefusedError if there are none."""
    if not entries:
        raise refusals.nothing_made_yet()
    chosen = [entry for entry in entries if concerns(entry)]
    if not chosen:
        raise refusals.not_a_result()
    return chosen


def to_edit(entries: Sequence[Entry], belongs: Concerns) -> Entry:
    """Return the newest result that the selected layer belongs to; raise RefusedError if there is none.

    Args:
        entries: the recorded results, oldest first.
        belongs: returns whether the layer is an output of a result or lies in its group.
    """
    if not entries:
        raise refusals.nothing_made_yet()
    for entry in reversed(entries):
        if entry.known is not None and belongs(entry):
            return entry
    raise refusals.not_a_result()


def to_replace(
    entries: Sequence[Entry], operation: Operation, picture: int | str, present: Concerns
) -> Entry | None:
    """Return the newest result of the same operation on the same picture that is still in the document.

    An interactive run replaces that result instead of adding another group.

    Args:
        entries: the recorded results, oldest first.
        operation: the operation.
        picture: id of the picture's layer.
        present: returns whether a result is in the document.
    """
    for entry in reversed(entries):
        if entry.operation == operation.name and entry.inputs["picture"].id == picture and present(entry):
            return entry
    return None
