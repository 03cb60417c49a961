"""Determines which colour spaces the worker accepts directly, and lets Krita convert all others.

Conversions happen in hidden documents, because `Node.setColorSpace` adds an undo step to the document that created
the node, even if the node is not in it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from typing import NamedTuple

from krita import Document, Krita, Node

from .dioptre_link.errors import RefusedError
from .dioptre_link.wire import PixelFormat
from .qt import QTimer
from .raster import Raster, strip_rows, strips


class Rect(NamedTuple):
    """Rectangle in document pixels; x and y may be negative."""

    x: int
    y: int
    width: int
    height: int

    @staticmethod
    def of(node: Node) -> Rect:
        box = node.bounds()
        return Rect(box.x(), box.y(), box.width(), box.height())


class Space(NamedTuple):
    """A colour space, identified by Krita's own names for its model, depth and profile."""

    model: str
    depth: str
    profile: str

    @staticmethod
    def of(node: Node) -> Space:
        return Space(node.colorModel(), node.colorDepth(), node.colorProfile())


EXCHANGE = Space("RGBA", "F32", "sRGB-elle-V2-g10.icc")
"""Target for spaces that the worker does not accept: floats keep colours outside sRGB."""

DEPTH = Space("GRAYA", "F32", "Gray-D50-elle-V2-srgbtrc.icc")
"""Space of depth layers: floats displayed like an sRGB-encoded picture (0.5 is the middle grey of 8 bits)."""

_ENCODED = {
    "RGBA": ("sRGB-elle-V2-srgbtrc.icc", "sRGB-elle-V4-srgbtrc.icc", "sRGB built-in"),
    "GRAYA": ("Gray-D50-elle-V2-srgbtrc.icc", "Gray-D50-elle-V4-srgbtrc.icc"),
}
_LINEAR = {
    "RGBA": ("sRGB-elle-V2-g10.icc", "sRGB-elle-V4-g10.icc", "scRGB (linear)"),
    "GRAYA": ("Gray-D50-elle-V2-g10.icc", "Gray-D50-elle-V4-g10.icc"),
}
# Strip size for conversions, in pixels: converting a smaller strip takes Krita as long as 100,000 pixels.
CONVERTED_PX = 1 << 17
_CHANNELS = {"RGBA": 4, "GRAYA": 2}
_DTYPES = {"U8": "u8", "U16": "u16", "F16": "f16", "F32": "f32"}


def wire_format(space: Space) -> PixelFormat | None:
    """Return the wire format for this space as Krita stores it, or None if it must be converted first."""
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
    """Yield a hidden document in which to create nodes of `space`; they may be moved to other documents."""
    document = Krita.instance().createDocument(1, 1, "Dioptre", space.model, space.depth, space.profile, 72.0)
    if document is None:
        raise RefusedError(
            "Krita cannot create a layer in {model} {depth}, {profile}.",
            model=space.model,
            depth=space.depth,
            profile=space.profile,
        )
    document.setBatchmode(True)
    try:
        yield document
    finally:
        document.setModified(False)
        document.close()


class ScratchDocuments:
    """Hidden documents, one per colour space, for creating and converting nodes; closed when the `with` block ends.

    Changes to their nodes are not undo steps of the target document.
    """

    def __init__(self) -> None:
        self._files = ExitStack()
        self._documents: dict[Space, Document] = {}

    def document(self, space: Space) -> Document:
        if space not in self._documents:
            self._documents[space] = self._files.enter_context(hidden_document(space))
        return self._documents[space]

    def layer(self, name: str, space: Space) -> Node:
        """Return an empty paint layer outside any layer tree."""
        return self.document(space).createNode(name, "paintlayer")

    def converted(self, data: bytes, width: int, source: Space, target: Space) -> bytes:
        """Return whole rows of pixels converted to another colour space.

        Raises:
            RefusedError: Krita cannot convert between these spaces.
        """
        if source == target:
            return data
        node = self.layer("convert", source)
        rect = Rect(0, 0, width, len(data) // (width * pixel_bytes(node)))
        write(node, rect, data)
        convert(node, target)
        return bytes(node.pixelData(*rect))

    def close(self) -> None:
        self._documents.clear()
        self._files.close()

    def close_soon(self) -> None:
        """Close the documents in the next iteration of Krita's event loop.

        Closing them blocks for as long as a few frames.
        """
        QTimer.singleShot(0, self._files.pop_all().close)
        self._documents.clear()

    def __enter__(self) -> ScratchDocuments:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def convert(node: Node, space: Space) -> None:
    """Convert a layer of a hidden document to `space`."""
    if Space.of(node) == space:
        return
    if not node.setColorSpace(*space) or Space.of(node)[:2] != space[:2]:
        raise RefusedError(
            "Krita cannot convert {names} to {space} ({profile}).",
            hint="Convert the picture to RGB first with Image ▸ Convert Image Color Space…",
            names=" ".join(Space.of(node)[:2]),
            space=" ".join(space[:2]),
            profile=space.profile,
        )


class Snapshot:
    """The current pixels of a paint layer, or the current appearance of a group, vector layer or other layer."""

    def __init__(self, node: Node, rect: Rect) -> None:
        self.rect = rect
        self.space = Space.of(node)
        self._whole: Raster | None = None
        if node.type() == "paintlayer" and not node.animated():
            # The copy shares its tiles with the layer until someone paints on the layer.
            self._node = node.duplicate()
        else:
            read = node.pixelData if node.type() == "paintlayer" else node.projectionPixelData
            data = bytes(read(*rect))
            row_bytes = len(data) // rect.height
            if row_bytes == 0:
                raise RefusedError(
                    "Krita cannot read the pixels of the layer “{name}” ({type}).",
                    name=node.name(),
                    type=node.type(),
                )
            self._whole = Raster.of(data, row_bytes)

    def narrowed(self, rect: Rect) -> Snapshot:
        """Return a snapshot of another rectangle; it may extend beyond this one only for a paint layer."""
        other = copy(self)
        other.rect = rect
        if self._whole is not None:
            left, top = rect.x - self.rect.x, rect.y - self.rect.y
            data = self._whole.part((left, top, rect.width, rect.height), self.pixel_bytes)
            other._whole = Raster.of(data, rect.width * self.pixel_bytes)
        return other

    @property
    def any_place(self) -> bool:
        """Whether pixels outside `rect` are available, too."""
        return self._whole is None

    @property
    def pixel_bytes(self) -> int:
        return pixel_bytes(self._node) if self._whole is None else self._whole.row_bytes // self.rect.width

    @property
    def row_bytes(self) -> int:
        return self.rect.width * self.pixel_bytes

    def rows(self, first: int, count: int) -> bytes:
        if self._whole is not None:
            return self._whole.rows(first, count)
        return bytes(self._node.pixelData(self.rect.x, self.rect.y + first, self.rect.width, count))


def reading(snapshot: Snapshot, space: Space) -> Generator[None, None, Raster]:
    """Read the pixels in `space`, one strip per step."""
    own, rect = snapshot.space, snapshot.rect
    found: list[bytes] = []
    with ScratchDocuments() as scratch:
        for first, rows in strips(rect.height, _rows(snapshot.row_bytes, rect.width, converting=own != space)):
            found.append(scratch.converted(snapshot.rows(first, rows), rect.width, own, space))
            yield
    return Raster(row_bytes=sum(map(len, found)) // rect.height, strips=tuple(found))


def writing(
    node: Node, rect: Rect, raster: Raster, space: Space, scratch: ScratchDocuments
) -> Generator[None, None, None]:
    """Fill `rect` of a node with a raster in `space`, one strip per step."""
    own = Space.of(node)
    count = _rows(raster.row_bytes, rect.width, converting=own != space)
    for first, rows in strips(rect.height, count):
        data = scratch.converted(raster.rows(first, rows), rect.width, space, own)
        write(node, Rect(rect.x, rect.y + first, rect.width, rows), data)
        yield


def clearing(node: Node, rect: Rect) -> Generator[None, None, None]:
    """Make `rect` of a node transparent, one strip per step."""
    if rect.width <= 0 or rect.height <= 0:
        return
    row_bytes = rect.width * pixel_bytes(node)
    for first, rows in strips(rect.height, strip_rows(row_bytes)):
        write(node, Rect(rect.x, rect.y + first, rect.width, rows), bytes(row_bytes * rows))
        yield


def pixel_bytes(node: Node) -> int:
    """Return the number of bytes per pixel of the node."""
    return len(node.pixelData(0, 0, 1, 1))


def write(node: Node, rect: Rect, data: bytes) -> None:
    """Write pixels in the node's own colour space, and check their number, which Krita does not."""
    wanted = rect.width * rect.height * pixel_bytes(node)
    if len(data) != wanted:
        raise ValueError(f"{len(data)} bytes for {rect}, which takes {wanted}")
    node.setPixelData(data, *rect)


def _rows(row_bytes: int, width: int, *, converting: bool) -> int:
    return max(1, CONVERTED_PX // width) if converting else strip_rows(row_bytes)
