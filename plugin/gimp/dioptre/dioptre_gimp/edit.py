"""Find the recorded result that Edit or another interactive run replaces, and its options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dioptre_link.editing import results
from dioptre_link.errors import RefusedError
from dioptre_link.operation import Operation, Role
from dioptre_link.records import GROUP, Entry

from . import recipe, sources
from .host import Gimp
from .replacing import Change
from .sources import Source
from .update import source_now


@dataclass(frozen=True, kw_only=True)
class Edited:
    """A result that can be replaced, with its current inputs.

    Attributes:
        entry: The result's record.
        operation: The operation that created it.
        source: The current inputs.
        chosen: Whether the user selected the result itself instead of its source picture.
    """

    entry: Entry
    operation: Operation
    source: Source
    chosen: bool

    def change(self, operation: Operation, options: dict[str, object], source: Source) -> Change:
        return Change(entry=self.entry, operation=operation, options=options, source=source, renews=True)


def find(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Edited:
    """Find the newest result that the selected layer belongs to, or else the newest one created from that layer.

    Raises:
        RefusedError: The layer has no such result.
    """
    layer = sources.only_layer(drawables)
    entries = recipe.of(image).load()
    try:
        entry = results.to_edit(entries, lambda entry: _is_there(image, entry) and _belongs(entry, layer))
    except RefusedError:
        made = [entry for entry in entries if _is_there(image, entry) and _is_from(entry, layer)]
        if not made:
            raise
        return _edited(image, made[-1], chosen=False)
    return _edited(image, entry, chosen=True)


def replaceable(image: Gimp.Image, drawables: Sequence[Gimp.Drawable], operation: Operation) -> Edited | None:
    """Find the operation's result that an interactive run replaces, or return None."""
    layer = sources.only_layer(drawables)
    entries = [entry for entry in recipe.of(image).readable() if entry.operation == operation.name]
    own = [entry for entry in entries if _is_there(image, entry) and _belongs(entry, layer)]
    try:
        if own:
            return _edited(image, own[-1], chosen=True)
        picture = sources.find(operation, image, drawables, None).picture.get_tattoo()
        entry = results.to_replace(entries, operation, picture, lambda entry: _is_there(image, entry))
        return None if entry is None else _edited(image, entry, chosen=False)
    except RefusedError:  # The picture is missing or a layer is locked, so this result cannot be replaced.
        return None


def has_results(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> bool:
    """Return whether an operation on the selected layer could replace an earlier result."""
    layer = sources.only_layer(drawables)
    entries = [entry for entry in recipe.of(image).readable() if _is_there(image, entry)]
    return any(_belongs(entry, layer) or _is_from(entry, layer) for entry in entries)


def _edited(image: Gimp.Image, entry: Entry, *, chosen: bool) -> Edited:
    operation = entry.described
    source = source_now(image, entry)
    # The result is a depth layer that was painted on; its replacement keeps a copy of the painting.
    if source is None:
        picture = recipe.find(image, entry.inputs["picture"])
        source = sources.find(operation, image, [picture], None, into_selection=False)
    return Edited(entry=entry, operation=operation, source=source, chosen=chosen)


def _is_there(image: Gimp.Image, entry: Entry) -> bool:
    """Return whether the result's main layer is still in the image."""
    if entry.known is None:
        return False
    roles = [Role.RESULT.value, GROUP] if Role.RESULT in entry.known.outputs else [Role.DEPTH.value]
    return any(recipe.find(image, entry.outputs.get(role)) is not None for role in roles)


def _is_from(entry: Entry, layer: Gimp.Layer) -> bool:
    return bool(entry.inputs["picture"].id == layer.get_tattoo())


def _belongs(entry: Entry, layer: Gimp.Layer) -> bool:
    """Return whether the layer is an output of the result or lies inside its group."""
    made = {link.id for link in entry.outputs.values()}
    item: Gimp.Layer | None = layer
    while item is not None:
        if item.get_tattoo() in made:
            return True
        item = item.get_parent()
    return False
