"""Update: recomputes a result after its picture or its depth layer has changed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from krita import Document, Node

from . import depth_editing, layers, recipe, spaces
from .dioptre_link.client import Worker
from .dioptre_link.editing import refusals
from .dioptre_link.editing.depth_names import renewed
from .dioptre_link.editing.results import to_update
from .dioptre_link.editing.traits import enlarges, finds_depth_layer
from .dioptre_link.errors import Cancelled, RefusedError
from .dioptre_link.language import Message
from .dioptre_link.metres import DepthMetres
from .dioptre_link.operation import Input, Operation, Role
from .dioptre_link.records import GROUP, Entry, Link
from .jobs import JobManager, Run, order_for
from .link import DATA_ROLES, Outcome, Report, Ticket, compute, in_part
from .sources import Found, Picture, Source, depth_place, find, snapshot
from .spaces import Rect, ScratchDocuments
from .undo_sync import UndoSync


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A result to recompute. `own` is the depth layer created together with it, and that layer's recorded link."""

    entry: Entry
    found: Found
    own: tuple[Node, Link] | None

    @property
    def described(self) -> Operation:
        return self.entry.described


@dataclass(frozen=True, kw_only=True)
class Task:
    """One result whose inputs have been read.

    Attributes:
        entry: The result's record.
        source: The inputs.
        was: The result's own depth layer, read at the place where it was created.
        now: The result's own depth layer, read at the picture's place.
        sha256: Hash of the depth as it was created.
    """

    entry: Entry
    source: Source
    was: Picture | None = None
    now: Picture | None = None
    sha256: str = ""

    @property
    def described(self) -> Operation:
        return self.entry.described

    @property
    def painted(self) -> bool:
        """Whether the result's own depth layer was painted on. Finding out is too slow for the GUI thread."""
        return self.was is not None and self.was.raster.sha256 != self.sha256


Done = tuple[Task, Outcome]


def start(manager: JobManager, document: Document | None, node: Node | None) -> Run:
    """Start a run that updates the results that `node` belongs to.

    Raises:
        RefusedError: There is nothing to update, or it cannot be updated.
    """
    plans = plan(document, node)
    run = manager.put("Update", read(plans), work, lambda done: apply(done, manager.undo_sync))
    run.rereads = True
    return run


def plan(document: Document | None, node: Node | None) -> list[Plan]:
    """Return the results to recompute, oldest first, after all checks that need no pixels.

    A depth layer that the user painted on is used unchanged; an untouched one is recomputed if the picture changed.

    Raises:
        RefusedError: There is nothing to update, or it cannot be updated.
    """
    if document is None:
        raise refusals.no_document()
    chosen = to_update(
        recipe.of(document).load(),
        lambda entry: recipe.concerns(document, entry, node) and bool(recipe.nodes(document, entry)),
    )
    return [plan_of(document, entry) for entry in chosen]


def plan_of(document: Document, entry: Entry) -> Plan:
    """Plan to recompute one result with the options in `entry`.

    Raises:
        RefusedError: An input is missing, or a layer is locked or cloned.
    """
    described = entry.described
    picture = recipe.find(document, entry.inputs["picture"])
    if picture is None:
        raise refusals.input_gone(described, is_depth=False, name=entry.inputs["picture"].name)
    depth = None
    if "disparity" in entry.inputs:
        depth = recipe.find(document, entry.inputs["disparity"])
        if depth is None and finds_depth_layer(described):
            raise refusals.input_gone(described, is_depth=True, name=entry.inputs["disparity"].name)
    made = recipe.nodes(document, entry)
    for node in made:
        if node.locked():
            raise refusals.layer_locked(node.name())
    _check_clones(document, made)
    found = find(described, document, picture, depth, fresh=False, looks_for_depth=False)
    own = recipe.current(document, entry.outputs.get(Role.DEPTH.value)) if depth is None else None
    return Plan(entry=entry, found=found, own=own)


def read(plans: Sequence[Plan]) -> Generator[None, None, list[Task]]:
    """Read the current inputs of all results, in steps."""
    tasks = []
    for one in plans:
        source = yield from one.found.read()
        task = Task(entry=one.entry, source=source)
        if one.own is not None:
            node, made = one.own
            document, own, there = source.document, Rect(*made.rect), source.picture.rect
            if enlarges(one.described):  # The depth of an enlargement is as large as the result.
                there = Rect(there.x, there.y, own.width, own.height)
            place = depth_place(Rect.of(node), there)
            was = yield from snapshot(document, node, rect=own, space=spaces.DEPTH)
            now = was if own == place else (yield from snapshot(document, node, rect=place, space=spaces.DEPTH))
            task = replace(task, was=was, now=now, sha256=made.sha256)
        tasks.append(task)
    return tasks


def work(tasks: Sequence[Task], worker: Worker, ticket: Ticket, report: Report) -> list[Done]:
    """Recompute every result on the thread, using the depth that earlier results have produced."""
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
        order = order_for(task.described, task.entry.options, source)
        outcome = compute(order, worker, ticket, in_part(report, number, len(wanted)))
        done.append((replace(task, source=source), outcome))
        fresh.update(_depth_of(task, outcome))
    return done


def apply(
    done: Sequence[Done], undo_sync: UndoSync, *, said: str = ""
) -> Generator[None, None, tuple[Node, tuple[str, ...]]]:
    """Replace the old layers as one undo step; the new ones take over their names, masks, mode and opacity.

    Args:
        done: The recomputed results.
        undo_sync: Completes the undo steps.
        said: Message for the user instead of the list of updated results.

    Returns:
        The group or layer of the last result, and messages for the user.
    """
    messages: list[str] = []
    swapped: list[tuple[Node, Node]] = []
    tops: list[Node] = []
    entries: list[tuple[Entry, Entry]] = []
    first = done[0][0].source.document
    active, was_edited = layers.Active(first), False
    for task, outcome in done:
        entry, source, document = task.entry, task.source, task.source.document
        source.node()
        outputs, is_edited = dict(entry.outputs), depth_editing.is_edited(document, entry)
        with ScratchDocuments() as scratch:
            for made in outcome.layers:
                found = recipe.current(document, entry.outputs.get(made.role.value))
                if found is None or (made.role in DATA_ROLES and source.depth is not None):
                    continue  # The layer was deleted or painted on.
                old, was = found
                rect, given = layers.rect_of(made, source.picture.rect), layers.given_space(made, source)
                new = old.duplicate()
                if made.role is Role.DEPTH:
                    new.setName(renewed(old.name(), DepthMetres.of_values(outcome.values)))
                yield from layers.refilling(new, rect, made, given, scratch)
                if is_edited and made.role is Role.RESULT:
                    for node in (old, new):  # The old layer must be visible, too, because an undo brings it back.
                        node.setVisible(True)
                layers.swap(document, old, new)
                swapped.append((old, new))
                link = layers.output_link(document, old, made, rect)
                outputs[made.role.value] = link
                recipe.add_version(
                    document, replace(was, id=recipe.own_id(old)), replace(link, id=recipe.own_id(new))
                )
                yield
        inputs = {**entry.inputs, "picture": layers.input_links(source)["picture"]}
        record = recipe.of(document)
        before = next((one for one in record.load() if one.id == entry.id), entry)
        values, models = dict(outcome.values), dict(outcome.models)
        after = replace(entry, outputs=outputs, inputs=inputs, values=values, models=models)
        record.put(after)
        entries.append((before, after))
        document.setModified(True)
        messages += (*entry.notes, *outcome.messages)
        tops.append(recipe.find(document, entry.outputs.get(GROUP)) or recipe.nodes(document, entry)[0])
        if is_edited:
            depth_editing.end(document, entry)
        was_edited = was_edited or is_edited
    undo_sync.swapped(first, swapped, entries)
    if was_edited:
        first.refreshProjection()
        first.setActiveNode(tops[-1])
    undo_sync.activated(first, tops[-1] if was_edited else active.restore(swapped), swapped)
    names = ", ".join(f"“{top.name()}”" for top in tops)
    return tops[-1], (*messages, said or Message("Updated {names}.", names=names))


def _check_clones(document: Document, made: Sequence[Node]) -> None:
    """Raise RefusedError if a clone layer shows a layer to be replaced: it would keep showing the old one."""
    own = {recipe.own_id(node) for node in made if node.type() != "grouplayer"}
    for node in recipe.all_nodes(document.rootNode()):
        if node.type() == "clonelayer" and (shown := node.sourceNode()) is not None and recipe.own_id(shown) in own:
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
    if Input.DISPARITY not in task.described.optional_inputs:
        return None
    metres = DepthMetres.of_values(task.entry.values)
    return replace(task, source=replace(task.source, depth=task.now, depth_metres=metres))


def _depth_of(task: Task, outcome: Outcome) -> dict[str, tuple[Picture, DepthMetres | None]]:
    """Return the depth that a result produced and its metres, as input for other results."""
    link = task.entry.outputs.get(Role.DEPTH.value)
    made = next((one for one in outcome.layers if one.role is Role.DEPTH), None)
    layout = spaces.wire_format(spaces.DEPTH)
    if link is None or made is None or layout is None or task.source.depth is not None:
        return {}
    picture = Picture(
        node=str(link.id),
        name=link.name,
        rect=layers.rect_of(made, task.source.picture.rect),
        raster=made.raster,
        format=layout,
        space=spaces.DEPTH,
        opaque=True,
    )
    return {str(link.id): (picture, DepthMetres.of_values(outcome.values))}
