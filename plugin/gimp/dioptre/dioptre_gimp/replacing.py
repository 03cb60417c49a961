"""Recomputes a result in place: for Update with the same options, for Edit with different ones.

The layers keep their position, name, mask, mode and opacity; their pixels change in one undo step. A layer that the
user painted on is first saved as a hidden copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dioptre_link.client import Worker
from dioptre_link.editing.events import Steps
from dioptre_link.language import Message
from dioptre_link.operation import Operation, Role
from dioptre_link.records import GROUP, Entry, Link

from . import depth_editing, jobs, layers, recipe
from .host import Gimp
from .outcome import Outcome, check_still_there
from .sources import Source


@dataclass(frozen=True, kw_only=True)
class Change:
    """A recorded result and its replacement.

    Attributes:
        entry: The result's record.
        operation: The operation of the replacement.
        options: The options of the replacement.
        source: The current inputs.
        renews: Whether to add and remove layers to match the new options, as Edit does. Update leaves removed
            layers out.
    """

    entry: Entry
    operation: Operation
    options: Mapping[str, Any]
    source: Source
    renews: bool = False


def run_change(worker: Worker, change: Change) -> Steps[Outcome]:
    """Send the layers, compute, and replace the result."""
    with ExitStack() as files:
        sent = yield from jobs.send(worker, change.source, files)
        return (yield from run_sent_change(worker, change, sent))


def run_sent_change(worker: Worker, change: Change, sent: jobs.Sent) -> Steps[Outcome]:
    """Replace the result with inputs that are already sent; only the last step changes the document."""
    source, entry = change.source, change.entry
    result = yield from jobs.work(worker, change.operation, change.options, source, sent)
    try:
        check_still_there(source)
        filled = yield from layers.fill(source, result)
    finally:
        result.delete()
    used: set[int] = set()  # Ids of the layers in `filled` that now belong to the document.
    try:
        check_still_there(source)
        with layers.undo_step(source.image), layers.nothing_selected(source.image):
            outputs, kept = _replace(change, filled, used)
            if change.renews:
                _rename(source.image, change)
            inputs = {"picture": recipe.link(source.picture, sha256=sent.picture_sha256)}
            inputs |= _disparity(change, sent)
            recipe.of(source.image).put(
                entry,
                operation=change.operation.name,
                options=dict(change.options),
                inputs=inputs,
                outputs=outputs,
                values=dict(result.values),
                models=dict(result.models),
                when=datetime.now().isoformat(timespec="seconds"),
            )
            depth_editing.end(source.image, entry, top(source.image, entry))
    finally:
        layers.discard([one for one in filled if one.layer.is_valid() and one.layer.get_id() not in used])
    messages = (*entry.notes, *sent.messages, *result.messages, *kept)
    return Outcome(layer=top(source.image, entry), messages=messages)


def top(image: Gimp.Image, entry: Entry) -> Gimp.Layer:
    """Return the topmost layer of a result: its group, its main layer, or any layer that remains."""
    links = (entry.outputs.get(GROUP), entry.outputs.get(Role.RESULT.value))
    found = (recipe.find(image, link) for link in links)
    return next((layer for layer in found if layer is not None), None) or recipe.layers(image, entry)[0]


def is_painted(layer: Gimp.Layer, role: Role, link: Link) -> bool:
    """Return whether the layer has changed since Dioptre filled it; False for old records without a hash."""
    return bool(link.sha256) and layers.content_hash(layer, role) != link.sha256


def _replace(
    change: Change, filled: list[layers.Filled], used: set[int]
) -> tuple[dict[str, Link], tuple[Message, ...]]:
    """Apply `filled` to the document's layers; return the outputs to record, and messages for the user."""
    image, depth = change.source.image, change.source.depth
    outputs, kept = dict(change.entry.outputs), []
    for one in filled:
        link = outputs.get(one.role.value)
        layer = recipe.find(image, link)
        if layer is not None and depth is not None and layer.get_tattoo() == depth.get_tattoo():
            continue  # This layer is also the result's input.
        if layer is None:
            if change.renews and (link is None or one.role is Role.RESULT):
                _add(change, one)
                used.add(one.layer.get_id())
                outputs[one.role.value] = recipe.link(one.layer, sha256=one.sha256)
            continue
        if link is not None and is_painted(layer, one.role, link):
            kept.append(_keep_copy(image, layer))
        larger = _fills(image, layer) and (layer.get_width(), layer.get_height()) != _size(one.layer)
        layers.replace_content(layer, one)
        if larger:
            layers.must(image.resize(*_size(one.layer), 0, 0), "resize the canvas")
        if one.role is Role.DEPTH:
            one.mark_depth(layer)
        outputs[one.role.value] = recipe.link(layer, sha256=layers.content_hash(layer, one.role))
    if change.renews:
        _remove_stale(change, {one.role.value for one in filled}, outputs)
    return outputs, tuple(kept)


def _add(change: Change, one: layers.Filled) -> None:
    """Insert a layer that the result lacks, at the position that it has in a new result."""
    image, picture = change.source.image, change.source.picture
    group = recipe.find(image, change.entry.outputs.get(GROUP))
    if group is None:
        beside = top(image, change.entry)
        layers.put(image, one, beside.get_parent(), image.get_item_position(beside), picture.get_offsets()[1:])
        return
    place = 0 if one.role is Role.RESULT else min(1, len(group.get_children()))
    layers.put(image, one, group, place, picture.get_offsets()[1:])


def _remove_stale(change: Change, roles: set[str], outputs: dict[str, Link]) -> None:
    """Remove layers that the new options no longer produce, unless the user painted on them."""
    image = change.source.image
    for role in [Role(role) for role in outputs if role not in roles and role not in (GROUP, Role.DEPTH.value)]:
        link = outputs[role.value]
        layer = recipe.find(image, link)
        if layer is not None and link.sha256 and not is_painted(layer, role, link):
            image.remove_layer(layer)
            del outputs[role.value]


def _keep_copy(image: Gimp.Image, layer: Gimp.Layer) -> Message:
    copy = layer.copy()
    copy.set_name(f"{layer.get_name()} (painted)")
    place = image.get_item_position(layer) + 1
    layers.must(image.insert_layer(copy, layer.get_parent(), place), "insert a layer")
    copy.set_visible(False)
    return Message("You painted on “{name}”; a hidden copy below it keeps your painting.", name=layer.get_name())


def _rename(image: Gimp.Image, change: Change) -> None:
    """Rename the group to the new recipe's title, unless the user renamed it."""
    group, known = recipe.find(image, change.entry.outputs.get(GROUP)), change.entry.known
    if group is not None and known is not None and group.get_name() == known.title != change.operation.title:
        group.set_name(change.operation.title)


def _disparity(change: Change, sent: jobs.Sent) -> dict[str, Link]:
    """Return the link to the depth input, unless it is the result's own depth layer."""
    depth, own = change.source.depth, change.entry.outputs.get(Role.DEPTH.value)
    if depth is None or (own is not None and own.id == depth.get_tattoo()):
        return {}
    return {"disparity": recipe.link(depth, sha256=sent.depth_sha256)}


def _fills(image: Gimp.Image, layer: Gimp.Layer) -> bool:
    return tuple(layer.get_offsets()[1:]) == (0, 0) and _size(layer) == (image.get_width(), image.get_height())


def _size(layer: Gimp.Drawable) -> tuple[int, int]:
    return layer.get_width(), layer.get_height()
