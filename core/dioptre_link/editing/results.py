"""The results recorded in a document with the layers that hold them: which ones Update and Edit concern."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from ..chain import described
from ..language import Message
from ..operation import Input, Operation, Role
from ..records import GROUP, Entry, Link, Record
from . import refusals, traits

Concerns = Callable[[Entry], bool]
"""Test whether a result is in the document and has the selected layer as input or output, or in its group."""

L = TypeVar("L")
_LEAST_PHOTO = 0.25  # area of the photo in which a layer is placed, as a fraction of the largest layer's below it


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

    @abstractmethod
    def below(self, layer: L) -> Sequence[L]:
        """Return the visible layers below a layer in its group, the uppermost first; masks are none."""

    @abstractmethod
    def area_of(self, layer: L) -> int:
        """Return the number of pixels of the layer's rectangle."""

    @abstractmethod
    def is_masked(self, layer: L) -> bool:
        """Return whether a mask may hide much of the layer."""

    def photo_below(self, layer: L, name: str) -> L:
        """Return the picture that a layer lies over; raise RefusedError if there is none.

        It is the uppermost one that is not much smaller than the largest, as other texts would be. Earlier placed
        layers are passed over, so that several can be placed in one photo, and so is depth. A result that a mask
        limits stands for the picture that it was computed from. A result without a mask cannot be placed in its own
        picture, because it would cover all of it.
        """
        placed = {
            link.id
            for entry in self.readable()
            for role, link in entry.outputs.items()
            if role == Role.DEPTH.value or entry.places
        }
        found: list[L] = []
        at: L | None = layer
        while at is not None:
            found += [each for each in self.below(at) if self.id_of(each) not in placed]
            at = self.parent_of(at)
        largest = max(map(self.area_of, found), default=0)
        for each in found:
            if self.area_of(each) >= _LEAST_PHOTO * largest > 0:
                photo = self._unlimited(each)
                if self._covers(layer, photo):
                    raise refusals.covers_photo(name)
                return photo
        raise refusals.nothing_below(name)

    def _covers(self, layer: L, photo: L) -> bool:
        """Return whether the layer is all of a result of this photo, not a part of it such as a subject's layer."""
        for entry in self.readable():
            if GROUP in entry.outputs and not entry.places and entry.inputs["picture"].id == self.id_of(photo):
                result = self.find(entry.outputs.get(Role.RESULT.value))
                whole = {link.id for role, link in entry.outputs.items() if role in (GROUP, Role.RESULT.value)}
                if result is not None and self.id_of(layer) in whole and not self.is_masked(result):
                    return True
        return False

    def unplaced(self, layer: L) -> L:
        """Return the picture in which a layer was placed if `layer` is or belongs to that result, or else `layer`.

        Editors select what was placed, but the next effect is one of the photo.

        Raises:
            RefusedError: The picture was deleted.
        """
        for entry in reversed(self.readable()):
            if entry.places and self.belongs(entry, layer):
                return self.picture(entry)
        return layer

    def _unlimited(self, layer: L) -> L:
        for entry in self.readable():
            result = self.find(entry.outputs.get(Role.RESULT.value))
            if result is not None and self.belongs(entry, layer) and self.is_masked(result):
                return self.find(entry.inputs.get(Input.PICTURE.value)) or layer
        return layer

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
        return self._input(entry, Input.PICTURE)

    def layer(self, entry: Entry) -> L | None:
        """Return the layer that a result places, None if it places none; raise RefusedError if it was deleted."""
        return self._input(entry, Input.LAYER) if entry.described.places else None

    def _input(self, entry: Entry, given: Input) -> L:
        link = entry.inputs.get(given.value)
        layer = self.find(link)
        if layer is None:
            name = "" if link is None else link.name
            raise refusals.input_gone(entry.described, given.value, name=name)
        return layer

    def given_depth(self, entry: Entry) -> L | None:
        """Return the depth layer that a result was given; raise RefusedError if it needs one that was deleted."""
        given = entry.inputs.get("disparity")
        depth = self.find(given)
        if given is not None and depth is None and traits.finds_depth_layer(entry.described):
            raise refusals.input_gone(entry.described, "disparity", name=given.name)
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
    """Return the newest result that the selected layer belongs to.

    Args:
        entries: the recorded results, oldest first.
        belongs: returns whether the layer is an output of a result or lies in its group.

    Raises:
        RefusedError: there is none.
        UsageError: this version of Dioptre cannot repeat any of its results.
    """
    if not entries:
        raise refusals.nothing_made_yet()
    mine = [entry for entry in reversed(entries) if belongs(entry)]
    if not mine:
        raise refusals.not_a_result()
    entry = next((one for one in mine if one.known is not None), mine[0])
    described(entry.operation, entry.options)
    return entry


def to_replace(
    entries: Sequence[Entry], operation: Operation, picture: int | str, present: Concerns
) -> Entry | None:
    """Return the newest result of the same operation on the same layer that is still in the document.

    An interactive run replaces that result instead of adding another group.

    Args:
        entries: the recorded results, oldest first.
        operation: the operation.
        picture: id of the picture, or of the layer that the operation places in one.
        present: returns whether a result is in the document.
    """
    given = (Input.LAYER if operation.places else Input.PICTURE).value
    for entry in reversed(entries):
        link = entry.inputs.get(given)
        if entry.operation == operation.name and link is not None and link.id == picture and present(entry):
            return entry
    return None


def mask_stays(name: str, *, made: bool = True) -> Message:
    """Return the message that a layer keeps its mask: the user painted on it, or Dioptre has not made it."""
    if made:
        return Message("You painted on the mask of “{name}”, so it stays. Edit makes it again.", name=name)
    return Message(
        "“{name}” keeps its mask, so the range of depth has no effect. Delete the mask, then choose Edit.",
        name=name,
    )


def size_told(width: int, height: int) -> Message:
    """Return the message that says how large an enlarged picture is, in pixels."""
    return Message("The result has {width} × {height} pixels.", width=width, height=height)
