"""Replaces a depth layer with its repaired version, so that Update of a result uses it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from krita import Document, Node

from . import layers, recipe, spaces
from .dioptre_link.editing import refusals
from .dioptre_link.errors import RefusedError
from .dioptre_link.operation import Role
from .dioptre_link.records import Link
from .link import Outcome
from .sources import Found, Source
from .spaces import Rect, ScratchDocuments
from .undo_sync import UndoSync


def check(found: Found) -> None:
    """Check that the depth layer can be replaced.

    Raises:
        RefusedError: The layer is locked, animated, or not a paint layer.
    """
    depth = found.depth
    assert depth is not None
    if depth.type() != "paintlayer" or depth.animated():
        raise RefusedError(
            "The depth layer “{name}” is not a paint layer.",
            hint="Convert it to a paint layer first.",
            name=depth.name(),
        )
    if depth.locked():
        raise refusals.layer_locked(depth.name())


def make(
    source: Source, outcome: Outcome, undo_sync: UndoSync
) -> Generator[None, None, tuple[Node, tuple[str, ...]]]:
    """Replace the depth layer as one undo step; return the new layer and messages for the user."""
    source.node()
    assert source.depth is not None
    document, known = source.document, _known(source.document, source.depth.node)
    found = recipe.current(document, known)
    if found is None:
        raise refusals.layer_deleted(source.depth.name)
    old, was = found
    made = next(one for one in outcome.layers if one.role is Role.DEPTH)
    new = old.duplicate()
    rect = Rect(source.picture.rect.x, source.picture.rect.y, made.width, made.height)
    with ScratchDocuments() as scratch:
        yield from spaces.writing(new, rect, made.raster, spaces.DEPTH, scratch)
    active = layers.Active(document)
    layers.swap(document, old, new)
    undo_sync.activated(document, active.restore([(old, new)]), [(old, new)])
    # Keep the hash of the network's depth, so that Update treats the new layer as painted.
    recipe.add_version(document, replace(was, id=recipe.own_id(old)), replace(was, id=recipe.own_id(new)))
    document.setModified(True)
    undo_sync.swapped(document, [(old, new)])
    return new, outcome.messages


def _known(document: Document, text: str) -> Link:
    """Return the recorded link of a depth layer."""
    made = (entry.outputs.get(Role.DEPTH.value) for entry in recipe.of(document).readable())
    return next((link for link in made if link is not None and link.id == text), Link(id=text, name=""))
