"""Determines the layers that an operation works on, takes snapshots of them, and refuses unsuitable ones."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from krita import Document, Krita, Node

from . import metres, recipe, spaces
from .dioptre_link.catalogue.white_balance import TEMPERATURE
from .dioptre_link.chain import Chain
from .dioptre_link.editing import refusals
from .dioptre_link.editing.depth_names import without_metres
from .dioptre_link.editing.refusals import Refusals
from .dioptre_link.editing.traits import enlarges, finds_depth_layer, selects, takes_depth
from .dioptre_link.errors import RefusedError
from .dioptre_link.metres import DepthMetres
from .dioptre_link.operation import Input, Operation, Role
from .dioptre_link.wire import MAX_SIDE_PX, PixelFormat
from .extent import taking_part
from .raster import Raster, is_opaque
from .spaces import Rect, Snapshot, Space

IN_KRITA = Refusals(menu="Filter ▸ Dioptre")
DEPTH_NAME = "Depth"
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
        depth: The depth layer, if any.
        plain: Whether a layer above the picture looks the same as a layer in its place.
        selection: 8-bit values over the picture's rectangle; None without a selection.
        opened_file: The photograph that the document was probably opened from, if any.
        depth_metres: The metres of the depth layer, if they are known.
    """

    document: Document
    picture: Picture
    depth: Picture | None
    plain: bool
    selection: bytes | None
    opened_file: str | None
    depth_metres: DepthMetres | None = None

    def node(self) -> Node:
        """Return the picture's current node.

        Raises:
            RefusedError: The layer was deleted or the document was closed.
        """
        check_open(self.document)
        node = recipe.find_node(self.document, self.picture.node)
        if node is None:
            raise refusals.layer_deleted(self.picture.name)
        return node


@dataclass(frozen=True, kw_only=True)
class Found:
    """The checked inputs of one run before their pixels are read. `plain` does not account for transparency yet."""

    document: Document
    picture: Node
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

    def _freeze(self) -> tuple[_Frozen, _Frozen | None]:
        check_size(self.picture)
        rect = Rect.of(self.picture)
        depth = None if self.depth is None else _frozen(self.document, self.depth, rect)
        return _frozen(self.document, self.picture, rect), depth

    def _read(self, frozen: tuple[_Frozen, _Frozen | None] | None) -> Generator[None, None, Source]:
        while frozen is None:
            yield
            check_open(self.document)
            frozen = self._freeze() if is_idle(self.document) else None
        (of_picture, of_depth), whole = frozen, frozen[0].pixels.rect
        rect = yield from taking_part(of_picture.pixels, canvas_of(self.document))
        picture = yield from of_picture.read(rect)
        depth = None
        if of_depth is not None:
            depth = yield from of_depth.read(of_depth.place(rect), spaces.DEPTH)
        in_metres = self.depth_metres
        if depth is not None and in_metres is None:
            in_metres = yield from metres.of_pixels(depth.raster, Krita.instance().documents())
        selection = self.selection
        if selection is not None and rect != whole:
            part = (rect.x - whole.x, rect.y - whole.y, rect.width, rect.height)
            selection = Raster.of(selection, whole.width).part(part, 1)
        return Source(
            document=self.document,
            picture=picture,
            depth=depth,
            plain=self.plain and picture.opaque,
            selection=selection,
            opened_file=opened_file(self.document),
            depth_metres=in_metres,
        )


@dataclass(frozen=True, kw_only=True)
class _Frozen:
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
        given = space or (pixels.space if spaces.wire_format(pixels.space) is not None else spaces.EXCHANGE)
        pixel_format = spaces.wire_format(given)
        assert pixel_format is not None
        raster = yield from spaces.reading(pixels, given)
        if raster.row_bytes != rect.width * pixel_format.pixel_bytes:
            raise RefusedError("Krita cannot read the pixels of the layer “{name}”.", name=self.name)
        opaque = True
        for strip in raster.strips:
            opaque = opaque and is_opaque(strip, given.depth, pixel_format.pixel_bytes)
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


def _frozen(document: Document, node: Node, rect: Rect) -> _Frozen:
    return _Frozen(
        node=recipe.node_id(document, node), name=node.name(), bounds=Rect.of(node), pixels=Snapshot(node, rect)
    )


def canvas_of(document: Document) -> Rect:
    return Rect(0, 0, document.width(), document.height())


def part_on_canvas(document: Document, node: Node) -> Generator[None, None, Picture]:
    """Take a snapshot of the part of the layer that `taking_part` returns, and read it in steps."""
    check_size(node)
    frozen, canvas = _frozen(document, node, Rect.of(node)), canvas_of(document)

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


def check_open(document: Document) -> None:
    if not any(document == each for each in Krita.instance().documents()):
        raise refusals.document_closed()


def is_idle(document: Document) -> bool:
    """Return whether Krita is not working on the document right now. Polling this avoids a blocking wait."""
    idle: bool = document.tryBarrierLock()
    if idle:
        document.unlock()
    return idle


def find(
    described: Operation,
    document: Document | None,
    node: Node | None,
    depth: Node | None = None,
    *,
    fresh: bool = True,
    looks_for_depth: bool = True,
) -> Found:
    """Validate an operation's inputs and determine the layers to work on.

    Args:
        described: The operation.
        document: The document to work on.
        node: The selected layer.
        depth: The depth layer given by the user, if any.
        fresh: Whether the run creates new layers, which the selection limits.
        looks_for_depth: Whether to use the picture's own depth layer if `depth` is None.

    Returns:
        The layers, whose pixels have not been read yet.

    Raises:
        RefusedError: The operation cannot work on these layers.
    """
    if document is None:
        raise refusals.no_document()
    picture = _layer(node)
    entries = recipe.of(document).readable()
    if takes_depth(described) and depth is None:
        if (source := recipe.picture_of(document, entries, picture)) is not None:
            picture, depth = source, picture  # The selected layer is itself a depth layer.
        elif looks_for_depth and finds_depth_layer(described):
            depth = recipe.depth_of(document, entries, picture) or _named_depth(document, picture)
            if depth is None and Input.DISPARITY in described.inputs:
                raise IN_KRITA.needs_depth(described)
        elif Role.DEPTH not in described.outputs:
            depth = recipe.depth_of(document, entries, picture)  # Here a missing depth layer is not an error.
    if depth is not None and recipe.own_id(depth) == recipe.own_id(picture):
        raise refusals.same_layer()
    if fresh:
        _check_place(picture)
    check_size(picture)
    if _balances_colour(described) and picture.colorModel() == "GRAYA":
        raise RefusedError(
            "The layer “{name}” is grey and has no colour cast.",
            hint="Select a colour layer, or convert the image to RGB first.",
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
    fresh_or_needed = (fresh and not selects(described)) or Input.SELECTION in described.inputs
    selection = _selection(document, Rect.of(picture)) if fresh_or_needed else None
    if selection is None and Input.SELECTION in described.inputs:
        raise refusals.needs_selection(described)
    if selection is not None and enlarging:
        raise refusals.selection_enlarged(described)
    if selection is not None and not any(selection):
        raise refusals.selection_outside(picture.name())
    plain = picture.opacity() == 255 and picture.blendingMode() == "normal" and not masks
    return Found(
        document=document,
        picture=picture,
        depth=depth,
        plain=plain,
        selection=selection,
        depth_metres=None if depth is None else metres.of_node(document, entries, depth),
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
    return _frozen(document, node, rect).read(rect, space)


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
        for node in recipe.all_nodes(document.rootNode())
        if without_metres(node.name()) == DEPTH_NAME and recipe.own_id(node) != recipe.own_id(picture)
    ]
    return named[0] if len(named) == 1 else None


def _selection(document: Document, rect: Rect) -> bytes | None:
    selection = document.selection()
    if selection is None or selection.width() == 0 or selection.height() == 0:
        return None
    return bytes(selection.pixelData(*rect))
