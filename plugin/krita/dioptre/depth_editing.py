"""Depth layers that users change: Edit depth shows them for painting, Repair depth replaces them.

Edit depth shows the depth layer over the photo instead of the results made with it; Update shows the results again.
Krita's undo history includes neither visibility nor opacity, but Update or the layer list can restore them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from . import layers
from .dioptre_link.editing import refusals
from .dioptre_link.errors import RefusedError
from .dioptre_link.operation import Role
from .dioptre_link.records import Entry, Link
from .document import (
    DEPTH,
    Document,
    Node,
    Rect,
    ScratchDocuments,
    add_version,
    current,
    find_linked,
    own_id,
    picture_of,
    record_of,
    writing,
)
from .sources import Found, Source
from .transfer import Outcome
from .undo_sync import UndoSync

SHOWN_THROUGH, OPAQUE = 153, 255  # Opacities of a depth layer: over its photo, which is 60 %, and as it is.


def begin(document: Document | None, node: Node | None) -> Node:
    """Show the depth layer behind the result that `node` belongs to over the photo, and activate it.

    Raises:
        RefusedError: There is no document, no result, or no depth layer.
    """
    if document is None:
        raise refusals.no_document()
    entries = record_of(document).to_update([node])
    link = next((found for entry in reversed(entries) if (found := _depth_link(entry)) is not None), None)
    depth = find_linked(document, link)
    if link is None or depth is None:
        raise RefusedError(
            "This result has no depth layer.", hint="Select a result that uses depth, or its depth layer."
        )
    for entry in record_of(document).readable():
        if (used := _depth_link(entry)) is not None and used.id == link.id:
            for role in (Role.RESULT, Role.SUBJECT, Role.BACKGROUND, Role.FOREGROUND):
                if (result := find_linked(document, entry.outputs.get(role.value))) is not None:
                    result.setVisible(False)
    photo = picture_of(document, entries, depth)
    if photo is None or photo.visible():  # Otherwise a result has taken its place.
        depth.setOpacity(SHOWN_THROUGH)
    _show_with_groups(depth)
    document.refreshProjection()
    document.setActiveNode(depth)
    return depth


def lift(document: Document, entry: Entry) -> None:
    """Show a depth layer as it is if it is shown for painting, whatever opacity the user has chosen meanwhile."""
    depth = find_linked(document, _depth_link(entry))
    result = find_linked(document, entry.outputs.get(Role.RESULT.value))
    alone = result is None or not result.visible()
    if alone and depth is not None and depth.visible() and depth.opacity() < OPAQUE:
        depth.setOpacity(OPAQUE)
        document.refreshProjection()


def has_depth(document: Document, entry: Entry) -> bool:
    """Return whether the result has or uses a depth layer that is still in the document."""
    return find_linked(document, _depth_link(entry)) is not None


def is_edited(document: Document, entry: Entry) -> bool:
    """Return whether the result is hidden while its depth layer is shown for painting."""
    depth = find_linked(document, _depth_link(entry))
    result = find_linked(document, entry.outputs.get(Role.RESULT.value))
    return depth is not None and result is not None and depth.visible() and not result.visible()


def end(document: Document, entry: Entry) -> None:
    """Show a result again instead of its depth. The caller refreshes the canvas."""
    for link, visible in ((_depth_link(entry), False), (entry.outputs.get(Role.RESULT.value), True)):
        if (node := find_linked(document, link)) is not None:
            node.setVisible(visible)


def _depth_link(entry: Entry) -> Link | None:
    return entry.outputs.get(Role.DEPTH.value) or entry.inputs.get("disparity")


def _show_with_groups(node: Node) -> None:
    shown: Node | None = node
    while shown is not None and shown.parentNode() is not None:
        shown.setVisible(True)
        shown = shown.parentNode()


def check_repair(found: Found) -> None:
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


def repair(
    source: Source, outcome: Outcome, undo_sync: UndoSync
) -> Generator[None, None, tuple[Node, tuple[str, ...]]]:
    """Replace the depth layer as one undo step; return the new layer and messages for the user."""
    source.node()
    assert source.depth is not None
    document, known = source.document, _known_depth(source.document, source.depth.node)
    found = current(document, known)
    if found is None:
        raise refusals.layer_deleted(source.depth.name)
    old, was = found
    made = next(one for one in outcome.layers if one.role is Role.DEPTH)
    new = old.duplicate()
    rect = Rect(source.picture.rect.x, source.picture.rect.y, made.width, made.height)
    with ScratchDocuments() as scratch:
        yield from writing(new, rect, made.raster, DEPTH, scratch)
    active = layers.Active(document)
    layers.swap(document, old, new)
    undo_sync.activated(document, active.restore([(old, new)]), [(old, new)])
    # Keep the hash of the network's depth, so that Update treats the new layer as painted.
    add_version(document, replace(was, id=own_id(old)), replace(was, id=own_id(new)))
    document.setModified(True)
    undo_sync.swapped(document, [(old, new)])
    return new, outcome.messages


def _known_depth(document: Document, text: str) -> Link:
    """Return the recorded link of a depth layer."""
    made = (entry.outputs.get(Role.DEPTH.value) for entry in record_of(document).readable())
    return next((link for link in made if link is not None and link.id == text), Link(id=text, name=""))
