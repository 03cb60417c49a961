"""Turns a result into new layers of the document in one undo step, without changing anything else.

Layers are created and filled outside the document first (`fill`) and inserted afterwards (`insert`), so a cancel or
an error before that leaves the document untouched.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from dioptre_link.client import Layer as ResultLayer
from dioptre_link.client import Result
from dioptre_link.editing.events import Step, Steps
from dioptre_link.metres import DepthMetres
from dioptre_link.operation import Operation, Role
from dioptre_link.records import made_from

from .document import (
    DEPTH,
    MASK,
    Gimp,
    add_plain_copy,
    blend_encoded,
    check_room,
    content_hash,
    depth_hash,
    fills,
    has_selection,
    keep,
    logger,
    mark,
    mark_metres,
    must,
    new_group,
    new_layer,
    new_mask,
    picture_format,
    read_in,
    record_of,
    same_size,
    selection_mask,
    size_of,
    take_over_look,
    take_over_mode,
)
from .sources import Source
from .transfer import BEFORE_LAYERS


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The new layer or group, and messages for the user."""

    layer: Gimp.Layer
    messages: tuple[str, ...]


_HALF, _MASK = 32, "+"  # Digits of a SHA-256 that stand for pixels, or for their mask; what stands between them.
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
        mask: The mask that belongs to it.
    """

    layer: Gimp.Layer
    role: Role
    visible: bool
    sha256: str
    metres: DepthMetres | None = None
    mask: Gimp.LayerMask | None = None

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
            if made.role is Role.MASK:
                filled[-1] = _masked(source, filled[-1], made)
                continue
            # The group has the operation's name.
            name = "Result" if made.role is Role.RESULT else made.name
            alpha = made.role not in DATA_ROLES and (made.role is not Role.RESULT or source.picture.has_alpha())
            size = made.buffer.pixels.width, made.buffer.pixels.height
            layer = new_layer(source.image, name, size, alpha=alpha)
            metres = DepthMetres.of_values(result.values) if made.role is Role.DEPTH else None
            visible = made.visible or made.role is Role.PLACED
            filled.append(Filled(layer=layer, role=made.role, visible=visible, sha256="", metres=metres))
            pixel_format = DEPTH if made.role in DATA_ROLES else picture_format(source.image, alpha=True)
            for share in read_in(made.buffer, layer.get_buffer(), pixel_format):
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


def _masked(source: Source, one: Filled, made: ResultLayer) -> Filled:
    """Return `one` with its mask; one that contains the selection is not recorded, so that Update keeps it."""
    mask = new_mask(one.layer, made.buffer, MASK)
    recorded = not (source.takes_selection and has_selection(source.image))
    return replace(one, mask=mask, sha256=_joined(one.sha256, mask_hash(mask)) if recorded else one.sha256)


def mask_hash(mask: Gimp.LayerMask | None) -> str:
    """Return the hash of a mask, as in the hash of the layer that Dioptre made it for."""
    return "" if mask is None else content_hash(mask)[:_HALF]


def made_mask(sha256: str) -> str:
    """Return the `mask_hash` in the recorded hash of a layer, or "" if Dioptre made no mask for it."""
    return sha256.partition(_MASK)[2]


def _joined(pixels: str, mask: str) -> str:
    return f"{pixels[:_HALF]}{_MASK}{mask}"


def discard(filled: list[Filled]) -> None:
    """Free layers that were not inserted into the document."""
    for one in filled:
        one.layer.delete()


def insert(source: Source, operation: Operation, filled: list[Filled]) -> Gimp.Layer:
    """Insert the layers above their source, in a group unless they are only data; call it inside an `undo_step`.

    A placed layer's group lies above the layer that it is made of, with its mode and opacity, and hides that layer.
    If the source is not plain and opaque (it has transparency, a mask, or another mode or opacity), the group
    replaces it: the group takes the source's mode, opacity and mask, and the source is hidden. Otherwise the source
    does not change.

    Returns:
        The group, or the first layer if there is no group.
    """
    image, picture = source.image, source.picture
    parent, position, layer = picture.get_parent(), _position(image, picture), source.layer
    if layer is not None:
        parent, position = layer.get_parent(), image.get_item_position(layer)
    x, y = picture.get_offsets()[1:]
    if all(one.role in DATA_ROLES for one in filled):
        for one in reversed(filled):
            put(image, one, parent, position, (x, y))
        return filled[0].layer
    group = new_group(image, operation.title)
    must(image.insert_layer(group, parent, position), "insert a layer group")
    try:
        for place, one in enumerate(filled):
            put(image, one, group, place, (x, y))
        selected = has_selection(image)
        for one in filled:
            if selected and one.role is Role.RESULT and one.mask is None:
                must(one.layer.add_mask(selection_mask(image, picture, one.layer)), "add a layer mask")
        shown = [one for one in filled if one.role is Role.RESULT]
        if not source.plain and shown:
            limited = selected or any(one.mask is not None for one in shown)
            if limited and same_size(picture, group):  # The picture must stay visible outside the mask.
                add_plain_copy(image, picture, group)
            take_over_look(image, picture, group)
            picture.set_visible(False)
        _make_room(image, picture, filled)
        if layer is not None:
            if any(one.role is Role.PLACED for one in filled):
                blend_encoded(group)
                take_over_mode(layer, group)
            layer.set_visible(False)
    except BaseException:
        image.remove_layer(group)
        raise
    return group


def insert_cut_out(source: Source, one: Filled) -> None:
    """Insert a cut-out above its picture and hide the picture; call it inside an `undo_step`."""
    picture = source.picture
    put(source.image, one, picture.get_parent(), source.image.get_item_position(picture), picture.get_offsets()[1:])
    take_over_look(source.image, picture, one.layer)
    picture.set_visible(False)


def layer_hash(layer: Gimp.Layer, role: Role, *, mask: str = "") -> str:
    """Return the SHA-256 of a layer's content, as in `Filled.sha256`, with the `mask_hash` of its own mask."""
    pixels = depth_hash(layer) if role is Role.DEPTH else content_hash(layer)
    return _joined(pixels, mask) if mask else pixels


def _position(image: Gimp.Image, picture: Gimp.Layer) -> int:
    """Return the position above the source and its earlier results but below layers that were placed in it."""
    tattoo = picture.get_tattoo()
    parent = picture.get_parent()
    siblings = parent.get_children() if parent is not None else image.get_layers()
    entries = [one for one in record_of(image).readable() if not one.places]
    made = made_from(entries, tattoo)
    return next(place for place, layer in enumerate(siblings) if layer.get_tattoo() in made | {tattoo})


def put(image: Gimp.Image, one: Filled, parent: Gimp.Layer | None, position: int, offsets: tuple[int, int]) -> None:
    one.layer.set_offsets(*offsets)
    one.layer.set_visible(one.visible)
    must(image.insert_layer(one.layer, parent, position), "insert a layer")
    if one.mask is not None:
        must(one.layer.add_mask(one.mask), "add a layer mask")
    if one.mask is not None or one.role is Role.SHADOW:
        blend_encoded(one.layer)
    if one.role is Role.DEPTH:
        one.mark_depth(one.layer)


def _make_room(image: Gimp.Image, picture: Gimp.Layer, filled: list[Filled]) -> None:
    """Enlarge the canvas if the picture filled it before being enlarged."""
    if fills(image, picture) and not same_size(picture, filled[0].layer):
        must(image.resize(*size_of(filled[0].layer), 0, 0), "enlarge the canvas")
