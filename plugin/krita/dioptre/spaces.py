"""Colour spaces: which ones the worker takes as they are, and conversion of all others by Krita's own engine.

Conversions happen in documents that are never shown: `Node.setColorSpace` writes an undo step into the document
that made the node, even when the node is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from krita import Document, Krita, Node

from .dioptre_link.errors import DioptreError
from .dioptre_link.wire import PixelFormat


class RefusedError(DioptreError):
    """Dioptre cannot work on what it was given."""

    code = "refused"


class Rect(NamedTuple):
    """Pixels of a document; x and y may be negative."""

    x: int
    y: int
    width: int
    height: int

    @staticmethod
    def of(node: Node) -> Rect:
        box = node.bounds()
        return Rect(box.x(), box.y(), box.width(), box.height())


class Space(NamedTuple):
    """A colour space by Krita's names."""

    model: str
    depth: str
    profile: str

    @staticmethod
    def of(node: Node) -> Space:
        return Space(node.colorModel(), node.colorDepth(), node.colorProfile())


EXCHANGE = Space("RGBA", "F32", "sRGB-elle-V2-g10.icc")
"""What other spaces are converted to: floats, which keep colours outside of sRGB."""

DEPTH = Space("GRAYA", "F32", "Gray-D50-elle-V2-srgbtrc.icc")
"""Of depth layers: floats, shown and painted as in an sRGB-encoded picture (0.5 is the middle grey of 8 bits)."""

_ENCODED = {
    "RGBA": ("sRGB-elle-V2-srgbtrc.icc", "sRGB-elle-V4-srgbtrc.icc", "sRGB built-in"),
    "GRAYA": ("Gray-D50-elle-V2-srgbtrc.icc", "Gray-D50-elle-V4-srgbtrc.icc"),
}
_LINEAR = {
    "RGBA": ("sRGB-elle-V2-g10.icc", "sRGB-elle-V4-g10.icc", "scRGB (linear)"),
    "GRAYA": ("Gray-D50-elle-V2-g10.icc", "Gray-D50-elle-V4-g10.icc"),
}
_CHANNELS = {"RGBA": 4, "GRAYA": 2}
_DTYPES = {"U8": "u8", "U16": "u16", "F16": "f16", "F32": "f32"}


def wire_format(space: Space) -> PixelFormat | None:
    """How the worker calls this space's pixels as Krita stores them; None when they must be converted first."""
    if space.model not in _CHANNELS or space.depth not in _DTYPES:
        return None
    if space.profile in _ENCODED[space.model]:
        encoding = "srgb"
    elif space.profile in _LINEAR[space.model]:
        encoding = "linear"
    else:
        return None
    order = "bgr" if space.model == "RGBA" and space.depth in ("U8", "U16") else "rgb"
    return PixelFormat(_DTYPES[space.depth], _CHANNELS[space.model], order, encoding)


@contextmanager
def hidden_document(space: Space) -> Iterator[Document]:
    """A document without a window, to make nodes of `space` in; they may be put into other documents."""
    document = Krita.instance().createDocument(1, 1, "Dioptre", space.model, space.depth, space.profile, 72.0)
    if document is None:
        raise RefusedError(f"Krita cannot make a layer of {space.model} {space.depth}, {space.profile}.")
    document.setBatchmode(True)
    try:
        yield document
    finally:
        document.setModified(False)
        document.close()


def new_layer(document: Document, name: str, rect: Rect, data: bytes) -> Node:
    """A paint layer of `document`'s own colour space, outside of its tree, filled with `data`."""
    node = document.createNode(name, "paintlayer")
    write(node, rect, data)
    return node


def convert(node: Node, space: Space) -> None:
    """Convert a layer of a hidden document to `space`."""
    if Space.of(node) == space:
        return
    if not node.setColorSpace(*space) or Space.of(node)[:2] != space[:2]:
        raise RefusedError(
            f"Krita cannot convert {' '.join(Space.of(node)[:2])} to {' '.join(space[:2])} ({space.profile}).",
            hint="Convert the picture to RGB first with Image ▸ Convert Image Color Space…",
        )


def converted(data: bytes, rect: Rect, source: Space, target: Space) -> bytes:
    """The pixels of `rect` in another colour space."""
    if source == target:
        return data
    with hidden_document(source) as document:
        node = new_layer(document, "convert", rect, data)
        convert(node, target)
        return read(node, rect)


def read(node: Node, rect: Rect) -> bytes:
    """A layer's own pixels; for groups, vector and other layers what they show."""
    if node.type() == "paintlayer":
        return bytes(node.pixelData(*rect))
    return bytes(node.projectionPixelData(*rect))


def write(node: Node, rect: Rect, data: bytes) -> None:
    """Write pixels of the node's own colour space. Krita says nothing when there are too few of them."""
    wanted = rect.width * rect.height * len(node.pixelData(rect.x, rect.y, 1, 1))
    if len(data) != wanted:
        raise ValueError(f"{len(data)} bytes for {rect}, which takes {wanted}")
    node.setPixelData(data, *rect)
