"""Determines the layers that a procedure works on, and refuses unsuitable ones before any work starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dioptre_link.editing import refusals, traits
from dioptre_link.errors import RefusedError
from dioptre_link.language import Message
from dioptre_link.operation import Input, Operation, Role
from dioptre_link.records import GROUP, Entry, depth_links, made_from

from .document import (
    Gimp,
    all_layers,
    find_linked,
    has_selection,
    is_indexed,
    is_plain,
    layer_of,
    own_locks,
    record_of,
    same_size,
)

REFUSALS = refusals.Refusals(menu="Filters ▸ Dioptre")
MAX_SIDE_PX = 1 << 18  # GIMP's limit for a layer's side.
DEPTH_NAME = "Depth"
_SELECTED = (GROUP, Role.RESULT.value)  # Outputs of a blur that may be selected when the next operation starts.


@dataclass(frozen=True, kw_only=True)
class Source:
    """The layer to work on, with its depth layer if there is one.

    Attributes:
        image: The image that holds the layers.
        picture: The layer to work on.
        layer: The layer to place in the picture.
        depth: The depth layer.
        plain: Whether a layer above `picture` looks the same as a layer in its place.
        takes_selection: Whether the operation, or the preview of its result, is limited to the image's selection.
    """

    image: Gimp.Image
    picture: Gimp.Layer
    layer: Gimp.Layer | None = None
    depth: Gimp.Layer | None = None
    plain: bool = True
    takes_selection: bool = False


def find(
    operation: Operation,
    image: Gimp.Image,
    drawables: Sequence[Gimp.Drawable],
    depth: Gimp.Layer | None,
    *,
    layer: Gimp.Layer | None = None,
    into_selection: bool = True,
    looks_for_depth: bool = True,
) -> Source:
    """Validate the procedure's arguments and determine the layers to work on.

    Args:
        operation: The operation to run.
        image: The image that holds the layers.
        drawables: The selected drawables.
        depth: The depth layer given by the user, if any.
        layer: The layer to place in `drawables`. Default: an operation that places one takes the selected layer and
            the picture below it.
        into_selection: Whether the result will be limited to the selection, which must then overlap the layer.
        looks_for_depth: Whether to use the picture's own depth layer if `depth` is None.

    Returns:
        The layers to work on.

    Raises:
        RefusedError: The operation cannot work on these layers.
    """
    _check_image(image)
    picture, record = only_layer(drawables), record_of(image)
    entries = record.readable()
    if not operation.places:
        picture = only_layer([record.unplaced(picture)])
    elif layer is None:
        layer = picture
        picture = only_layer([record.photo_below(layer, layer.get_name())])
    origin = picture
    if depth is None:
        origin, depth = _original(image, entries, picture, operation)
        picture = origin if layer is None else picture  # A blurred photo shows the layer, too.
    if depth is None and looks_for_depth and traits.finds_depth_layer(operation):
        needs = Input.DISPARITY in operation.inputs
        depth = (depth_of if needs else fitting_depth)(image, entries, origin)
        if depth is None and needs:
            raise REFUSALS.needs_depth(operation.title)
    if depth is not None:
        _check_depth(depth, picture)
    into_selection = into_selection and not (traits.selects(operation) or operation.places)
    if into_selection and has_selection(image) and not picture.mask_intersect()[0]:
        raise refusals.selection_outside(picture.get_name())
    takes_selection = into_selection or traits.takes_selection(operation)
    if Input.SELECTION in operation.inputs and not has_selection(image):
        raise refusals.needs_selection(operation)
    if traits.changes_depth(operation) and depth is not None and own_locks(depth)[0]:
        raise refusals.layer_locked(depth.get_name())
    plain = is_plain(picture)
    if not plain and Role.RESULT in operation.outputs and picture.get_visible() and picture.get_lock_visibility():
        raise RefusedError(
            "The visibility of the layer “{name}” is locked, but the result must replace it.",
            hint="Unlock its visibility first.",
            name=picture.get_name(),
        )
    return Source(
        image=image, picture=picture, layer=layer, depth=depth, plain=plain, takes_selection=takes_selection
    )


def check_still_there(source: Source) -> None:
    """Raise if the document or a layer was closed or deleted during the run.

    Raises:
        RefusedError: The document or a layer is gone.
    """
    if not source.image.is_valid():
        raise refusals.document_closed()
    for layer in (source.picture, source.layer, source.depth):
        if layer is not None and not layer.is_valid():
            if not source.image.get_layers():  # GIMP closes an image layer by layer.
                raise refusals.document_closed()
            raise RefusedError("The layer was deleted in the meantime.", hint="Undo the deletion and try again.")


def depth_of(image: Gimp.Image, entries: Sequence[Entry], picture: Gimp.Layer) -> Gimp.Layer | None:
    """Return the newest depth layer created from `picture`, or else the only layer of its size called Depth."""
    for known in depth_links(entries, picture.get_tattoo()):
        if (layer := find_linked(image, known)) is not None:
            return layer
    named = [
        layer
        for layer in all_layers(image.get_layers())
        if layer.get_name().split(" #")[0] == DEPTH_NAME and same_size(layer, picture)
    ]
    return named[0] if len(named) == 1 else None


def fitting_depth(image: Gimp.Image, entries: Sequence[Entry], picture: Gimp.Layer) -> Gimp.Layer | None:
    """Return `depth_of`, unless it is `picture` itself or differs in size."""
    depth = depth_of(image, entries, picture)
    fits = depth is not None and depth.get_tattoo() != picture.get_tattoo() and same_size(depth, picture)
    return depth if fits else None


def depth_candidates(source: Source) -> list[Gimp.Layer]:
    """Return the layers that could be the picture's depth: the chosen one first, then those named "depth"."""
    chosen = [] if source.depth is None else [source.depth]
    placed = [] if source.layer is None else [source.layer]
    taken = {layer.get_tattoo() for layer in (source.picture, *placed, *chosen)}
    others = [
        layer
        for layer in all_layers(source.image.get_layers())
        if layer.get_tattoo() not in taken and not layer.is_group() and same_size(layer, source.picture)
    ]
    return chosen + sorted(others, key=lambda layer: DEPTH_NAME.lower() not in layer.get_name().lower())


def left_out(source: Source) -> str:
    """Return a message that names the layers placed in the picture and seen, which no result of it contains."""
    record, tattoo = record_of(source.image), source.picture.get_tattoo()
    entries = record.readable()
    under = {tattoo} | made_from(entries, tattoo)
    placed = [one for one in entries if one.places and one.inputs["picture"].id in under]
    seen = [one for one in placed if record.layers(one) and record.top(one).get_visible()]
    if not seen:
        return ""
    names = ", ".join(f"“{one.inputs['layer'].name}”" for one in seen)
    return Message(
        "Placed layers are left out: {names}. To include them, choose Layer ▸ New from Visible first.", names=names
    )


def _check_image(image: Gimp.Image) -> None:
    if is_indexed(image):
        raise RefusedError(
            "Dioptre cannot work on an indexed image: its palette has no room for new colours.",
            hint="Convert it first with Image ▸ Mode ▸ RGB.",
        )
    if image.get_floating_sel() is not None:
        raise RefusedError("There is a floating selection.", hint="Anchor it or turn it into a layer first.")


def only_layer(drawables: Sequence[Gimp.Drawable]) -> Gimp.Layer:
    if len(drawables) != 1:
        raise refusals.several_layers(len(drawables)) if drawables else refusals.no_layer()
    drawable = layer_of(drawables[0])
    if not isinstance(drawable, Gimp.Layer):
        raise RefusedError("Dioptre works on layers, but a channel is selected.", hint="Select a layer.")
    if drawable.is_group() and not drawable.get_children():
        raise refusals.empty_group(drawable.get_name())
    return drawable


def _original(
    image: Gimp.Image, entries: Sequence[Entry], layer: Gimp.Layer, operation: Operation
) -> tuple[Gimp.Layer, Gimp.Layer | None]:
    """Return the picture to work on and its depth if `layer` is a Dioptre result.

    GIMP selects new layers. After Depth, the next operation should work on the photo instead of its depth; after a
    blur, the next blur should work on the original photo.
    """
    tattoo = layer.get_tattoo()
    for entry in reversed(entries):
        made = entry.known
        by_role = {role: link.id for role, link in entry.outputs.items()}
        is_depth = tattoo == by_role.get(Role.DEPTH.value)
        is_blur = (
            made is not None and traits.works_by_depth(made) and tattoo in (by_role.get(role) for role in _SELECTED)
        )
        if not is_depth and not (is_blur and traits.works_by_depth(operation)):
            continue
        picture = find_linked(image, entry.inputs["picture"])
        if picture is not None:
            if is_blur:
                return _original(image, entries, picture, operation)
            takes = Input.DISPARITY in operation.inputs + operation.optional_inputs
            return picture, layer if takes else None
    return layer, None


def check_size(width: float, height: float) -> None:
    """Check a size against GIMP's limit.

    Raises:
        RefusedError: The size exceeds the limit.
    """
    if max(width, height) > MAX_SIDE_PX:
        raise RefusedError(
            "{width} × {height} pixels exceed GIMP's limit.",
            hint="Choose a smaller scale.",
            width=f"{width:.0f}",
            height=f"{height:.0f}",
        )


def _check_depth(depth: Gimp.Layer, picture: Gimp.Layer) -> None:
    if depth.get_tattoo() == picture.get_tattoo():
        raise refusals.same_layer()
    if not same_size(depth, picture):
        raise RefusedError(
            "The depth layer “{depth}” has {depth_size} pixels, the layer “{picture}” {picture_size}.",
            hint="Use a depth layer of the same size as the picture, or create a new one.",
            depth=depth.get_name(),
            depth_size=f"{depth.get_width()} × {depth.get_height()}",
            picture=picture.get_name(),
            picture_size=f"{picture.get_width()} × {picture.get_height()}",
        )
