"""Which layers an operation works on, read at once; and refusals in words before any work is done."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from krita import Document, Krita, Node

from . import recipe, spaces
from .dioptre_link.operations import Input, Operation
from .dioptre_link.wire import MAX_SIDE_PX, PixelFormat
from .spaces import Rect, RefusedError, Space

DEPTH_NAME = "Depth"
_ONE = {"u8": b"\xff", "u16": b"\xff\xff", "f16": b"\x00\x3c", "f32": b"\x00\x00\x80\x3f"}
_CODE = {"u8": "B", "u16": "H", "f16": "H", "f32": "I"}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Pixels of one node as they were. format: of `data`; space: of the node itself."""

    node: str
    name: str
    rect: Rect
    data: bytes
    format: PixelFormat
    space: Space

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def opaque(self) -> bool:
        dtype, channels = self.format.dtype, self.format.channels
        alpha = memoryview(self.data).cast(_CODE[dtype])[channels - 1 :: channels].tobytes()
        return alpha == _ONE[dtype] * (len(alpha) // len(_ONE[dtype]))


@dataclass(frozen=True, kw_only=True)
class Source:
    """What one run works on.

    plain: a layer above the picture covers it just as if it stood in its place.
    selection: 8-bit values over the picture's rectangle, None where nothing is selected.
    """

    document: Document
    picture: Picture
    depth: Picture | None
    plain: bool
    selection: bytes | None

    def node(self) -> Node:
        """The picture's node now. Raises RefusedError when it or the document is gone."""
        check_open(self.document)
        node = recipe.find_node(self.document, self.picture.node)
        if node is None:
            raise RefusedError(
                f"The layer “{self.picture.name}” was deleted in the meantime.", hint="Undo that, and try again."
            )
        return node


def check_open(document: Document) -> None:
    if not any(document == each for each in Krita.instance().documents()):
        raise RefusedError("The document was closed in the meantime; nothing was made.")


def find(
    described: Operation,
    document: Document | None,
    node: Node | None,
    depth: Node | None = None,
    *,
    fresh: bool = True,
) -> Source:
    """Check what an operation was given, complete it and read it. Raises RefusedError.

    fresh: new layers will be made, within the selection.
    """
    if document is None:
        raise RefusedError("There is no document.", hint="Open a picture first.")
    picture = _layer(node)
    entries = recipe.readable(document)
    takes_depth = Input.DISPARITY in described.inputs + described.optional_inputs
    if takes_depth and depth is None:
        if (source := recipe.picture_of(document, entries, picture)) is not None:
            picture, depth = source, picture  # the depth layer itself was selected
        elif Input.DISPARITY in described.inputs:
            depth = recipe.depth_of(document, entries, picture) or _named_depth(document, picture)
            if depth is None:
                raise RefusedError(
                    f"{described.title} needs a depth layer.",
                    hint="Make one first with Filter ▸ Dioptre ▸ Depth from this picture.",
                )
    if depth is not None and recipe.node_id(depth) == recipe.node_id(picture):
        raise RefusedError(
            "The picture and its depth layer are the same layer.", hint="Select the picture's layer."
        )
    if fresh:
        _check_place(picture)
    document.waitForDone()  # a stroke that is still being painted belongs to the picture
    masks = [child for child in picture.childNodes() if child.type().endswith("mask")]
    enlarging = enlarges(described)
    if fresh and enlarging and masks:
        raise RefusedError(
            f"The layer “{picture.name()}” has masks, which an enlarged layer does not fit.",
            hint="Use Filter ▸ Dioptre ▸ Super-resolution of the whole document, or remove the masks.",
        )
    fresh_or_needed = fresh or Input.SELECTION in described.inputs
    selection = _selection(document, Rect.of(picture)) if fresh_or_needed else None
    if selection is None and Input.SELECTION in described.inputs:
        raise RefusedError(f"{described.title} needs a selection.", hint="Select what is to be changed.")
    if selection is not None and enlarging:
        raise RefusedError(f"{described.title} enlarges the whole layer.", hint="Select none first.")
    if selection is not None and not any(selection):
        raise RefusedError(
            f"The selection lies outside of the layer “{picture.name()}”.", hint="Select none first."
        )
    taken = snapshot(picture)
    plain = picture.opacity() == 255 and picture.blendingMode() == "normal" and not masks and taken.opaque
    given = snapshot(depth, rect=taken.rect, space=spaces.DEPTH) if depth is not None else None
    return Source(document=document, picture=taken, depth=given, plain=plain, selection=selection)


def snapshot(node: Node, *, rect: Rect | None = None, space: Space | None = None) -> Picture:
    """The node's pixels; in `space`, or in a space that the worker takes."""
    rect = rect or Rect.of(node)
    if rect.width <= 0 or rect.height <= 0:
        raise RefusedError(f"The layer “{node.name()}” is empty.", hint="Select a layer with a picture.")
    if max(rect.width, rect.height) > MAX_SIDE_PX:
        raise RefusedError(f"The layer “{node.name()}” is larger than {MAX_SIDE_PX} pixels.")
    own = Space.of(node)
    data = spaces.read(node, rect)
    given = space or (own if spaces.wire_format(own) is not None else spaces.EXCHANGE)
    pixel_format = spaces.wire_format(given)
    assert pixel_format is not None
    data = spaces.converted(data, rect, own, given)
    if len(data) != rect.width * rect.height * pixel_format.pixel_bytes:
        raise RefusedError(f"Krita does not give the pixels of the layer “{node.name()}” ({node.type()}).")
    return Picture(
        node=recipe.node_id(node), name=node.name(), rect=rect, data=data, format=pixel_format, space=own
    )


def enlarges(described: Operation) -> bool:
    """Whether the result has more pixels than the picture."""
    return any(parameter.name == "scale" for parameter in described.parameters)


def takes_selection(described: Operation) -> bool:
    """Whether the operation itself heeds the selection; otherwise the result gets a mask from it."""
    return Input.SELECTION in (*described.inputs, *described.optional_inputs)


def _layer(node: Node | None) -> Node:
    while node is not None and node.type().endswith("mask") and node.parentNode() is not None:
        node = node.parentNode()  # a mask stands for its layer
    if node is None or node.parentNode() is None:
        raise RefusedError("No layer is selected.", hint="Select the layer with the picture.")
    if node.type() == "adjustmentlayer":
        raise RefusedError(f"“{node.name()}” is a filter layer, without pixels of its own.", hint="Select another.")
    return node


def _check_place(picture: Node) -> None:
    parent = picture.parentNode()
    while parent is not None and parent.parentNode() is not None:
        if parent.locked():
            raise RefusedError(f"The group “{parent.name()}” is locked.", hint="Unlock it: the result goes there.")
        parent = parent.parentNode()


def _named_depth(document: Document, picture: Node) -> Node | None:
    named = [
        node
        for node in recipe.all_nodes(document.rootNode())
        if node.name() == DEPTH_NAME and recipe.node_id(node) != recipe.node_id(picture)
    ]
    return named[0] if len(named) == 1 else None


def _selection(document: Document, rect: Rect) -> bytes | None:
    selection = document.selection()
    if selection is None or selection.width() == 0 or selection.height() == 0:
        return None
    return bytes(selection.pixelData(*rect))
