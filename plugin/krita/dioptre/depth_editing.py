"""Depth layers that users change: Edit depth shows them for painting, Repair depth replaces them.

Edit depth shows the depth layer over the photo instead of the results made with it; Update shows the results again.
Krita's undo history includes neither visibility nor opacity, but Update or the layer list can restore them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from . import layers, painting
from .dioptre_link.catalogue.repair_depth import OPERATION as REPAIR
from .dioptre_link.catalogue.repair_depth import UNCHANGED
from .dioptre_link.client import Worker
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
    find_node,
    is_idle,
    own_id,
    picture_of,
    record_of,
    writing,
)
from .painting import WAITING, Painting, depth_link
from .sources import Found, Picture, Source
from .transfer import Order, Outcome, Report, Ticket, compute
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
    link = next((found for entry in reversed(entries) if (found := depth_link(entry)) is not None), None)
    depth = find_linked(document, link)
    if link is None or depth is None:
        raise RefusedError(
            "This result has no depth layer.", hint="Select a result that uses depth, or its depth layer."
        )
    for entry in record_of(document).readable():
        if (used := depth_link(entry)) is not None and used.id == link.id:
            for role in (Role.RESULT, Role.SUBJECT, Role.BACKGROUND, Role.FOREGROUND):
                if (result := find_linked(document, entry.outputs.get(role.value))) is not None:
                    result.setVisible(False)
    photo = picture_of(document, entries, depth)
    if photo is None or photo.visible():  # Otherwise a result has taken its place.
        depth.setOpacity(SHOWN_THROUGH)
    _show_with_groups(depth)
    document.refreshProjection()
    document.setActiveNode(depth)
    painting.begin(document, depth)
    return depth


def _parts(document: Document, entry: Entry) -> tuple[Node | None, Node | None]:
    """Return the depth layer that a result has or uses, and its main layer."""
    return find_linked(document, depth_link(entry)), find_linked(document, entry.outputs.get(Role.RESULT.value))


def lift(document: Document, entry: Entry) -> None:
    """Show a depth layer as it is if it is shown for painting, whatever opacity the user has chosen meanwhile."""
    depth, result = _parts(document, entry)
    alone = result is None or not result.visible()
    if alone and depth is not None and depth.visible() and depth.opacity() < OPAQUE:
        depth.setOpacity(OPAQUE)
        document.refreshProjection()


def has_depth(document: Document, entry: Entry) -> bool:
    """Return whether the result has or uses a depth layer that is still in the document."""
    return find_linked(document, depth_link(entry)) is not None


def is_edited(document: Document, entry: Entry) -> bool:
    """Return whether the result's depth layer is shown for painting."""
    depth, result = _parts(document, entry)
    if depth is None or result is None or not depth.visible():
        return False
    under_way = painting.under_way()
    return not result.visible() or (
        under_way is not None and under_way.document == document and under_way.concerns(entry)
    )


def is_seen(strokes: Painting) -> bool:
    """Return whether the depth layer is active and shown over the photo, without a result above it."""
    entry, node = strokes.result(), strokes.shown()
    result = None if entry is None else _parts(strokes.document, entry)[1]
    return node is not None and node.opacity() < OPAQUE and (result is None or not result.visible())


def end(document: Document, entry: Entry) -> None:
    """Show a result again instead of its depth. The caller refreshes the canvas."""
    depth, result = _parts(document, entry)
    if depth is not None:
        depth.setVisible(False)
        depth.setOpacity(OPAQUE)
    if result is not None:
        result.setVisible(True)
    painting.end()


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


@dataclass(frozen=True, kw_only=True)
class Snap:
    """The latest strokes on a depth layer, which shall end at edges of its photo."""

    painting: Painting

    def read(self) -> Generator[None, None, tuple[Source, Picture]]:
        """Read the photo, the depth layer, and that layer without the strokes."""
        document, depth = self.painting.document, find_node(self.painting.document, self.painting.depth)
        result = self.painting.result()
        assert result is not None  # Strokes are over only if a result uses them.
        photo = record_of(document).picture(result)
        found = Found(document=document, picture=photo, layer=None, depth=depth, plain=True, selection=None)
        source = yield from found.read()
        before = self.painting.before
        return source, (yield from before.read(before.place(source.picture.rect), DEPTH))

    def work(
        self, given: tuple[Source, Picture], worker: Worker, ticket: Ticket, report: Report
    ) -> tuple[Source, Outcome]:
        """Compute the layer on the thread."""
        source, before = given
        options = REPAIR.check(UNCHANGED)
        order = Order(
            operation=REPAIR.name, options=options, picture=source.picture, depth=source.depth, before=before
        )
        return source, compute(order, worker, ticket, report)

    def apply(
        self, done: tuple[Source, Outcome], undo_sync: UndoSync
    ) -> Generator[object, None, tuple[Node, tuple[str, ...]]]:
        """Replace the layer, unless the user has painted on it meanwhile."""
        source, outcome = done
        while not is_idle(source.document):
            yield WAITING
        if not self.painting.is_as_before():
            return source.node(), ()
        node, messages = yield from repair(source, outcome, undo_sync)
        self.painting.follow(node)
        return node, messages


def _known_depth(document: Document, text: str) -> Link:
    """Return the recorded link of a depth layer."""
    made = (entry.outputs.get(Role.DEPTH.value) for entry in record_of(document).readable())
    return next((link for link in made if link is not None and link.id == text), Link(id=text, name=""))
