"""Krita's documents: pixels, colour spaces, layers by their permanent ids, and the record of results.

*Pixels* are read, converted and written in strips of whole rows: Krita's event loop runs in between, and there is
never a second copy of the whole picture. Krita itself converts the colour spaces that the worker does not accept,
in hidden documents, because `Node.setColorSpace` adds an undo step to the document that created the node, even if
the node is not in it.

*The record* is kept in annotations that refer to nodes by their unique ids, which survive renaming, moving, undo
and saving as KRA. Annotations are not part of the undo history: after an undo, the record simply finds none of the
removed layers. Update replaces nodes with new ones, because that can be undone while new pixels in the old nodes
could not. `VERSIONS` lists the nodes that count as one; the record refers to all of them by the id of the first.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from krita import Document as Document
from krita import Krita
from krita import Node as Node
from krita import Selection as Selection
from krita import View as View

from .dioptre_link import strict_json
from .dioptre_link.editing import refusals
from .dioptre_link.editing.results import Results
from .dioptre_link.editor_log import EditorLog
from .dioptre_link.errors import RefusedError
from .dioptre_link.language import translated
from .dioptre_link.operation import Role
from .dioptre_link.records import NOWHERE, Entry, Link, depth_links, picture_links
from .dioptre_link.wire import PixelFormat
from .toolkit import QAbstractScrollArea, QByteArray, QImage, QMdiArea, QTimer, QToolButton, QUuid, QWidget

LOG = EditorLog("krita")
logger = LOG.logger


STRIP_BYTES = 2 << 20  # Size of a strip in bytes; reading or writing one takes a few milliseconds.
ONE = {"U8": b"\xff", "U16": b"\xff\xff", "F16": b"\x00\x3c", "F32": b"\x00\x00\x80\x3f"}
"""Opaque alpha value in Krita's byte order, by channel depth."""


@dataclass(frozen=True, kw_only=True)
class Raster:
    """Rows of `row_bytes` bytes from the top, in strips of whole rows."""

    row_bytes: int
    strips: tuple[bytes, ...]

    @staticmethod
    def of(data: bytes, row_bytes: int) -> Raster:
        return Raster(row_bytes=row_bytes, strips=(data,))

    @cached_property
    def height(self) -> int:
        return sum(len(strip) for strip in self.strips) // self.row_bytes

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of all bytes, regardless of strips. A few GiB take a second: do not use it on the GUI thread."""
        digest = hashlib.sha256()
        for strip in self.strips:
            digest.update(strip)
        return digest.hexdigest()

    def __iter__(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield each strip as (first row, number of rows, bytes)."""
        for first, strip in zip(self._firsts, self.strips, strict=True):
            yield first, len(strip) // self.row_bytes, strip

    def rows(self, first: int, count: int) -> bytes:
        """Return `count` rows from row `first` on, or fewer at the end."""
        parts: list[bytes] = []
        at = max(0, bisect_right(self._firsts, first) - 1)
        last = first + count
        while at < len(self.strips) and self._firsts[at] < last:
            top = self._firsts[at]
            parts.append(self.strips[at][max(0, first - top) * self.row_bytes : (last - top) * self.row_bytes])
            at += 1
        return b"".join(parts)

    def part(self, rect: tuple[int, int, int, int], pixel_bytes: int) -> bytes:
        """Return the pixels of a rectangle (left, top, width, height) within the raster."""
        left, top, width, height = rect
        rows, row = self.rows(top, height), self.row_bytes
        if width * pixel_bytes == row:
            return rows
        return b"".join(rows[at : at + width * pixel_bytes] for at in range(left * pixel_bytes, len(rows), row))

    @cached_property
    def _firsts(self) -> list[int]:
        firsts, row = [], 0
        for strip in self.strips:
            firsts.append(row)
            row += len(strip) // self.row_bytes
        return firsts


def strips(height: int, rows: int) -> Iterable[tuple[int, int]]:
    """Yield (first row, number of rows) of strips of `rows` rows."""
    for first in range(0, height, rows):
        yield first, min(rows, height - first)


def strip_rows(row_bytes: int) -> int:
    """Return the number of rows in a strip."""
    return max(1, STRIP_BYTES // max(1, row_bytes))


def all_opaque(data: bytes, depth: str, pixel_bytes: int) -> bool:
    """Return whether every pixel is fully opaque.

    Args:
        data: Packed pixels whose last channel is alpha.
        depth: Krita's name for the channel depth.
        pixel_bytes: Bytes per pixel.
    """
    one, pixels = ONE[depth], len(data) // pixel_bytes
    return all(
        data[pixel_bytes - len(one) + at :: pixel_bytes].count(byte) == pixels for at, byte in enumerate(one)
    )


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


def exchanged(space: Space) -> Space:
    """Return the space in which a layer's pixels go to the worker: its own if the worker accepts it."""
    return EXCHANGE if wire_format(space) is None else space


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

    def __init__(self, node: Node, rect: Rect, *, masked: bool = False) -> None:
        """Take the snapshot, of a paint layer with its masks applied if `masked` is set."""
        self.rect = rect
        self.space = Space.of(node)
        self._whole: Raster | None = None
        if node.type() == "paintlayer" and not (masked or node.animated()):
            # The copy shares its tiles with the layer until someone paints on the layer.
            self._node = node.duplicate()
        else:
            plain = node.type() == "paintlayer" and not masked
            read = node.pixelData if plain else node.projectionPixelData
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
        for first, rows in strips(
            rect.height, _rows_per_strip(snapshot.row_bytes, rect.width, converting=own != space)
        ):
            found.append(scratch.converted(snapshot.rows(first, rows), rect.width, own, space))
            yield
    return Raster(row_bytes=sum(map(len, found)) // rect.height, strips=tuple(found))


def writing(
    node: Node, rect: Rect, raster: Raster, space: Space, scratch: ScratchDocuments
) -> Generator[None, None, None]:
    """Fill `rect` of a node with a raster in `space`, one strip per step."""
    own = Space.of(node)
    count = _rows_per_strip(raster.row_bytes, rect.width, converting=own != space)
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


def _rows_per_strip(row_bytes: int, width: int, *, converting: bool) -> int:
    return max(1, CONVERTED_PX // width) if converting else strip_rows(row_bytes)


_NO_PIXELS = ("mask", "filterlayer")  # Ends of the types of nodes without pixels of their own.
TOOLBOX = "ToolBox"  # Name of the docker with Krita's tools.
SAID_MS = 4000  # How long a message is shown over the canvas.
ANNOTATION = "dioptre"
VERSIONS = "dioptre-versions"
MAX_VERSIONS = 30  # Maximum number of recorded versions per node, more than anyone will undo.
MAX_NODES = 100
MARK_ROWS = 16  # Number of rows of a selection or mask that are read, because that is done often.


def coverage_masks(node: Node) -> list[Node]:
    """Return the visible transparency masks of a layer."""
    return [child for child in node.childNodes() if child.type() == "transparencymask" and child.visible()]


def coverage_mark(node: Node, rect: Rect) -> tuple[Any, ...]:
    """Return a value that changes with a layer's opacity and transparency masks, from some of their rows."""
    rows = range(rect.y, rect.y + rect.height, max(1, rect.height // MARK_ROWS))
    masks = coverage_masks(node)
    return node.opacity(), *(bytes(mask.pixelData(rect.x, row, rect.width, 1)) for mask in masks for row in rows)


class DocumentResults(Results[Node]):
    """The record of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        super().__init__(lambda: bytes(document.annotation(ANNOTATION) or b""), self._write)

    def _write(self, data: bytes) -> None:
        self._document.setAnnotation(ANNOTATION, "How Dioptre's layers were made", QByteArray(data))

    def find(self, link: Link | None) -> Node | None:
        return find_linked(self._document, link)

    def id_of(self, layer: Node) -> str:
        return node_id(self._document, layer)

    def parent_of(self, layer: Node) -> Node | None:
        return layer.parentNode()

    def below(self, layer: Node) -> list[Node]:
        if (parent := layer.parentNode()) is None:
            return []
        beside = [each for each in parent.childNodes() if each is not None]
        place = [own_id(each) for each in beside].index(own_id(layer))
        return [each for each in beside[:place][::-1] if each.visible() and not each.type().endswith(_NO_PIXELS)]

    def is_masked(self, layer: Node) -> bool:
        _opacity, *rows = coverage_mark(layer, Rect.of(layer))
        return any(row.strip(b"\xff") for row in rows)  # A white mask waits for a range of depth.

    def area_of(self, layer: Node) -> int:
        rect = Rect.of(layer)
        return rect.width * rect.height


def record_of(document: Document) -> DocumentResults:
    """Return the record of results in `document`."""
    return DocumentResults(document)


def link_to(document: Document, node: Node, *, sha256: str = "", rect: tuple[int, int, int, int] = NOWHERE) -> Link:
    return Link(id=node_id(document, node), name=node.name(), sha256=sha256, rect=rect)


def versions(document: Document) -> list[list[Link]]:
    """Return chains of links to nodes that replaced each other, oldest first; [] if the annotation is damaged."""
    data = bytes(document.annotation(VERSIONS) or b"")
    try:
        return [[Link.from_dict(fields) for fields in one] for one in strict_json.parsed(data)] if data else []
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def add_version(document: Document, old: Link, new: Link) -> None:
    """Record that a node replaced another one; both links contain the nodes' own ids."""
    known = versions(document)
    same = next((one for one in known if any(link.id == old.id for link in one)), None)
    if same is None:
        known.append(same := [old])
    same.append(new)
    del same[1 : max(1, len(same) - MAX_VERSIONS)]  # The first id names the whole chain and must stay.
    data = json.dumps([[asdict(link) for link in one] for one in known[-MAX_NODES:]], separators=(",", ":"))
    document.setAnnotation(VERSIONS, "Which layers are versions of each other", QByteArray(data.encode("ascii")))


def current(document: Document, known: Link | None) -> tuple[Node, Link] | None:
    """Return the node's current version in the document and the link of that version, or None."""
    if known is None:
        return None
    for one in versions(document):
        if one[0].id == known.id:
            each = ((_with_id(document, str(link.id)), link) for link in reversed(one))
            return next(((node, link) for node, link in each if node is not None), None)
    node = _with_id(document, str(known.id))
    return None if node is None else (node, known)


def find_linked(document: Document, known: Link | None) -> Node | None:
    """Return the current version of the linked node if it is in the document."""
    found = current(document, known)
    return None if found is None else found[0]


def find_node(document: Document, text: str) -> Node | None:
    """Return the current version of the node with this id."""
    return find_linked(document, Link(id=text, name=""))


def depth_of(document: Document, entries: Sequence[Entry], picture: Node) -> Node | None:
    """Return the newest depth layer computed from or used with `picture`, or with its source if it is a result."""
    own = node_id(document, picture)
    behind = (
        entry.outputs.get(Role.DEPTH.value) or entry.inputs.get("disparity")
        for entry in reversed(entries)
        if any(link.id == own for link in entry.outputs.values())
    )
    links = [*depth_links(entries, own), *(link for link in behind if link is not None and link.id != own)]
    return next(iter(_nodes_found(document, links)), None)


def picture_of(document: Document, entries: Sequence[Entry], depth: Node) -> Node | None:
    """Return the picture that `depth` was estimated from."""
    return next(iter(_nodes_found(document, picture_links(entries, node_id(document, depth)))), None)


def node_id(document: Document, node: Node) -> str:
    """Return the id by which the record refers to the node."""
    text = own_id(node)
    return next((str(one[0].id) for one in versions(document) if any(link.id == text for link in one)), text)


def own_id(node: Node) -> str:
    """Return the node's own unique id."""
    return node.uniqueId().toString()


def all_nodes(node: Node) -> Iterator[Node]:
    """Yield all nodes below `node` in the tree, from the bottom."""
    for child in node.childNodes():
        if child is not None:  # Krita lists None for a node that an undo is removing right now.
            yield child
            yield from all_nodes(child)


def _with_id(document: Document, text: str) -> Node | None:
    return document.nodeByUniqueID(QUuid(text))


def _nodes_found(document: Document, links: Iterable[Link]) -> list[Node]:
    return [node for known in links if (node := find_linked(document, known)) is not None]


def active() -> tuple[Document | None, Node | None]:
    """Return the active document and layer. Krita handles all waiting events meanwhile: never call it to render."""
    document = Krita.instance().activeDocument()
    node = None if document is None else document.activeNode()
    if document is None or not is_open(document):  # Krita crashes if a document is used that was closed meanwhile.
        return None, None
    return document, node


def is_active(document: Document) -> bool:
    """Return whether a document is the active one; unlike in `active`, Krita handles no events meanwhile."""
    active = Krita.instance().activeDocument()
    return active is not None and active == document


def is_open(document: Document) -> bool:
    return any(document == each for each in Krita.instance().documents())


def open_documents() -> list[Document]:
    return Krita.instance().documents()


def check_open(document: Document) -> None:
    if not is_open(document):
        raise refusals.document_closed()


def is_idle(document: Document) -> bool:
    """Return whether Krita is not working on the document right now. Polling this avoids a blocking wait."""
    idle: bool = document.tryBarrierLock()
    if idle:
        document.unlock()
    return idle


def trigger(action: str) -> None:
    """Trigger one of Krita's own actions."""
    Krita.instance().action(action).trigger()


def on_undo(act: Callable[..., object]) -> None:
    """Call `act`, the method of a widget that exists, after each undo and redo in the active window."""
    for action in ("edit_undo", "edit_redo"):
        Krita.instance().action(action).triggered.connect(act)


def client(purpose: str = "") -> str:
    """Return the name under which the worker knows this Krita, or one purpose of it."""
    return f"Krita {Krita.instance().version()}{f' ({purpose})' if purpose else ''}"


def opened(path: str) -> Document | None:
    """Open a file without a window."""
    return Krita.instance().openDocument(path)


def title_of(document: Document) -> str:
    """Return the file's name without its suffix, or the document's own name if the document was never saved."""
    file = document.fileName()
    return Path(file).stem if file else document.name() or translated("Picture")


def animated_document(name: str, files: Sequence[str], fps: int) -> Generator[None, None, Document]:
    """Make, in steps, a document without a window whose only layer shows a picture after the other.

    Krita adds the frames on threads of its own, and may crash if layers are removed or shown meanwhile.
    """
    size = QImage(files[0]).size()
    space = (size.width(), size.height(), name, "RGBA", "U8", _ENCODED["RGBA"][0], 72.0)
    document = Krita.instance().createDocument(*space)
    document.setBatchmode(True)
    document.setFramesPerSecond(fps)
    document.setFullClipRangeStartTime(0)
    document.setFullClipRangeEndTime(len(files) - 1)
    others = document.topLevelNodes()
    if not document.importAnimation(list(files), 0, 1):
        raise RefusedError("Krita cannot import the film's frames.")
    while not is_idle(document):
        yield
    for node in others:
        node.remove()
    while not is_idle(document):
        yield
    for node in document.topLevelNodes():
        node.setName(name)
    document.setBatchmode(False)
    return document


def show_document(document: Document) -> None:
    """Show an opened document in the active window."""
    window = Krita.instance().activeWindow()
    if window is not None:
        window.addView(document)


def shown_view(document: Document) -> View | None:
    """Return the active view if it shows the document."""
    window, shown = Krita.instance().activeWindow(), Krita.instance().activeDocument()
    return window.activeView() if window is not None and shown == document else None


def canvas_mark() -> tuple[object, ...]:
    """Return a value that changes with the active document, Krita's tool, and its layers and their visibility."""
    window, document = Krita.instance().activeWindow(), Krita.instance().activeDocument()
    boxes = [] if window is None else [one for one in window.dockers() if one.objectName() == TOOLBOX]
    tools = [one.objectName() for box in boxes for one in box.findChildren(QToolButton) if one.isChecked()]
    layers = () if document is None else _layers_with_visibility(document.rootNode())
    return next(iter(layers), None), *tools, *layers


def _layers_with_visibility(group: Node) -> Iterator[tuple[str, bool]]:
    """Yield each layer's id and visibility; Krita crashed after looks at masks, such as the selection's."""
    yield own_id(group), group.visible()
    for child in group.childNodes():
        if child is not None and child.type() == "grouplayer":
            yield from _layers_with_visibility(child)
        elif child is not None and not child.type().endswith("mask"):
            yield own_id(child), child.visible()


def canvas_widget() -> QWidget | None:
    """Return the widget on which the active view draws its document."""
    window = Krita.instance().activeWindow().qwindow()
    areas = window.centralWidget().findChildren(QMdiArea)  # The whole window has thousands of children.
    views = [each for area in areas if (each := area.activeSubWindow()) is not None]
    canvases = [each.viewport() for view in views for each in view.findChildren(QAbstractScrollArea)]
    widgets = [each for canvas in canvases for each in canvas.children() if isinstance(each, QWidget)]
    return widgets[0] if widgets else None


def remembered(setting: str) -> bool:
    """Return a setting of the plug-in, which Krita keeps; False at first."""
    return bool(Krita.instance().readSetting("dioptre", setting, "") == "yes")


def remember(setting: str, on: bool) -> None:
    Krita.instance().writeSetting("dioptre", setting, "yes" if on else "")


def empty_selection() -> Selection:
    return Selection()


def say(words: str) -> None:
    """Show a message over the canvas that disappears on its own."""
    window = Krita.instance().activeWindow()
    view = window.activeView() if window is not None else None
    if view is not None:
        view.showFloatingMessage(words, Krita.instance().icon("dialog-information"), SAID_MS, 1)
