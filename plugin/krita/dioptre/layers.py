"""A result becomes layers: built outside of the document, put into it at once, so that one undo takes it away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from krita import Document, Node

from . import recipe, spaces
from .dioptre_link.operations import Operation, Role
from .link import DATA_ROLES, Made, Outcome
from .sources import Source, takes_selection
from .spaces import Rect, Space

MASK_NAME = "Selection"


@dataclass(frozen=True, kw_only=True)
class Built:
    """A new node, not yet in the document."""

    node: Node
    made: Made
    rect: Rect


def native(made: Made, source: Source) -> tuple[bytes, Space]:
    """A layer's pixels as Krita stores them, and their space."""
    if made.role in DATA_ROLES:
        return made.data, spaces.DEPTH
    own = source.picture.space
    return made.data, own if spaces.wire_format(own) is not None else spaces.EXCHANGE


def build(source: Source, outcome: Outcome, files: ExitStack) -> Iterator[Built]:
    """A node for every layer of the result, one a step; `files` closes the documents they were made in."""
    for made in outcome.layers:
        data, space = native(made, source)
        rect = rect_of(made, source.picture.rect)
        maker = files.enter_context(spaces.hidden_document(space))
        node = spaces.new_layer(maker, _name(made), rect, data)
        if made.role not in DATA_ROLES:
            spaces.convert(node, source.picture.space)
        node.setVisible(made.visible)
        yield Built(node=node, made=made, rect=rect)


def rect_of(made: Made, picture: Rect) -> Rect:
    """Where a result lies: from the picture's own corner, whatever its size."""
    return Rect(picture.x, picture.y, made.width, made.height)


def insert(source: Source, described: Operation, built: list[Built], files: ExitStack) -> Node:
    """Put the layers above their source, in a group unless they are only data: one undo step.

    Returns the group, or the single layer. Where the source is not simply opaque (transparent places, masks,
    another mode or opacity), the group takes its place with the same mode and opacity, the result gets the
    same masks, and the source is hidden. Elsewhere the source stays as it is.
    """
    document, picture = source.document, source.node()
    parent = picture.parentNode()
    above = _topmost_result(document, picture)
    if len(built) == 1 and built[0].made.role in DATA_ROLES:
        parent.addChildNode(built[0].node, above)
        document.refreshProjection()
        return own(document, built[0].node)
    group = document.createGroupLayer(described.title)
    masked = source.selection is not None and not takes_selection(described)
    nodes = [one.node for one in reversed(built)]
    shown = [one.node for one in built if one.made.role is Role.RESULT]
    takes_place = bool(shown) and not source.plain
    if takes_place and masked:  # outside of the selection the picture must still be seen
        shown.append(_copy(source, files))
        nodes.insert(0, shown[-1])
    below = None
    for node in nodes:
        group.addChildNode(node, below)
        below = node
    if takes_place:
        group.setOpacity(picture.opacity())
        if picture.type() != "grouplayer" or not picture.passThroughMode():
            group.setBlendingMode(picture.blendingMode())
        for node in shown:
            _copy_masks(picture, node)
    if masked:
        for one in built:
            if one.made.role is Role.RESULT:
                _add_mask(document, source, one.node)
    parent.addChildNode(group, above)
    if takes_place:
        picture.setVisible(False)
    document.refreshProjection()
    return group


def own(document: Document, node: Node) -> Node:
    """The node as `document` knows it. What a closed document made still refers to that: `remove` would crash."""
    found = recipe.find_node(document, recipe.node_id(node))
    assert found is not None
    return found


def replace_content(source: Source, node: Node, made: Made) -> None:
    """Give a node of an earlier result new pixels. Krita keeps no undo step of this."""
    data, space = native(made, source)
    rect = rect_of(made, source.picture.rect)
    data = spaces.converted(data, rect, space, Space.of(node))
    old = Rect.of(node)
    if old.width > 0 and old.height > 0 and old != rect:
        spaces.write(node, old, bytes(len(node.pixelData(old.x, old.y, 1, 1)) * old.width * old.height))
    spaces.write(node, rect, data)


def entry(
    described: Operation, options: dict[str, Any], source: Source, outcome: Outcome, built: list[Built], top: Node
) -> recipe.Entry:
    """What the document remembers of this result."""
    outputs = {one.made.role.value: output_link(one.node, one.made, one.rect) for one in built}
    if top.type() == "grouplayer":
        outputs["group"] = recipe.Link.to(top)
    return recipe.Entry(
        operation=described.name,
        options=options,
        inputs=input_links(source),
        outputs=outputs,
        values=dict(outcome.values),
        models=dict(outcome.models),
    )


def input_links(source: Source) -> dict[str, recipe.Link]:
    given = {"picture": source.picture} | ({} if source.depth is None else {"disparity": source.depth})
    return {
        name: recipe.Link(id=picture.node, name=picture.name, sha256=picture.sha256, rect=picture.rect)
        for name, picture in given.items()
    }


def output_link(node: Node, made: Made, rect: Rect) -> recipe.Link:
    sha256 = content_hash(node, rect) if made.role is Role.DEPTH else ""
    return recipe.Link.to(node, sha256=sha256, rect=rect)


def content_hash(node: Node, rect: Rect) -> str:
    """SHA-256 of a depth layer's pixels: tells whether it was painted on."""
    return hashlib.sha256(spaces.read(node, rect)).hexdigest()


def _name(made: Made) -> str:
    return "Result" if made.role is Role.RESULT else made.name  # the group has the operation's name


def _topmost_result(document: Document, picture: Node) -> Node:
    """The source, or what was made from it before: a new result must be seen."""
    own = recipe.node_id(picture)
    made = {
        link.id
        for known in recipe.readable(document)
        if known.inputs["picture"].id == own
        for link in known.outputs.values()
    }
    siblings = picture.parentNode().childNodes()
    place = next(number for number, node in enumerate(siblings) if recipe.node_id(node) == own)
    return next((node for node in reversed(siblings[place:]) if recipe.node_id(node) in made), picture)


def _add_mask(document: Document, source: Source, node: Node) -> None:
    assert source.selection is not None
    mask = document.createTransparencyMask(MASK_NAME)
    node.addChildNode(mask, None)
    mask.setPixelData(source.selection, *source.picture.rect)


def _copy(source: Source, files: ExitStack) -> Node:
    """The picture itself, without its masks, mode and opacity."""
    picture = source.picture
    space = picture.space if spaces.wire_format(picture.space) is not None else spaces.EXCHANGE
    maker = files.enter_context(spaces.hidden_document(space))
    copy = spaces.new_layer(maker, picture.name, picture.rect, picture.data)
    spaces.convert(copy, picture.space)
    return copy


def _copy_masks(picture: Node, node: Node) -> None:
    """Krita lets no mask into a group that is not in the document yet; so the layers in it get them."""
    below = None
    for mask in picture.childNodes():
        if mask.type().endswith("mask"):
            copied = mask.duplicate()
            node.addChildNode(copied, below)
            below = copied
