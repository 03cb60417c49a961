"""The results recorded in a document with the layers that hold them: which ones Update and Edit concern."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from ..operation import Operation, Role
from ..records import GROUP, Entry, Link, Record
from . import refusals, traits

Concerns = Callable[[Entry], bool]
"""Test whether a result is in the document and has the selected layer as input or output, or in its group."""

L = TypeVar("L")


class Results(Record, ABC, Generic[L]):
    """The record of a document whose layers have type `L`; an editor says how to find them."""

    @abstractmethod
    def find(self, link: Link | None) -> L | None:
        """Return the linked layer if it is in the document."""

    @abstractmethod
    def id_of(self, layer: L) -> int | str:
        """Return the id by which the record refers to the layer."""

    @abstractmethod
    def parent_of(self, layer: L) -> L | None:
        """Return the group that contains the layer."""

    def layers(self, entry: Entry) -> list[L]:
        """Return the result's own layers that still exist."""
        return [layer for link in entry.outputs.values() if (layer := self.find(link)) is not None]

    def concerns(self, entry: Entry, layer: L | None) -> bool:
        """Return whether the layer is an input or output of the result, or lies inside its group."""
        return self._is_within(layer, entry.layer_ids)

    def belongs(self, entry: Entry, layer: L | None) -> bool:
        """Return whether the layer is an output of the result, or lies inside its group."""
        return self._is_within(layer, {link.id for link in entry.outputs.values()})

    def top(self, entry: Entry) -> L:
        """Return the topmost layer of a result: its group, its main layer, or any layer that remains."""
        links = (entry.outputs.get(GROUP), entry.outputs.get(Role.RESULT.value))
        found = (self.find(link) for link in links)
        return next((layer for layer in found if layer is not None), None) or self.layers(entry)[0]

    def picture(self, entry: Entry) -> L:
        """Return the picture that a result was computed from; raise RefusedError if it was deleted."""
        picture = self.find(entry.inputs["picture"])
        if picture is None:
            raise refusals.input_gone(entry.described, is_depth=False, name=entry.inputs["picture"].name)
        return picture

    def given_depth(self, entry: Entry) -> L | None:
        """Return the depth layer that a result was given; raise RefusedError if it needs one that was deleted."""
        given = entry.inputs.get("disparity")
        depth = self.find(given)
        if given is not None and depth is None and traits.finds_depth_layer(entry.described):
            raise refusals.input_gone(entry.described, is_depth=True, name=given.name)
        return depth

    def to_update(self, selected: Sequence[L | None]) -> list[Entry]:
        """Return the results to update, oldest first; raise RefusedError if there are none."""
        entries = self.load()
        if not entries:
            raise refusals.nothing_made_yet()
        chosen = [
            entry
            for entry in entries
            if any(self.concerns(entry, layer) for layer in selected) and self.layers(entry)
        ]
        if not chosen:
            raise refusals.not_a_result()
        return chosen

    def _is_within(self, layer: L | None, ids: set[int | str]) -> bool:
        while layer is not None:
            if self.id_of(layer) in ids:
                return True
            layer = self.parent_of(layer)
        return False


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
