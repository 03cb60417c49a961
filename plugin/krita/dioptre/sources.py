"""Determines the layers that an operation works on, takes snapshots of them, and refuses unsuitable ones.

A stroke across the canvas edge enlarges a paint layer. Outside the canvas it is then mostly transparent, and a blur
would spread that transparency into the picture. Photo content outside the canvas, as after a move, is included.

Krita copies a layer with its name and pixels, and gives the copy another id. A copy of a depth layer is known by
the metres in its name; a copy that was renamed, by pixels equal to those of a recorded layer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .dioptre_link.catalogue.white_balance import TEMPERATURE
from .dioptre_link.chain import Chain
from .dioptre_link.editing import refusals
from .dioptre_link.editing.depth_names import metres_in, without_metres
from .dioptre_link.editing.events import Image
from .dioptre_link.editing.refusals import Refusals
from .dioptre_link.editing.traits import enlarges, films, finds_depth_layer, selects, takes_depth
from .dioptre_link.errors import RefusedError
from .dioptre_link.metres import DepthMetres
from .dioptre_link.operation import Input, Operation, Role
from .dioptre_link.records import Entry, depth_metres, metres_by_content
from .dioptre_link.wire import MAX_SIDE_PX, PixelFormat
from .document import (
    DEPTH,
    MARK_ROWS,
    ONE,
    Document,
    Node,
    Raster,
    Rect,
    Snapshot,
    Space,
    all_nodes,
    all_opaque,
    check_open,
    depth_of,
    exchanged,
    find_node,
    is_idle,
    node_id,
    open_documents,
    own_id,
    picture_of,
    reading,
    record_of,
    strip_rows,
    strips,
    wire_format,
)

_LEFT, _TOP, _RIGHT, _BOTTOM = range(4)  # Indices into the lists of edges in this module.


def taking_part(frozen: Snapshot, canvas: Rect) -> Generator[None, None, Rect]:
    """Find the rectangle of a layer to process, in steps.

    It contains the part on the canvas and extends beyond each side where the layer is opaque outside the canvas. A
    side that is not opaque is cut at the canvas if the layer is opaque all over the canvas or mostly ends at that
    side. A layer outside the canvas is processed whole.

    Args:
        frozen: The layer's pixels.
        canvas: Rectangle of the canvas, in document pixels.

    Returns:
        A rectangle inside `frozen.rect`.
    """
    outer, edges = _edges(frozen.rect), _common(frozen.rect, canvas)
    on_canvas = _rect(edges)
    if edges == outer or on_canvas.width <= 0 or on_canvas.height <= 0:
        return frozen.rect
    fills_canvas: bool | None = None
    for side in (_LEFT, _RIGHT, _TOP, _BOTTOM):
        if edges[side] == outer[side]:
            continue
        if not (yield from _part_is_opaque(frozen, _beyond(edges, outer, side))):
            if fills_canvas is None:
                fills_canvas = yield from _part_is_opaque(frozen, on_canvas)
            if fills_canvas or _ends_at(frozen, edges, side):
                continue
        edges[side] = outer[side]
    return _rect(edges)


def _part_is_opaque(frozen: Snapshot, rect: Rect) -> Generator[None, None, bool]:
    part = frozen.narrowed(rect)
    for first, rows in strips(rect.height, strip_rows(part.row_bytes)):
        if not all_opaque(part.rows(first, rows), part.space.depth, part.pixel_bytes):
            return False
        yield
    return True


def _ends_at(frozen: Snapshot, edges: list[int], side: int) -> bool:
    """Return whether most of the layer's pixels along a side of the canvas have no neighbour outside the canvas."""
    inner, outer = list(edges), list(edges)
    if side in (_LEFT, _TOP):
        inner[side + 2], outer[side], outer[side + 2] = edges[side] + 1, edges[side] - 1, edges[side]
    else:
        inner[side - 2], outer[side - 2], outer[side] = edges[side] - 1, edges[side], edges[side] + 1
    pairs = list(zip(_seen(frozen, _rect(inner)), _seen(frozen, _rect(outer)), strict=True))
    along = sum(inside for inside, _ in pairs)
    return along > 0 and 2 * sum(inside and not beyond for inside, beyond in pairs) >= along


def _seen(frozen: Snapshot, line: Rect) -> list[bool]:
    """Return for each pixel of a line whether it is at least partly opaque."""
    part = frozen.narrowed(line)
    data, size = part.rows(0, line.height), part.pixel_bytes
    alpha = len(ONE[part.space.depth])
    return [any(data[at + size - alpha : at + size]) for at in range(0, len(data), size)]


def _edges(rect: Rect) -> list[int]:
    return [rect.x, rect.y, rect.x + rect.width, rect.y + rect.height]


def _rect(edges: list[int]) -> Rect:
    return Rect(edges[_LEFT], edges[_TOP], edges[_RIGHT] - edges[_LEFT], edges[_BOTTOM] - edges[_TOP])


def _common(one: Rect, other: Rect) -> list[int]:
    """Return the edges of the intersection of two rectangles."""
    (left, top, right, bottom), (left_2, top_2, right_2, bottom_2) = _edges(one), _edges(other)
    return [max(left, left_2), max(top, top_2), min(right, right_2), min(bottom, bottom_2)]


def _beyond(edges: list[int], outer: list[int], side: int) -> Rect:
    """Return the strip between one side of `edges` and the same side of `outer`, as long as that side."""
    strip = list(edges)
    strip[side] = outer[side]
    strip[side + 2 if side in (_LEFT, _TOP) else side - 2] = edges[side]
    return _rect(strip)


def metres_of(document: Document, entries: Sequence[Entry], depth: Node) -> DepthMetres | None:
    """Return the metres of a depth layer by the document's record, or else by its name; None if unknown."""
    return depth_metres(entries, node_id(document, depth)) or metres_in(depth.name())


def metres_by_pixels(depth: Raster, documents: Iterable[Document]) -> Generator[None, None, DepthMetres | None]:
    """Find, in steps, a recorded depth layer of the open documents that has the same pixels; return its metres.

    Layers with the same pixels but different metres, such as photos of the same scene through different lenses,
    leave the metres unknown.
    """
    known: dict[str, set[DepthMetres]] = {}
    for document in documents:
        for sha256, metres in metres_by_content(record_of(document).readable()):
            known.setdefault(sha256, set()).add(metres)
    if not known:
        return None
    digest = hashlib.sha256()  # Like `Raster.sha256`, which would block the GUI thread.
    for strip in depth.strips:
        digest.update(strip)
        yield
    found = known.get(digest.hexdigest(), set())
    return next(iter(found)) if len(found) == 1 else None


IN_KRITA = Refusals(menu="Filter ▸ Dioptre")
DEPTH_NAME = "Depth"
NO_SELECTION: tuple[object, ...] = ()
LAYERED_FILES = (".kra", ".krz", ".ora")
PHOTO_FILES = (".jpg", ".jpeg", ".heic", ".heif")  # Formats that can contain the camera's depth.


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Pixels of one node at the time of reading.

    Attributes:
        node: Id of the node in the record.
        name: Name of the node.
        rect: Rectangle of the pixels, in document coordinates.
        raster: The pixels.
        format: Pixel format of `raster`.
        space: Colour space of the node itself.
        opaque: Whether every pixel is fully opaque.
    """

    node: str
    name: str
    rect: Rect
    raster: Raster
    format: PixelFormat
    space: Space
    opaque: bool


@dataclass(frozen=True, kw_only=True)
class Source:
    """The inputs of one run.

    Attributes:
        document: The document.
        picture: The picture to work on.
        layer: The layer to place in the picture, over the picture's rectangle, if any.
        depth: The depth layer, if any.
        plain: Whether a layer above the picture looks the same as a layer in its place.
        selection: 8-bit values over the picture's rectangle; None without a selection.
        opened_file: The photograph that the document was probably opened from, if any.
        depth_metres: The metres of the depth layer, if they are known.
        coverage: The picture's transparency masks times its opacity, reduced for the preview; None if all is seen.
        painted: Whether the depth is that of the result to replace, which was painted on.
    """

    document: Document
    picture: Picture
    layer: Picture | None
    depth: Picture | None
    plain: bool
    selection: bytes | None
    opened_file: str | None
    depth_metres: DepthMetres | None = None
    coverage: Image | None = None
    painted: bool = False

    def node(self) -> Node:
        """Return the picture's current node.

        Raises:
            RefusedError: The layer was deleted or the document was closed.
        """
        return self._now(self.picture)

    def layer_node(self) -> Node | None:
        """Return the current node of the layer to place; raise RefusedError if it was deleted."""
        return None if self.layer is None else self._now(self.layer)

    def _now(self, read: Picture) -> Node:
        check_open(self.document)
        node = find_node(self.document, read.node)
        if node is None:
            raise refusals.layer_deleted(read.name)
        return node


@dataclass(frozen=True, kw_only=True)
class Found:
    """The checked inputs of one run before their pixels are read. `plain` does not account for transparency yet."""

    document: Document
    picture: Node
    layer: Node | None
    depth: Node | None
    plain: bool
    selection: bytes | None
    depth_metres: DepthMetres | None = None

    def read(self) -> Generator[None, None, Source]:
        """Take a snapshot and read it in steps; a stroke in progress is included.

        Raises:
            RefusedError: The layer cannot be read; raised immediately if possible.
        """
        frozen = self._freeze() if is_idle(self.document) else None
        return self._read(frozen)

    def _freeze(self) -> tuple[Frozen, Frozen | None, Frozen | None]:
        check_size(self.picture)
        rect = Rect.of(self.picture)
        depth = None if self.depth is None else freeze(self.document, self.depth, rect)
        layer = None
        if self.layer is not None:
            layer = freeze(self.document, self.layer, rect, masked=has_masks(self.layer))
        return freeze(self.document, self.picture, rect), layer, depth

    def _read(self, frozen: tuple[Frozen, Frozen | None, Frozen | None] | None) -> Generator[None, None, Source]:
        while frozen is None:
            yield
            check_open(self.document)
            frozen = self._freeze() if is_idle(self.document) else None
        (of_picture, of_layer, of_depth), whole = frozen, frozen[0].pixels.rect
        rect = yield from taking_part(of_picture.pixels, canvas_of(self.document))
        picture = yield from of_picture.read(rect)
        layer = None if of_layer is None else (yield from of_layer.read(rect))
        depth = None
        if of_depth is not None:
            depth = yield from of_depth.read(of_depth.place(rect), DEPTH)
        in_metres = self.depth_metres
        if depth is not None and in_metres is None:
            in_metres = yield from metres_by_pixels(depth.raster, open_documents())
        selection = self.selection
        if selection is not None and rect != whole:
            part = (rect.x - whole.x, rect.y - whole.y, rect.width, rect.height)
            selection = Raster.of(selection, whole.width).part(part, 1)
        return Source(
            document=self.document,
            picture=picture,
            layer=layer,
            depth=depth,
            plain=self.plain and picture.opaque,
            selection=selection,
            opened_file=opened_file(self.document),
            depth_metres=in_metres,
        )


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """Snapshot of a layer. `bounds` is the rectangle of the whole layer."""

    node: str
    name: str
    bounds: Rect
    pixels: Snapshot

    def place(self, picture: Rect) -> Rect:
        """Return the rectangle to read if this layer is used as the depth of `picture`."""
        return depth_place(self.bounds, picture) if self.pixels.any_place else picture

    def read(self, rect: Rect, space: Space | None = None) -> Generator[None, None, Picture]:
        """Read a part of the layer in steps, in `space` or in a space that the worker accepts."""
        pixels = self.pixels.narrowed(rect)
        given = space or exchanged(pixels.space)
        pixel_format = wire_format(given)
        assert pixel_format is not None
        raster = yield from reading(pixels, given)
        if raster.row_bytes != rect.width * pixel_format.pixel_bytes:
            raise RefusedError("Krita cannot read the pixels of the layer “{name}”.", name=self.name)
        opaque = True
        for strip in raster.strips:
            opaque = opaque and all_opaque(strip, given.depth, pixel_format.pixel_bytes)
            yield
        return Picture(
            node=self.node,
            name=self.name,
            rect=rect,
            raster=raster,
            format=pixel_format,
            space=pixels.space,
            opaque=opaque,
        )


def freeze(document: Document, node: Node, rect: Rect, *, masked: bool = False) -> Frozen:
    """Take a snapshot of a layer."""
    pixels = Snapshot(node, rect, masked=masked)
    return Frozen(node=node_id(document, node), name=node.name(), bounds=Rect.of(node), pixels=pixels)


def has_masks(node: Node) -> bool:
    """Return whether visible masks change how the layer looks."""
    return any(child.type().endswith("mask") and child.visible() for child in node.childNodes())


def layer_and_photo(document: Document, node: Node | None) -> tuple[Node, Node]:
    """Return the layer that would be placed if `node` is selected, and the picture below it.

    Raises:
        RefusedError: There is none.
    """
    layer = _layer(node)
    return layer, record_of(document).photo_below(layer, layer.name())


def photo_and_depth(document: Document, node: Node | None) -> tuple[Node, Node | None]:
    """Return the picture that a selected layer stands for, and that layer if it is the picture's depth.

    Raises:
        RefusedError: It stands for none.
    """
    layer = record_of(document).unplaced(_layer(node))
    photo = picture_of(document, record_of(document).readable(), layer)
    return (layer, None) if photo is None else (photo, layer)


def canvas_of(document: Document) -> Rect:
    return Rect(0, 0, document.width(), document.height())


def part_on_canvas(document: Document, node: Node) -> Generator[None, None, Picture]:
    """Take a snapshot of the part of the layer that `taking_part` returns, and read it in steps."""
    check_size(node)
    frozen, canvas = freeze(document, node, Rect.of(node)), canvas_of(document)

    def read() -> Generator[None, None, Picture]:
        return (yield from frozen.read((yield from taking_part(frozen.pixels, canvas))))

    return read()


def depth_place(bounds: Rect, picture: Rect) -> Rect:
    """Return where to read a picture's depth: the whole depth layer, even if moved, if it has the picture's size.

    Args:
        bounds: Rectangle of the depth layer.
        picture: Rectangle of the picture that is read.
    """
    return bounds if bounds[2:] == picture[2:] else picture


def find(
    described: Operation,
    document: Document | None,
    node: Node | None,
    depth: Node | None = None,
    *,
    layer: Node | None = None,
    fresh: bool = True,
    looks_for_depth: bool = True,
) -> Found:
    """Validate an operation's inputs and determine the layers to work on.

    Args:
        described: The operation.
        document: The document to work on.
        node: The selected layer.
        depth: The depth layer given by the user, if any.
        layer: The layer to place in `node`. Default: an operation that places one takes `node`, and the picture
            below it.
        fresh: Whether the run creates new layers, which the selection limits.
        looks_for_depth: Whether to use the picture's own depth layer if `depth` is None.

    Returns:
        The layers, whose pixels have not been read yet.

    Raises:
        RefusedError: The operation cannot work on these layers.
    """
    if document is None:
        raise refusals.no_document()
    if described.places and layer is None:
        layer, node = layer_and_photo(document, node)
    entries = record_of(document).readable()
    picture = _layer(node)
    if depth is None and layer is None and looks_for_depth:
        picture, depth = photo_and_depth(document, picture)
    if not takes_depth(described):
        depth = None
    elif depth is None:
        if looks_for_depth and finds_depth_layer(described):
            depth = depth_of(document, entries, picture) or _named_depth(document, picture)
            if depth is None and Input.DISPARITY in described.inputs:
                raise IN_KRITA.needs_depth(described.title)
        elif Role.DEPTH not in described.outputs:
            depth = depth_of(document, entries, picture)  # Here a missing depth layer is not an error.
    if depth is not None and own_id(depth) == own_id(picture):
        raise refusals.same_layer()
    if fresh:
        _check_place(layer or picture)
    check_size(picture)
    if _balances_colour(described) and picture.colorModel() == "GRAYA":
        raise RefusedError(
            "The layer “{name}” is grey and has no colour cast.",
            hint="Select a colour layer, or convert the image to RGB first.",
            name=picture.name(),
        )
    if films(described) and picture.animated():
        raise RefusedError(
            "“{name}” is a film: the animation timeline plays it, and File ▸ Render Animation saves it.",
            hint="Select a photo to make a film of it.",
            name=picture.name(),
        )
    masks = [child for child in picture.childNodes() if child.type().endswith("mask")]
    enlarging = enlarges(described)
    if fresh and enlarging and masks:
        raise RefusedError(
            "The layer “{name}” has masks, which would not fit the enlarged layer.",
            hint="Use Filter ▸ Dioptre ▸ Super-resolution of the whole document, or remove the masks.",
            name=picture.name(),
        )
    needed = Input.SELECTION in described.inputs
    limited = fresh and not (selects(described) or described.places)
    selection = selection_in(document, Rect.of(picture)) if limited or needed else None
    if selection is None and needed:
        raise refusals.needs_selection(described)
    if selection is not None and enlarging:
        raise refusals.selection_enlarged(described)
    if selection is not None and not any(selection):
        raise refusals.selection_outside(picture.name())
    plain = picture.opacity() == 255 and picture.blendingMode() == "normal" and not masks
    return Found(
        document=document,
        picture=picture,
        layer=layer,
        depth=depth,
        plain=plain,
        selection=selection,
        depth_metres=None if depth is None else metres_of(document, entries, depth),
    )


def check_size(node: Node) -> None:
    rect = Rect.of(node)
    if rect.width <= 0 or rect.height <= 0:
        raise (refusals.empty_group if node.type() == "grouplayer" else refusals.empty_layer)(node.name())
    if max(rect.width, rect.height) > MAX_SIDE_PX:
        raise refusals.layer_too_large(node.name(), MAX_SIDE_PX)


def snapshot(
    document: Document, node: Node, *, rect: Rect | None = None, space: Space | None = None
) -> Generator[None, None, Picture]:
    """Take a snapshot of the node and read it in steps, in `space` or in a space that the worker accepts."""
    if rect is None:
        check_size(node)
        rect = Rect.of(node)
    return freeze(document, node, rect).read(rect, space)


def opened_file(document: Document) -> str | None:
    """Return the document's file; for a layered file, return a photograph of the same name next to it."""
    path = Path(document.fileName()) if document.fileName() else None
    if path is None or path.suffix.lower() not in LAYERED_FILES:
        return None if path is None else str(path)
    beside = (path.with_suffix(suffix) for ending in PHOTO_FILES for suffix in (ending, ending.upper()))
    return next((str(one) for one in beside if one.is_file()), None)


def _balances_colour(described: Operation) -> bool:
    return not isinstance(described, Chain) and any(one.name == TEMPERATURE for one in described.parameters)


def _layer(node: Node | None) -> Node:
    while node is not None and node.type().endswith("mask") and node.parentNode() is not None:
        node = node.parentNode()  # Work on the layer that the mask belongs to.
    if node is None or node.parentNode() is None:
        raise refusals.no_layer()
    if node.type() == "filterlayer":
        raise RefusedError(
            "“{name}” is a filter layer and has no pixels of its own.",
            hint="Select another layer.",
            name=node.name(),
        )
    return node


def _check_place(picture: Node) -> None:
    parent = picture.parentNode()
    while parent is not None and parent.parentNode() is not None:
        if parent.locked():
            raise RefusedError(
                "The group “{name}” is locked.",
                hint="Unlock it so that the result can be added there.",
                name=parent.name(),
            )
        parent = parent.parentNode()


def _named_depth(document: Document, picture: Node) -> Node | None:
    named = [
        node
        for node in all_nodes(document.rootNode())
        if without_metres(node.name()) == DEPTH_NAME and own_id(node) != own_id(picture)
    ]
    return named[0] if len(named) == 1 else None


def selection_in(document: Document, rect: Rect) -> bytes | None:
    """Return the selection as 8-bit values over a rectangle; None if there is none."""
    selection = document.selection()
    if selection is None or selection.width() == 0 or selection.height() == 0:
        return None
    return bytes(selection.pixelData(*rect))


def selection_mark(document: Document) -> tuple[object, ...]:
    """Return a value that changes with the document's selection, from some of its rows: it is asked for often."""
    selection = document.selection()
    if selection is None or selection.width() == 0 or selection.height() == 0:
        return NO_SELECTION
    left, top, width, height = selection.x(), selection.y(), selection.width(), selection.height()
    rows = range(top, top + height, max(1, height // MARK_ROWS))
    return left, top, width, height, *(bytes(selection.pixelData(left, row, width, 1)) for row in rows)
