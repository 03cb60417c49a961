"""Finds the result that a layer belongs to, and recomputes it in place: for Update, Edit and another run.

The layers keep their position, name, mask, mode and opacity; their pixels change in one undo step. A layer that the
user painted on is first saved as a hidden copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dioptre_link.client import Worker
from dioptre_link.editing import refusals, results
from dioptre_link.editing.events import Step, Steps
from dioptre_link.errors import RefusedError
from dioptre_link.language import Message
from dioptre_link.operation import Input, Operation, Role
from dioptre_link.records import GROUP, Entry, Link

from . import depth_editing, layers, sources, transfer
from .document import (
    Gimp,
    depth_hash,
    fills,
    find_linked,
    has_selection,
    layer_of,
    link_to,
    must,
    nothing_selected,
    own_locks,
    record_of,
    replace_pixels,
    same_size,
    set_mask,
    show_plainly,
    size_of,
    undo_step,
)
from .jobs import given_links
from .layers import Outcome
from .sources import Source, check_still_there


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
        rests: Returns whether the user is between two strokes on the depth; None if they do not paint.
    """

    entry: Entry
    operation: Operation
    options: Mapping[str, Any]
    source: Source
    renews: bool = False
    rests: Callable[[], bool] | None = None


def run_change(worker: Worker, change: Change) -> Steps[Outcome]:
    """Send the layers, compute, and replace the result."""
    with ExitStack() as files:
        sent = yield from transfer.send(worker, change.source, files)
        return (yield from run_sent_change(worker, change, sent))


def run_sent_change(worker: Worker, change: Change, sent: transfer.Sent) -> Steps[Outcome]:
    """Replace the result with inputs that are already sent; only the last step changes the document."""
    source, entry = change.source, change.entry
    before = _recorded(change)
    result = yield from transfer.work(worker, change.operation, change.options, source, sent)
    try:
        check_still_there(source)
        filled = yield from layers.fill(source, result)
    finally:
        result.delete()
    used: set[int] = set()  # Ids of the layers in `filled` that now belong to the document.
    paints = change.rests is not None
    try:
        while change.rests is not None and not change.rests():
            yield Step(fraction=1.0, phase="Creating layers", waiting=True)
        check_still_there(source)
        if _recorded(change) != before or (not paints and (yield from transfer.changed(source, sent))):
            raise refusals.changed_meanwhile()  # Such as by an undo.
        with undo_step(source.image), nothing_selected(source.image):
            outputs, kept = _replace(change, filled, used)
            if change.renews:
                _rename(source.image, change)
            check_still_there(source)
            inputs = given_links(source, sent) | _disparity(change, sent)
            if source.layer is not None:
                source.layer.set_visible(False)
            record_of(source.image).put(
                entry,
                operation=change.operation.name,
                options=dict(change.options),
                inputs=inputs,
                outputs=outputs,
                values=dict(result.values),
                models=dict(result.models),
                when=datetime.now().isoformat(timespec="seconds"),
            )
            depth_editing.end(source.image, entry, record_of(source.image).top(entry), paints=paints)
    finally:
        layers.discard([one for one in filled if one.layer.is_valid() and one.layer.get_id() not in used])
    messages = (*entry.notes, *sent.messages, *result.messages, *kept)
    return Outcome(layer=record_of(source.image).top(entry), messages=messages)


def _recorded(change: Change) -> Entry | None:
    """Return the record of the result as it is now; None if an undo has removed it."""
    entries = record_of(change.source.image).readable()
    return next((one for one in entries if one.id == change.entry.id), None)


def is_painted(layer: Gimp.Layer, role: Role, link: Link) -> bool:
    """Return whether the layer's pixels have changed since Dioptre filled it; False for records without a hash."""
    return bool(link.sha256) and layers.layer_hash(layer, role, mask=layers.made_mask(link.sha256)) != link.sha256


def _replace(
    change: Change, filled: list[layers.Filled], used: set[int]
) -> tuple[dict[str, Link], tuple[Message, ...]]:
    """Apply `filled` to the document's layers; return the outputs to record, and messages for the user."""
    image, depth = change.source.image, change.source.depth
    outputs, kept = dict(change.entry.outputs), []
    for one in filled:
        check_still_there(change.source)  # Reading and replacing a layer's pixels gives the user time to close it.
        link = outputs.get(one.role.value)
        layer = find_linked(image, link)
        if layer is not None and depth is not None and layer.get_tattoo() == depth.get_tattoo():
            continue  # This layer is also the result's input.
        if layer is None:
            if change.renews and (link is None or one.role is Role.RESULT):
                _add(change, one)
                used.add(one.layer.get_id())
                outputs[one.role.value] = link_to(one.layer, sha256=one.sha256)
            continue
        made = "" if link is None else layers.made_mask(link.sha256)
        changed = layer.get_mask() is not None and layers.mask_hash(layer.get_mask()) != made
        keeps = changed and not (change.renews and made and one.mask is not None)
        if keeps and one.mask is not None:
            kept.append(results.mask_stays(layer.get_name(), made=bool(made)))
        if link is not None and (is_painted(layer, one.role, link) or (changed and made and not keeps)):
            kept.append(_keep_copy(image, layer))
        larger = fills(image, layer) and not same_size(layer, one.layer)
        replace_pixels(layer, one.layer)
        if not keeps:
            set_mask(layer, one.mask)
            made = layers.mask_hash(layer.get_mask())
        if larger:
            must(image.resize(*size_of(one.layer), 0, 0), "resize the canvas")
        if one.role is Role.DEPTH:
            one.mark_depth(layer)
        outputs[one.role.value] = link_to(layer, sha256=layers.layer_hash(layer, one.role, mask=made))
    if change.renews:
        _remove_stale(change, {one.role.value for one in filled}, outputs)
    return outputs, tuple(kept)


def _add(change: Change, one: layers.Filled) -> None:
    """Insert a layer that the result lacks, at the position that it has in a new result."""
    image, picture = change.source.image, change.source.picture
    group = find_linked(image, change.entry.outputs.get(GROUP))
    if group is None:
        beside = record_of(image).top(change.entry)
        layers.put(image, one, beside.get_parent(), image.get_item_position(beside), picture.get_offsets()[1:])
        return
    place = 0 if one.role is Role.RESULT else min(1, len(group.get_children()))
    layers.put(image, one, group, place, picture.get_offsets()[1:])


def _remove_stale(change: Change, roles: set[str], outputs: dict[str, Link]) -> None:
    """Remove layers that the new options no longer produce, unless the user painted on them."""
    image = change.source.image
    for role in [Role(role) for role in outputs if role not in roles and role not in (GROUP, Role.DEPTH.value)]:
        link = outputs[role.value]
        layer = find_linked(image, link)
        if layer is not None and link.sha256 and not is_painted(layer, role, link):
            image.remove_layer(layer)
            del outputs[role.value]


def _keep_copy(image: Gimp.Image, layer: Gimp.Layer) -> Message:
    copy = layer.copy()
    copy.set_name(f"{layer.get_name()} (painted)")
    place = image.get_item_position(layer) + 1
    must(image.insert_layer(copy, layer.get_parent(), place), "insert a layer")
    copy.set_visible(False)
    return Message("You painted on “{name}”; a hidden copy below it keeps your painting.", name=layer.get_name())


def _rename(image: Gimp.Image, change: Change) -> None:
    """Rename the group to the new recipe's title, unless the user renamed it."""
    group, known = find_linked(image, change.entry.outputs.get(GROUP)), change.entry.known
    if group is not None and known is not None and group.get_name() == known.title != change.operation.title:
        group.set_name(change.operation.title)


def _disparity(change: Change, sent: transfer.Sent) -> dict[str, Link]:
    """Return the link to the depth input, unless it is the result's own depth layer."""
    depth, own = change.source.depth, change.entry.outputs.get(Role.DEPTH.value)
    if depth is None or (own is not None and own.id == depth.get_tattoo()):
        return {}
    return {"disparity": link_to(depth, sha256=sent.depth_sha256)}


@dataclass(frozen=True, kw_only=True)
class Updated:
    """The outcome of an update. `names` lists the updated results."""

    outcome: Outcome
    names: tuple[str, ...]

    @property
    def summary(self) -> Message:
        return Message("Updated: {names}.", names=", ".join(f"“{name}”" for name in self.names))


def update(
    worker: Worker,
    image: Gimp.Image,
    drawables: Sequence[Gimp.Drawable],
    rests: Callable[[], bool] | None = None,
) -> Steps[Updated]:
    """Recompute and show the results that the selected layers belong to, oldest first.

    A result's layers keep their position, name, mask, mode and opacity; only their pixels change. A depth layer
    that the user painted on is used unchanged; an untouched one is recomputed if the picture changed.

    Args:
        worker: The worker.
        image: The image.
        drawables: The selected layers.
        rests: As in `Change`.

    Returns:
        The updated results.
    """
    chosen = record_of(image).to_update([layer_of(one) for one in drawables])
    messages: list[str] = []
    plans = [source_now(image, entry) for entry in chosen]  # All refusals are raised here, before any work starts.
    if all(plan is None for plan in plans):
        show_plainly(image)
        raise refusals.only_painted_depth()
    changed: list[Gimp.Layer] = []
    for entry, source in zip(chosen, plans, strict=True):
        if source is None:
            continue
        change = Change(entry=entry, operation=entry.described, options=entry.options, source=source, rests=rests)
        outcome = yield from run_change(worker, change)
        changed.append(outcome.layer)
        messages.extend(outcome.messages)
    outcome = Outcome(layer=changed[-1], messages=tuple(messages))
    return Updated(outcome=outcome, names=tuple(layer.get_name() for layer in changed))


def source_now(image: Gimp.Image, entry: Entry) -> Source | None:
    """Return the current inputs of `entry`, or None for a painted depth layer, which Update leaves alone.

    Raises:
        RefusedError: An input is missing or a layer is locked.
    """
    described, record = entry.described, record_of(image)
    picture, depth = record.picture(entry), record.given_depth(entry)
    for layer in record.layers(entry):
        if not layer.is_group() and own_locks(layer)[0]:
            raise refusals.layer_locked(layer.get_name())
    placed = record.layer(entry)
    source = sources.find(
        described, image, [picture], depth, layer=placed, into_selection=False, looks_for_depth=False
    )
    made = entry.outputs.get(Role.DEPTH.value)
    own = find_linked(image, made)
    if depth is not None or made is None or own is None or depth_hash(own) == made.sha256:
        return source
    if Input.DISPARITY not in described.optional_inputs:
        return None
    return replace(source, depth=own)


@dataclass(frozen=True, kw_only=True)
class Edited:
    """A result that can be replaced, with its current inputs.

    Attributes:
        entry: The result's record.
        operation: The operation that created it.
        source: The current inputs.
        asked: Whether the user asked to change this result, with Edit, instead of running the operation again.
    """

    entry: Entry
    operation: Operation
    source: Source
    asked: bool

    @property
    def adds(self) -> bool:
        """Whether the user probably wants another result beside this one: there is a selection, which limits it."""
        limits = has_selection(self.source.image) and self.source.picture.mask_intersect()[0]
        return limits and not self.asked and not self.operation.places

    def source_for(self, *, adds: bool) -> Source:
        """Return the current inputs of the replacement, or of another result, which a selection limits."""
        limits = self.source.takes_selection or (adds and not self.operation.places)
        return replace(self.source, takes_selection=limits)

    def change(self, operation: Operation, options: dict[str, object], source: Source) -> Change:
        return Change(entry=self.entry, operation=operation, options=options, source=source, renews=True)


def find_edited(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Edited:
    """Find the newest result that the selected layer belongs to, or else the newest one created from that layer.

    Raises:
        RefusedError: The layer has no such result.
        UsageError: This version of Dioptre cannot repeat it.
    """
    layer = sources.only_layer(drawables)
    record = record_of(image)
    entries = record.load()
    try:
        entry = results.to_edit(
            entries,
            lambda entry: (entry.known is None or _is_there(image, entry)) and record.belongs(entry, layer),
        )
    except RefusedError:
        made = [entry for entry in entries if _is_there(image, entry) and _is_from(entry, layer)]
        if not made:
            raise
        return _edited_now(image, made[-1], asked=True)
    return _edited_now(image, entry, asked=True)


def replaceable(image: Gimp.Image, drawables: Sequence[Gimp.Drawable], operation: Operation) -> Edited | None:
    """Find the operation's result that an interactive run replaces, or return None."""
    layer = sources.only_layer(drawables)
    record = record_of(image)
    entries = [entry for entry in record.readable() if entry.operation == operation.name]
    own = [entry for entry in entries if _is_there(image, entry) and record.belongs(entry, layer)]
    try:
        if own:
            return _edited_now(image, own[-1], asked=False)
        source = sources.find(operation, image, drawables, None)
        made_from = (source.layer or source.picture).get_tattoo()
        entry = results.to_replace(entries, operation, made_from, lambda entry: _is_there(image, entry))
        return None if entry is None else _edited_now(image, entry, asked=False)
    except RefusedError:  # The picture is missing or a layer is locked, so this result cannot be replaced.
        return None


def has_results(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> bool:
    """Return whether an operation on the selected layer could replace an earlier result."""
    layer = sources.only_layer(drawables)
    record = record_of(image)
    entries = [entry for entry in record.readable() if _is_there(image, entry)]
    return any(record.belongs(entry, layer) or _is_from(entry, layer) for entry in entries)


def _edited_now(image: Gimp.Image, entry: Entry, *, asked: bool) -> Edited:
    operation = entry.described
    source = source_now(image, entry)
    # The result is a depth layer that was painted on; its replacement keeps a copy of the painting.
    if source is None:
        picture = find_linked(image, entry.inputs["picture"])
        source = sources.find(operation, image, [picture], None, into_selection=False)
    return Edited(entry=entry, operation=operation, source=source, asked=asked)


def _is_there(image: Gimp.Image, entry: Entry) -> bool:
    """Return whether the result's main layer is still in the image."""
    if entry.known is None:
        return False
    roles = [Role.RESULT.value, GROUP] if Role.RESULT in entry.known.outputs else [Role.DEPTH.value]
    return any(find_linked(image, entry.outputs.get(role)) is not None for role in roles)


def _is_from(entry: Entry, layer: Gimp.Layer) -> bool:
    return layer.get_tattoo() in (link.id for given, link in entry.inputs.items() if given != "disparity")
