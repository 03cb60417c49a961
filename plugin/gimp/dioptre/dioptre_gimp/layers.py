"""Turns a result into new layers of the document in one undo step, without changing anything else.

Layers are created and filled outside the document first (`fill`) and inserted afterwards (`insert`), so a cancel or
an error before that leaves the document untouched.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from dioptre_link.client import Layer as ResultLayer
from dioptre_link.client import Result
from dioptre_link.editing import refusals
from dioptre_link.editing.events import Step, Steps
from dioptre_link.errors import DioptreError, RefusedError
from dioptre_link.metres import DepthMetres
from dioptre_link.operation import Operation, Role
from dioptre_link.records import made_from

from .document import (
    DEPTH,
    Format,
    Gegl,
    Gimp,
    bands,
    check_room,
    content_hash,
    copy_mask,
    cubic,
    depth_hash,
    keep,
    layer_format,
    logger,
    mark,
    mark_metres,
    must,
    picture_format,
    read_in,
    record_of,
    same_size,
)
from .sources import Source
from .transfer import BEFORE_LAYERS


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The new layer or group, and messages for the user."""

    layer: Gimp.Layer
    messages: tuple[str, ...]


def check_still_there(source: Source) -> None:
    """Raise if the document or a layer was closed or deleted during the run.

    Raises:
        RefusedError: The document or a layer is gone.
    """
    if not source.image.is_valid():
        raise refusals.document_closed()
    for layer in (source.picture, source.depth):
        if layer is not None and not layer.is_valid():
            raise RefusedError("The layer was deleted in the meantime.", hint="Undo the deletion and try again.")


DATA_ROLES = (Role.DEPTH, Role.CONFIDENCE)  # Roles of layers that hold values, not a picture.


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A new layer that is not in the document yet.

    Attributes:
        layer: The layer.
        role: Its role in the result.
        visible: Whether it will be visible.
        sha256: Its `content_hash`.
        metres: The metres of a depth layer, if they are known.
    """

    layer: Gimp.Layer
    role: Role
    visible: bool
    sha256: str
    metres: DepthMetres | None = None

    def mark_depth(self, layer: Gimp.Layer) -> None:
        """Store on `layer`, which has this depth now, its content hash and its metres."""
        mark(layer, self.sha256)
        mark_metres(layer, self.metres)


def fill(source: Source, result: Result, *, roles: tuple[Role, ...] = tuple(Role)) -> Steps[list[Filled]]:
    """Create and fill a layer for each layer of `result` that has one of these roles."""
    wanted = [made for made in result.layers if made.role in roles]
    check_room(sum(made.buffer.pixels.nbytes for made in wanted))
    filled: list[Filled] = []
    began = time.monotonic()
    try:
        for number, made in enumerate(wanted):
            layer = _new_layer(source, made)
            metres = DepthMetres.of_values(result.values) if made.role is Role.DEPTH else None
            filled.append(Filled(layer=layer, role=made.role, visible=made.visible, sha256="", metres=metres))
            for share in read_in(made.buffer, layer.get_buffer(), _format(source, made)):
                done = (number + share) / len(wanted)
                yield Step(fraction=BEFORE_LAYERS + (1 - BEFORE_LAYERS) * done, phase="Creating layers")
            layer.update(0, 0, layer.get_width(), layer.get_height())
            exact = made.role is Role.DEPTH
            key = keep(source.image, layer, made.buffer) if exact else content_hash(layer)
            filled[-1] = replace(filled[-1], sha256=key)
    except BaseException:
        discard(filled)
        raise
    logger.info("Made %d layers: %.2f s", len(filled), time.monotonic() - began)
    return filled


def discard(filled: list[Filled]) -> None:
    """Free layers that were not inserted into the document."""
    for one in filled:
        one.layer.delete()


def insert(source: Source, operation: Operation, filled: list[Filled]) -> Gimp.Layer:
    """Insert the layers above their source, in a group unless they are only data; call it inside an `undo_step`.

    If the source is not plain and opaque (it has transparency, a mask, or another mode or opacity), the group
    replaces it: the group takes the source's mode, opacity and mask, and the source is hidden. Otherwise the source
    does not change.

    Returns:
        The group, or the first layer if there is no group.
    """
    image, picture = source.image, source.picture
    parent, position = picture.get_parent(), _position(image, picture)
    x, y = picture.get_offsets()[1:]
    if all(one.role in DATA_ROLES for one in filled):
        for one in reversed(filled):
            put(image, one, parent, position, (x, y))
        return filled[0].layer
    group = Gimp.GroupLayer.new(image, operation.title)
    must(image.insert_layer(group, parent, position), "insert a layer group")
    try:
        for place, one in enumerate(filled):
            put(image, one, group, place, (x, y))
        selected = not Gimp.Selection.is_empty(image)
        for one in filled:
            if selected and one.role is Role.RESULT:
                must(one.layer.add_mask(_selection_mask(image, picture, one.layer)), "add a layer mask")
        if not source.plain and any(one.role is Role.RESULT for one in filled):
            _take_place(image, picture, group, below_result=selected and same_size(picture, group))
        _make_room(image, picture, filled)
    except BaseException:
        image.remove_layer(group)
        raise
    return group


def insert_cut_out(source: Source, one: Filled) -> None:
    """Insert a cut-out above its picture and hide the picture; call it inside an `undo_step`."""
    picture = source.picture
    put(source.image, one, picture.get_parent(), source.image.get_item_position(picture), picture.get_offsets()[1:])
    picture.set_visible(False)


def replace_content(layer: Gimp.Layer, filled: Filled) -> None:
    """Replace the pixels of `layer`, only inside the selection if there is one; call it inside an `undo_step`."""
    new = filled.layer
    width, height = new.get_width(), new.get_height()
    if (layer.get_width(), layer.get_height()) != (width, height):
        with cubic():
            # This also resizes the layer's mask.
            must(layer.scale(width, height, False), f"resize “{layer.get_name()}”")
    if new.has_alpha() and not layer.has_alpha():
        must(layer.add_alpha(), f"add an alpha channel to “{layer.get_name()}”")
    shadow = layer.get_shadow_buffer()
    read = new.get_buffer()
    transfer = layer_format(layer)
    for band in bands(width, height):
        shadow.set(band, transfer, read.get(band, 1.0, transfer, Gegl.AbyssPolicy.NONE))
    shadow.flush()
    must(layer.merge_shadow(True), f"change “{layer.get_name()}”")
    layer.update(0, 0, width, height)


def layer_hash(layer: Gimp.Layer, role: Role) -> str:
    """Return the SHA-256 of a result layer's content, as in `Filled.sha256`."""
    return depth_hash(layer) if role is Role.DEPTH else content_hash(layer)


def _new_layer(source: Source, made: ResultLayer) -> Gimp.Layer:
    image, size = source.image, made.buffer.pixels
    grey = image.get_base_type() == Gimp.ImageBaseType.GRAY
    alpha = made.role not in DATA_ROLES and (made.role is not Role.RESULT or source.picture.has_alpha())
    kind = {
        (True, True): Gimp.ImageType.GRAYA_IMAGE,
        (True, False): Gimp.ImageType.GRAY_IMAGE,
        (False, True): Gimp.ImageType.RGBA_IMAGE,
        (False, False): Gimp.ImageType.RGB_IMAGE,
    }[grey, alpha]
    mode = image.get_default_new_layer_mode()
    name = "Result" if made.role is Role.RESULT else made.name  # The group has the operation's name.
    layer = Gimp.Layer.new(image, name, size.width, size.height, kind, 100.0, mode)
    if layer is None:
        raise DioptreError(
            "GIMP cannot create a layer of {width} × {height} pixels.", width=size.width, height=size.height
        )
    return layer


def _format(source: Source, made: ResultLayer) -> Format:
    return DEPTH if made.role in DATA_ROLES else picture_format(source.image, alpha=True)


def _position(image: Gimp.Image, picture: Gimp.Layer) -> int:
    """Return the position above the source and above its earlier results, where a new result is visible."""
    tattoo = picture.get_tattoo()
    parent = picture.get_parent()
    siblings = parent.get_children() if parent is not None else image.get_layers()
    made = made_from(record_of(image).readable(), tattoo)
    return next(place for place, layer in enumerate(siblings) if layer.get_tattoo() in made | {tattoo})


def put(image: Gimp.Image, one: Filled, parent: Gimp.Layer | None, position: int, offsets: tuple[int, int]) -> None:
    one.layer.set_offsets(*offsets)
    one.layer.set_visible(one.visible)
    must(image.insert_layer(one.layer, parent, position), "insert a layer")
    if one.role is Role.DEPTH:
        one.mark_depth(one.layer)


def _take_place(image: Gimp.Image, picture: Gimp.Layer, group: Gimp.Layer, *, below_result: bool) -> None:
    if below_result:  # The picture must stay visible outside the selection.
        copy = picture.copy()
        if copy.get_mask() is not None:
            copy.remove_mask(Gimp.MaskApplyMode.DISCARD)
        copy.set_opacity(100.0)
        copy.set_mode(image.get_default_new_layer_mode())
        must(image.insert_layer(copy, group, len(group.get_children())), "insert a layer")
        copy.set_visible(True)
    if not picture.is_group() or picture.get_mode() != Gimp.LayerMode.PASS_THROUGH:
        group.set_mode(picture.get_mode())
    group.set_opacity(picture.get_opacity())
    if (mask := picture.get_mask()) is not None:
        copied = group.create_mask(Gimp.AddMaskType.WHITE)
        _fill_mask(image, copied, mask)
        must(group.add_mask(copied), "add a layer mask")
        group.set_apply_mask(picture.get_apply_mask())
    picture.set_visible(False)


def _selection_mask(image: Gimp.Image, picture: Gimp.Layer, layer: Gimp.Layer) -> Gimp.LayerMask:
    """Return a mask for `layer` from the selection, scaled up if the layer is an enlarged picture."""
    if same_size(picture, layer):
        return layer.create_mask(Gimp.AddMaskType.SELECTION)
    selected = picture.create_mask(Gimp.AddMaskType.SELECTION)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    _fill_mask(image, mask, selected)
    selected.delete()
    return mask


def _fill_mask(image: Gimp.Image, target: Gimp.LayerMask, mask: Gimp.LayerMask) -> None:
    """Fill `target` with `mask`, scaled to its size through a temporary layer: GIMP cannot scale a mask alone."""
    if same_size(mask, target):
        copy_mask(mask, target)
        return
    grey = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAY_IMAGE if grey else Gimp.ImageType.RGB_IMAGE
    size = mask.get_width(), mask.get_height()
    carrier = Gimp.Layer.new(image, "Mask", *size, kind, 100.0, Gimp.LayerMode.NORMAL)
    must(image.insert_layer(carrier, None, 0), "insert a layer")
    try:
        must(carrier.add_mask(carrier.create_mask(Gimp.AddMaskType.WHITE)), "add a layer mask")
        copy_mask(mask, carrier.get_mask())
        with cubic():
            must(carrier.scale(target.get_width(), target.get_height(), False), "enlarge a mask")
        copy_mask(carrier.get_mask(), target)
    finally:
        image.remove_layer(carrier)


def _make_room(image: Gimp.Image, picture: Gimp.Layer, filled: list[Filled]) -> None:
    """Enlarge the canvas if the picture filled it before being enlarged."""
    result = filled[0].layer
    size = (picture.get_width(), picture.get_height())
    larger = (result.get_width(), result.get_height())
    fills = tuple(picture.get_offsets()[1:]) == (0, 0) and size == (image.get_width(), image.get_height())
    if fills and larger != size:
        must(image.resize(*larger, 0, 0), "enlarge the canvas")
