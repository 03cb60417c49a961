"""Turns a result into layers, which are built outside the document so that one undo step removes them all."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any

from .dioptre_link.editing.depth_names import with_metres
from .dioptre_link.editing.results import size_told
from .dioptre_link.editing.traits import takes_selection
from .dioptre_link.language import Message
from .dioptre_link.metres import DepthMetres
from .dioptre_link.operation import Operation, Role
from .dioptre_link.records import GROUP, Entry, Link, made_from
from .document import (
    DEPTH,
    Document,
    Node,
    Raster,
    Rect,
    ScratchDocuments,
    Space,
    check_open,
    clearing,
    exchanged,
    find_linked,
    find_node,
    link_to,
    node_id,
    own_id,
    record_of,
    writing,
)
from .sources import Source
from .transfer import DATA_ROLES, Made, Outcome

MASK_NAME = "Selection"
OWN_MASK_NAMES = {Role.PLACED: "Nearer things", Role.RESULT: "Range of depth"}
"""Names of the masks that are a part of a result, by the role of their layer."""
_LARGER = Message("It extends beyond the canvas. Image ▸ Trim to Current Layer fits the canvas to it.")
_NOT_WHOLLY = b"\xff" * 255 + b"\0"  # Maps a selection to where it selects a pixel in part or not at all.


@dataclass(frozen=True, kw_only=True)
class Built:
    """A new node that is not in the document yet, and the values of its mask."""

    node: Node
    made: Made
    rect: Rect
    mask: Raster | None = None


def given_space(made: Made, source: Source) -> Space:
    """Return the colour space of a result layer's pixels."""
    return DEPTH if made.role in DATA_ROLES else exchanged(source.picture.space)


def build(source: Source, outcome: Outcome, scratch: ScratchDocuments) -> Generator[None, None, list[Built]]:
    """Create a node in `scratch` for each layer of the result, in steps."""
    built: list[Built] = []
    for made in outcome.layers:
        if made.role is Role.MASK:
            built[-1] = replace(built[-1], mask=made.raster)
            continue
        given, rect = given_space(made, source), rect_of(made, source.picture.rect)
        node = scratch.layer(_name(made, outcome), given if made.role in DATA_ROLES else source.picture.space)
        yield from refilling(node, rect, made, given, scratch)
        node.setVisible(made.visible or made.role is Role.PLACED)
        built.append(Built(node=node, made=made, rect=rect))
    return built


def rect_of(made: Made, picture: Rect) -> Rect:
    """Return the rectangle of a result, which has the picture's top-left corner even if the result is enlarged."""
    return Rect(picture.x, picture.y, made.width, made.height)


def insert(
    source: Source, described: Operation, built: list[Built], copy: Node | None, scratch: ScratchDocuments
) -> Node:
    """Insert the layers above their source as one undo step, in a group unless they are only data.

    Everything is assembled in the scratch document, because each layer moved within the real document would be a
    separate undo step. If the source is not plain and opaque (it has transparency, masks, or another mode or
    opacity), the group replaces it: the group takes the same mode and opacity, the result gets the same masks, and
    the source is hidden. Otherwise the source does not change.

    Args:
        source: The layer that the result was computed from.
        described: The operation.
        built: The new layers, the topmost first.
        copy: Copy of the source if `needs_copy` is true, otherwise None.
        scratch: Hidden documents in which to assemble the group.

    Returns:
        The group, or the single data layer.
    """
    document, picture, layer = source.document, source.node(), source.layer_node()
    above = _below_new(document, picture, described) if layer is None else layer
    parent = above.parentNode()
    if len(built) == 1 and built[0].made.role in DATA_ROLES:
        parent.addChildNode(built[0].node, above)
        return own(document, built[0].node)
    maker = scratch.document(Space(document.colorModel(), document.colorDepth(), document.colorProfile()))
    group = maker.createGroupLayer(described.title)
    limits = _limits(source, described, built)
    nodes = [one.node for one in reversed(built)]
    shown = [one.node for one in built if one.made.role is Role.RESULT]
    takes_place = _takes_place(source, built)
    if copy is not None:  # The picture must stay visible outside the masks.
        shown.append(copy)
        nodes.insert(0, copy)
    below = None
    for node in nodes:
        group.addChildNode(node, below)
        below = node
    if takes_place:
        take_over_look(picture, group, shown)
    if source.selection is not None and not takes_selection(described):
        for one in built:
            if one.made.role is Role.RESULT:
                _add_mask(document, one.node, source.selection, source.picture.rect, MASK_NAME)
    if copy is not None:  # Translucent pixels of the copy would show through those of the result.
        outside = (int.from_bytes(each.translate(_NOT_WHOLLY), "big") for each in limits)
        values = reduce(or_, outside).to_bytes(len(limits[0]), "big")
        _add_mask(document, copy, values, source.picture.rect, MASK_NAME)
    for one in built:
        if one.mask is not None:
            values = b"".join(one.mask.strips)
            _add_mask(document, one.node, values, source.picture.rect, OWN_MASK_NAMES[one.made.role])
    parent.addChildNode(group, above)
    if layer is not None:
        take_over_look(layer, group, ())
        layer.setVisible(False)
    if takes_place:
        picture.setVisible(False)
    document.refreshProjection()  # Without this call, Krita does not composite the masks of a new group.
    return own(document, group)


def needs_copy(source: Source, described: Operation, built: list[Built]) -> bool:
    """Return whether the group needs a copy of the picture below a result that masks limit."""
    return _takes_place(source, built) and bool(_limits(source, described, built))


def _limits(source: Source, described: Operation, built: list[Built]) -> list[bytes]:
    """Return the values of the masks that limit the result: the selection, and the range of depth."""
    limits = [b"".join(one.mask.strips) for one in built if one.mask is not None and one.made.role is Role.RESULT]
    if source.selection is not None and not takes_selection(described):
        limits.append(source.selection)
    return limits


def copying(source: Source, scratch: ScratchDocuments) -> Generator[None, None, Node]:
    """Create a copy of the picture without its masks, mode and opacity."""
    picture = source.picture
    copy = scratch.layer(picture.name, picture.space)
    yield from writing(copy, picture.rect, picture.raster, exchanged(picture.space), scratch)
    return copy


def _takes_place(source: Source, built: list[Built]) -> bool:
    return not source.plain and any(one.made.role is Role.RESULT for one in built)


def own(document: Document, node: Node) -> Node:
    """Return the node through `document`: an object from a closed document would crash in `remove`."""
    found = find_node(document, own_id(node))
    assert found is not None
    return found


def refilling(
    node: Node, rect: Rect, made: Made, given: Space, scratch: ScratchDocuments
) -> Generator[None, None, None]:
    """Replace the pixels of a node that is not in a document, in steps."""
    old = Rect.of(node)
    if old != rect or not made.raster.strips:
        yield from clearing(node, old)
    if made.raster.strips:
        yield from writing(node, rect, made.raster, given, scratch)


class Active:
    """Remembers the active layer, because Krita activates another one when layers are swapped."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._path: list[int] = []  # Child indices that lead from the layer to its active mask.
        node = document.activeNode()
        while node is not None and node.type().endswith("mask") and node.parentNode() is not None:
            siblings = [own_id(one) for one in node.parentNode().childNodes()]
            self._path.insert(0, siblings.index(own_id(node)))
            node = node.parentNode()
        self._layer = "" if node is None else own_id(node)

    def restore(self, swapped: Sequence[tuple[Node, Node]]) -> Node | None:
        """Reactivate the remembered layer, or the layer that replaced it.

        Args:
            swapped: Pairs (old, new) of the layers that were swapped.

        Returns:
            The activated node, or None if it no longer exists.
        """
        follows = {own_id(old): own_id(new) for old, new in swapped}
        node = find_node(self._document, follows.get(self._layer, self._layer)) if self._layer else None
        for place in self._path:
            children = node.childNodes() if node is not None else []
            node = children[place] if place < len(children) else node
        if node is not None:
            self._document.setActiveNode(node)
        return node


def swap(document: Document, old: Node, new: Node) -> None:
    """Replace `old` with `new` in a single call, so that nothing can happen in between."""
    check_open(document)
    old.parentNode().addChildNode(new, old)
    old.remove()


def entry(
    described: Operation,
    options: dict[str, Any],
    source: Source,
    *,
    outcome: Outcome,
    built: list[Built],
    top: Node,
) -> Entry:
    """Return the record of this result for the document."""
    document = source.document
    outputs = {one.made.role.value: output_link(document, one.node, one.made, one.rect, one.mask) for one in built}
    if top.type() == "grouplayer":
        outputs[GROUP] = link_to(document, top)
    return Entry(
        operation=described.name,
        options=options,
        inputs=input_links(source),
        outputs=outputs,
        values=dict(outcome.values),
        models=dict(outcome.models),
    )


def input_links(source: Source) -> dict[str, Link]:
    given = {"picture": source.picture, "layer": source.layer, "disparity": source.depth}
    return {
        name: Link(id=picture.node, name=picture.name, sha256=picture.raster.sha256, rect=picture.rect)
        for name, picture in given.items()
        if picture is not None
    }


def output_link(document: Document, node: Node, made: Made, rect: Rect, mask: Raster | None = None) -> Link:
    """Return the link to record for a node. The hash of a depth layer, or of a mask, later reveals painting."""
    hashed = made.raster if made.role is Role.DEPTH else mask
    return link_to(document, node, sha256="" if hashed is None else hashed.sha256, rect=rect)


def _name(made: Made, outcome: Outcome) -> str:
    if made.role is Role.DEPTH:  # A copy of the layer shares its name, but not the record, which knows only its id.
        return with_metres(made.name, DepthMetres.of_values(outcome.values))
    return "Result" if made.role is Role.RESULT else made.name  # The group has the operation's name.


def _below_new(document: Document, picture: Node, described: Operation) -> Node:
    """Return the layer above which to insert a result: the operation's earlier result, the depth or the source.

    Results of other operations on the same source stay above the new result, which must not hide them.
    """
    entries = record_of(document).readable()
    own = node_id(document, picture)
    same = made_from([one for one in entries if one.operation == described.name], own)
    groups = {one.outputs[GROUP].id for one in entries if GROUP in one.outputs}
    data = made_from(entries, own) - groups
    below = picture
    for node in _above(picture):
        key = node_id(document, node)
        if key in same or (key in data and own_id(_above(below)[0]) == own_id(node)):
            below = node
    return below


def notes(document: Document, entry: Entry, built: list[Built]) -> tuple[str, ...]:
    """Return messages for the user if another group hides the result, and on the size of an enlargement."""
    found: list[str] = []
    above = list(_above_from_same(document, entry))
    if (cover := next((node for node, places in above if not places), None)) is not None:
        found.append(
            Message(
                "“{name}” hides the result below it. To work on the contents of “{name}”, select that group.",
                name=cover.name(),
            )
        )
    if any(places for _, places in above) and not entry.places:
        found.append(Message("A layer placed in the photo stays as it is, above the result."))
    size, was = built[0].rect[2:], entry.inputs["picture"].rect[2:]
    if size != was:
        found.append(size_told(*size))
        if size[0] > document.width() or size[1] > document.height():
            found.append(_LARGER)
    return tuple(found)


def _above_from_same(document: Document, entry: Entry) -> Iterator[tuple[Node, bool]]:
    """Yield visible groups above `entry` of other results from the same source, and whether these place a layer."""
    top = find_linked(document, entry.outputs.get(GROUP))
    if top is None or top.parentNode() is None:
        return
    others = {
        one.outputs[GROUP].id: one.places
        for one in record_of(document).readable()
        if GROUP in one.outputs and one.id != entry.id and one.inputs["picture"].id == entry.inputs["picture"].id
    }
    for node in _above(top):
        if node.visible() and (own := node_id(document, node)) in others:
            yield node, others[own]


def _above(node: Node) -> list[Node]:
    """Return the siblings above a node, from the lowest."""
    siblings = [one for one in node.parentNode().childNodes() if one is not None]
    place = [own_id(one) for one in siblings].index(own_id(node))
    return siblings[place + 1 :]


def has_painted_mask(node: Node, role: Role, was: Link) -> bool:
    """Return whether the mask that Dioptre made for a layer has changed; False for old records."""
    if (mask := _own_mask(node, role)) is None or not was.sha256:
        return False
    return Raster.of(bytes(mask.pixelData(*was.rect)), was.rect[2]).sha256 != was.sha256


def remask(node: Node, role: Role, rect: Rect, made: Raster) -> None:
    """Replace Dioptre's mask of a layer that is not in a document; a mask that the user deleted stays away."""
    if (mask := _own_mask(node, role)) is not None:
        mask.setPixelData(b"".join(made.strips), *rect)


def _own_mask(node: Node, role: Role) -> Node | None:
    masks = [child for child in node.childNodes() if child.type() == "transparencymask"]
    return next((mask for mask in masks if mask.name() == OWN_MASK_NAMES.get(role)), None)


def _add_mask(document: Document, node: Node, values: bytes, rect: Rect, name: str) -> None:
    mask = document.createTransparencyMask(name)
    node.addChildNode(mask, None)
    mask.setPixelData(values, *rect)


def take_over_look(picture: Node, node: Node, shown: Iterable[Node]) -> None:
    """Give a group or a cut-out the picture's mode and opacity, and the layers `shown` its masks."""
    node.setOpacity(picture.opacity())
    if picture.type() != "grouplayer" or not picture.passThroughMode():
        node.setBlendingMode(picture.blendingMode())
    for each in shown:
        _copy_masks(picture, each)


def _copy_masks(picture: Node, node: Node) -> None:
    """Copy the masks to a layer inside the group, because Krita adds no mask to a group outside the document."""
    below = None
    for mask in picture.childNodes():
        if mask.type().endswith("mask"):
            copied = mask.duplicate()
            node.addChildNode(copied, below)
            below = copied
