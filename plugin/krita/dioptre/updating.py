"""Finds the result that a layer belongs to, and recomputes it in place: for Update, Edit and another run."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import depth_editing, layers, painting
from .dioptre_link.catalogue import OPERATIONS
from .dioptre_link.client import Worker
from .dioptre_link.editing import refusals
from .dioptre_link.editing.depth_names import renewed
from .dioptre_link.editing.results import mask_stays, to_edit, to_replace
from .dioptre_link.editing.traits import enlarges
from .dioptre_link.errors import Cancelled, RefusedError
from .dioptre_link.language import Message
from .dioptre_link.metres import DepthMetres
from .dioptre_link.operation import Input, Operation, Role
from .dioptre_link.records import Entry, Link
from .document import (
    DEPTH,
    Document,
    Node,
    Rect,
    ScratchDocuments,
    add_version,
    all_nodes,
    current,
    find_linked,
    is_idle,
    is_open,
    node_id,
    own_id,
    record_of,
    wire_format,
)
from .jobs import JobManager, Run, order_for
from .painting import WAITING
from .sources import Found, Picture, Source, depth_place, find, layer_and_photo, photo_and_depth, snapshot
from .transfer import DATA_ROLES, Outcome, Report, Ticket, compute, in_part
from .undo_sync import UndoSync


@dataclass(frozen=True, kw_only=True)
class Target:
    """One layer to work on.

    Attributes:
        document: The document.
        picture: The layer to work on.
        layer: The layer to place in it, if any.
        depth: The depth layer to use instead of searching for one.
        entry: The result to replace, if any.
        chosen: Whether the user selected that result itself, and not the picture behind it.
    """

    document: Document
    picture: Node
    layer: Node | None = None
    depth: Node | None = None
    entry: Entry | None = None
    chosen: bool = False

    @property
    def name(self) -> str:
        """Name of what the user works on: the picture, or the result that it is a layer of."""
        record = record_of(self.document)
        made = [one for one in record.readable() if record.belongs(one, self.picture) and record.layers(one)]
        return record.top(made[-1]).name() if made else self.picture.name()

    @property
    def place(self) -> tuple[Document, str, str]:
        """The document and the ids of the picture and of the layer to place, "" if there is none."""
        layer = "" if self.layer is None else node_id(self.document, self.layer)
        return self.document, node_id(self.document, self.picture), layer

    @property
    def replaced(self) -> str:
        """Name of the result that a run replaces, or "" if there is none."""
        if self.entry is None:
            return ""
        return record_of(self.document).top(self.entry).name()


def find_target(operation: Operation, document: Document | None, node: Node | None) -> Target:
    """Return the layer to work on and the result to replace.

    If `node` belongs to a result of the same operation, the target is the picture behind that result. Otherwise
    `node` is the picture itself or its depth, and the operation's earlier result from the picture is replaced.

    Raises:
        RefusedError: There is no suitable layer.
    """
    if document is None:
        raise refusals.no_document()
    if node is None:
        raise refusals.no_layer()
    record = record_of(document)
    entries = record.readable()
    node = node if operation.places else record.unplaced(node)
    for entry in reversed(entries):
        if entry.operation == operation.name and record.belongs(entry, node) and record.layers(entry):
            return replace(_behind(document, entry), chosen=True)
    layer, depth = None, None
    if operation.places:
        layer, picture = layer_and_photo(document, node)
    else:
        picture, depth = photo_and_depth(document, node)
    taken = record.id_of(layer or picture)
    earlier = to_replace(entries, operation, taken, lambda entry: bool(record.layers(entry)))
    target = Target(document=document, picture=picture, layer=layer, depth=depth)
    return target if earlier is None else _behind(document, earlier)


def changeable(document: Document | None, node: Node | None) -> tuple[bool, bool]:
    """Return whether the active layer belongs to a result that Update can recompute, and whether it has depth."""
    if document is None:
        return False, False
    record = record_of(document)
    entries = [one for one in record.readable() if record.concerns(one, node) and record.layers(one)]
    return bool(entries), any(depth_editing.has_depth(document, one) for one in entries)


def find_edited(document: Document | None, node: Node | None) -> tuple[Target, Entry]:
    """Return the result that the active layer belongs to, for Edit.

    Raises:
        RefusedError: No result is active, or it cannot be edited.
        UsageError: This version of Dioptre cannot repeat it.
    """
    if document is None:
        raise refusals.no_document()
    record = record_of(document)
    entry = to_edit(record.load(), lambda one: bool(record.layers(one)) and record.belongs(one, node))
    if entry.operation not in OPERATIONS:
        raise RefusedError(
            "“{name}” comes from a recipe with several steps, which cannot be edited.",
            hint="Undo it or delete its group, then run the recipe or its steps again.",
            name=entry.described.title,
        )
    return _behind(document, entry), entry


def _behind(document: Document, entry: Entry) -> Target:
    """Return the picture and the given depth that a result was computed from."""
    depth = find_linked(document, entry.inputs.get("disparity"))
    record = record_of(document)
    picture, layer = record.picture(entry), record.layer(entry)
    return Target(document=document, picture=picture, layer=layer, depth=depth, entry=entry)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A result to recompute. `own` is the depth layer created together with it, and that layer's recorded link."""

    entry: Entry
    found: Found
    own: tuple[Node, Link] | None


@dataclass(frozen=True, kw_only=True)
class Task:
    """One result whose inputs have been read.

    Attributes:
        entry: The result's record.
        source: The inputs.
        was: The result's own depth layer, read at the place where it was created.
        now: The result's own depth layer, read at the picture's place.
        sha256: Hash of the depth as it was created.
        made: Ids of the result's layers, of which an undo brings back others.
    """

    entry: Entry
    source: Source
    was: Picture | None = None
    now: Picture | None = None
    sha256: str = ""
    made: tuple[str, ...] = ()

    @property
    def painted(self) -> bool:
        """Whether the result's own depth layer was painted on. Finding out is too slow for the GUI thread."""
        return self.was is not None and self.was.raster.sha256 != self.sha256


Done = tuple[Task, Outcome]

_followed: dict[str, object] = {}
"""What the results were computed from that followed strokes, by their ids."""


def _given(entry: Entry, source: Source, made: tuple[str, ...]) -> object:
    """Return what a result depends on, and its layers. Finding out is too slow for the GUI thread."""
    pictures = (source.picture, source.layer, source.depth)
    return entry.options, made, [one and one.raster.sha256 for one in pictures]


def _made(document: Document, entry: Entry) -> tuple[str, ...]:
    return tuple(own_id(node) for node in record_of(document).layers(entry))


def results_mark(document: Document | None) -> tuple[object, ...]:
    """Return a value that changes with the document and with the layers of its results, as by an undo."""
    entries = () if document is None or not is_open(document) else record_of(document).readable()
    return document, *(_made(document, entry) for entry in entries)


def start(manager: JobManager, document: Document | None, node: Node | None, *, paints: bool = False) -> Run:
    """Start a run that updates the results that `node` belongs to.

    Args:
        manager: The manager that runs it.
        document: The document.
        node: A layer of the results.
        paints: Whether the user goes on painting on the depth layer `node`, so that it stays active.

    Raises:
        RefusedError: There is nothing to update, or it cannot be updated.
    """
    plans = plan(document, node)
    under_way = painting.under_way()
    strokes = under_way if paints else None
    began = None if strokes is None else strokes.pixels()

    def reading() -> Generator[object, None, list[Task]]:
        while not paints and any(one.paints for one in manager.runs):
            yield WAITING  # What it computes need not be computed again.
        wanted = {one.entry.id for one in plans}
        entries = [one for one in record_of(document).readable() if one.id in wanted]
        return (yield from read([plan_of(document, one) for one in entries], lifts=not paints))

    def make(done: Sequence[Done]) -> Generator[object, None, tuple[Node, tuple[str, ...]]]:
        if strokes is not None and strokes.is_undone(began):
            return done[0][0].source.node(), ()  # The user has taken back the stroke meanwhile.
        ended = yield from apply(done, manager.undo_sync, paints=paints)
        if strokes is not None:
            strokes.is_undone(began)
        return ended

    compute_new = functools.partial(work, reuses=under_way is not None and not paints)
    run = manager.put("Update", reading(), compute_new, make, document)
    run.paints, run.rereads = paints, not paints
    return run


def plan(document: Document | None, node: Node | None) -> list[Plan]:
    """Return the results to recompute, oldest first, after all checks that need no pixels.

    A depth layer that the user painted on is used unchanged; an untouched one is recomputed if the picture changed.

    Raises:
        RefusedError: There is nothing to update, or it cannot be updated.
    """
    if document is None:
        raise refusals.no_document()
    return [plan_of(document, entry) for entry in record_of(document).to_update([node])]


def plan_of(document: Document, entry: Entry) -> Plan:
    """Plan to recompute one result with the options in `entry`.

    Raises:
        RefusedError: An input is missing, or a layer is locked or cloned.
    """
    record = record_of(document)
    picture, depth, made = record.picture(entry), record.given_depth(entry), record.layers(entry)
    for node in made:
        if node.locked():
            raise refusals.layer_locked(node.name())
    _check_clones(document, made)
    layer = record.layer(entry)
    found = find(entry.described, document, picture, depth, layer=layer, fresh=False, looks_for_depth=False)
    own = current(document, entry.outputs.get(Role.DEPTH.value)) if depth is None else None
    return Plan(entry=entry, found=found, own=own)


def read(plans: Sequence[Plan], *, lifts: bool = True) -> Generator[None, None, list[Task]]:
    """Read the current inputs of all results, in steps; show the depth layers as they are if `lifts` is set."""
    tasks = []
    for one in plans:
        if lifts:
            depth_editing.lift(one.found.document, one.entry)
        source = yield from one.found.read()
        task = Task(entry=one.entry, source=source, made=_made(one.found.document, one.entry))
        tasks.append(task if one.own is None else (yield from _with_own(task, *one.own)))
    return tasks


def _with_own(task: Task, node: Node, made: Link) -> Generator[None, None, Task]:
    document, own, there = task.source.document, Rect(*made.rect), task.source.picture.rect
    if enlarges(task.entry.described):  # The depth of an enlargement is as large as the result.
        there = Rect(there.x, there.y, own.width, own.height)
    place = depth_place(Rect.of(node), there)
    was = yield from snapshot(document, node, rect=own, space=DEPTH)
    now = was if own == place else (yield from snapshot(document, node, rect=place, space=DEPTH))
    return replace(task, was=was, now=now, sha256=made.sha256)


def replacing(entry: Entry | None, reading: Generator[None, None, Source]) -> Generator[None, None, Source]:
    """Read the inputs of a result's replacement in steps, with the result's own depth if that was painted on."""
    source = yield from reading
    made = None if entry is None else entry.outputs.get(Role.DEPTH.value)
    own = None if source.depth is not None else current(source.document, made)
    if entry is None or own is None or Input.DISPARITY not in entry.described.optional_inputs:
        return source
    task = yield from _with_own(Task(entry=entry, source=source), *own)
    digest = hashlib.sha256()
    for strip in () if task.was is None else task.was.raster.strips:
        digest.update(strip)
        yield
    return source if digest.hexdigest() == task.sha256 else replace(_as_painted(task).source, painted=True)


def work(
    tasks: Sequence[Task], worker: Worker, ticket: Ticket, report: Report, *, reuses: bool = False
) -> list[Done]:
    """Recompute every result on the thread, using the depth that earlier results have produced.

    If `reuses` is set, what has followed the latest stroke stays as it is: it gets an outcome without layers.
    """
    wanted = [task for each in tasks if (task := _with_depth(each)) is not None]
    if not wanted:
        raise refusals.only_painted_depth()
    done: list[Done] = []
    fresh: dict[str, tuple[Picture, DepthMetres | None]] = {}
    for number, task in enumerate(wanted):
        if ticket.cancelled:
            raise Cancelled
        source = task.source
        if source.depth is not None and (newer := fresh.get(source.depth.node)) is not None:
            depth, metres = newer
            if depth.rect == source.picture.rect:
                source = replace(source, depth=depth, depth_metres=metres)
        entry = task.entry
        if reuses and _followed.get(entry.id) == _given(entry, source, task.made):
            outcome = Outcome(layers=(), values=entry.values, models=entry.models)
        else:
            order = order_for(entry.described, entry.options, source)
            outcome = compute(order, worker, ticket, in_part(report, number, len(wanted)))
        done.append((replace(task, source=source), outcome))
        fresh.update(_depth_of(task, outcome))
    return done


def apply(
    done: Sequence[Done], undo_sync: UndoSync, *, said: str = "", remasks: bool = False, paints: bool = False
) -> Generator[object, None, tuple[Node, tuple[str, ...]]]:
    """Replace the old layers as one undo step; the new ones take over their names, masks, mode and opacity.

    Args:
        done: The recomputed results.
        undo_sync: Completes the undo steps.
        said: Message for the user instead of the list of updated results.
        remasks: Whether to replace a mask that the user painted on, too.
        paints: Whether the depth layer stays active, because the user goes on painting on it.

    Returns:
        The group or layer of the last result, and messages for the user.
    """
    messages: list[str] = []
    swapped: list[tuple[Node, Node]] = []
    tops: list[Node] = []
    entries: list[tuple[Entry, Entry]] = []
    first = done[0][0].source.document
    active, edited = layers.Active(first), [depth_editing.is_edited(first, task.entry) for task, _ in done]
    for (task, outcome), is_edited in zip(done, edited, strict=True):
        entry, source, document = task.entry, task.source, task.source.document
        source.node()
        outputs = dict(entry.outputs)
        with ScratchDocuments() as scratch:
            for made in outcome.layers:
                found = current(document, entry.outputs.get(made.role.value))
                if found is None or (made.role in DATA_ROLES and source.depth is not None):
                    continue  # The layer was deleted or painted on.
                old, was = found
                rect, given = layers.rect_of(made, source.picture.rect), layers.given_space(made, source)
                new = old.duplicate()
                if made.role is Role.DEPTH:
                    new.setName(renewed(old.name(), DepthMetres.of_values(outcome.values)))
                yield from layers.refilling(new, rect, made, given, scratch)
                mask = outcome.mask if made.role in layers.OWN_MASK_NAMES else None
                link = layers.output_link(document, old, made, rect, mask)
                if mask is not None and not remasks and layers.has_painted_mask(old, made.role, was):
                    link = replace(link, sha256=was.sha256)
                    messages.append(mask_stays(old.name()))
                elif mask is not None:
                    layers.remask(new, made.role, rect, mask)
                if is_edited and made.role is Role.RESULT:
                    for node in (old, new):  # The old layer must be visible, too, because an undo brings it back.
                        node.setVisible(True)
                while not is_idle(document):  # The user paints the next stroke.
                    yield WAITING
                layers.swap(document, old, new)
                swapped.append((old, new))
                outputs[made.role.value] = link
                add_version(document, replace(was, id=own_id(old)), replace(link, id=own_id(new)))
                yield None
        links = layers.input_links(source)
        inputs = {**entry.inputs, **{name: link for name, link in links.items() if name != "disparity"}}
        if (layer := source.layer_node()) is not None and layer.visible():
            layer.setVisible(False)
            document.refreshProjection()
        record = record_of(document)
        before = next((one for one in record.load() if one.id == entry.id), entry)
        values, models = dict(outcome.values), dict(outcome.models)
        after = replace(entry, outputs=outputs, inputs=inputs, values=values, models=models)
        record.put(after)
        if paints:
            _followed[entry.id] = _given(after, source, _made(document, after))
        entries.append((before, after))
        document.setModified(True)
        messages += (*entry.notes, *outcome.messages)
        tops.append(record.top(entry))
        if is_edited and not paints:
            depth_editing.end(document, entry)
    strokes = painting.under_way() if paints else None
    undo_sync.swapped(first, swapped, entries, *(() if strokes is None else (strokes.is_still(),)))
    if any(edited):
        first.refreshProjection()
    if any(edited) and not paints:
        first.setActiveNode(tops[-1])
    undo_sync.activated(first, tops[-1] if any(edited) and not paints else active.restore(swapped), swapped)
    names = ", ".join(f"“{top.name()}”" for top in tops)
    if not any(outcome.layers for _, outcome in done):
        said = Message("Up to date: {names}.", names=names)
    return tops[-1], (*messages, said or Message("Updated {names}.", names=names))


def _check_clones(document: Document, made: Sequence[Node]) -> None:
    """Raise RefusedError if a clone layer shows a layer to be replaced: it would keep showing the old one."""
    own = {own_id(node) for node in made if node.type() != "grouplayer"}
    for node in all_nodes(document.rootNode()):
        if node.type() == "clonelayer" and (shown := node.sourceNode()) is not None and own_id(shown) in own:
            raise RefusedError(
                "The clone layer “{name}” shows “{shown}”, which Update replaces.",
                hint="Convert the clone to a paint layer first.",
                name=node.name(),
                shown=shown.name(),
            )


def _with_depth(task: Task) -> Task | None:
    """Use a painted depth layer as the task's input; return None if the task would only recompute that depth."""
    if not task.painted:
        return task
    return _as_painted(task) if Input.DISPARITY in task.entry.described.optional_inputs else None


def _as_painted(task: Task) -> Task:
    metres = DepthMetres.of_values(task.entry.values)
    return replace(task, source=replace(task.source, depth=task.now, depth_metres=metres))


def _depth_of(task: Task, outcome: Outcome) -> dict[str, tuple[Picture, DepthMetres | None]]:
    """Return the depth that a result produced and its metres, as input for other results."""
    link = task.entry.outputs.get(Role.DEPTH.value)
    made = next((one for one in outcome.layers if one.role is Role.DEPTH), None)
    layout = wire_format(DEPTH)
    if link is None or made is None or layout is None or task.source.depth is not None:
        return {}
    picture = Picture(
        node=str(link.id),
        name=link.name,
        rect=layers.rect_of(made, task.source.picture.rect),
        raster=made.raster,
        format=layout,
        space=DEPTH,
        opaque=True,
    )
    return {str(link.id): (picture, DepthMetres.of_values(outcome.values))}


def start_edit(manager: JobManager, document: Document, entry: Entry, options: Mapping[str, Any]) -> Run:
    """Recompute a result with other options; its layers keep their names, masks, modes and order.

    Raises:
        DioptreError: The options are invalid or the result cannot be replaced.
    """
    checked = entry.described.check(dict(options))
    plans = [plan_of(document, replace(entry, options=checked))]
    title = entry.described.title
    said = Message("{operation} replaced the earlier result. Undo restores it.", operation=Message(title))
    return manager.put(
        title,
        read(plans),
        work,
        lambda done: apply(done, manager.undo_sync, said=said, remasks=True),
        document,
    )
