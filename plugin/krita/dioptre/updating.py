"""Update: run again what made a result, after its depth layer or its picture was changed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from krita import Document, Node

from . import depth_editing, layers, recipe, spaces
from .dioptre_link.editing import refusals
from .dioptre_link.editing.results import to_update
from .dioptre_link.editing.traits import enlarges, finds_depth_layer
from .dioptre_link.errors import Cancelled, RefusedError
from .dioptre_link.language import Message
from .dioptre_link.operation import Input, Operation, Role
from .dioptre_link.records import GROUP, Entry, Link
from .jobs import JobManager, Run, order_for
from .link import DATA_ROLES, Outcome, Report, Ticket, Worker, compute
from .sources import Found, Picture, Source, depth_place, find, snapshot
from .spaces import Rect, ScratchDocuments
from .undo_sync import UndoSync


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One result to make again. own: the depth layer that it made itself, and how that was made."""

    entry: Entry
    found: Found
    own: tuple[Node, Link] | None

    @property
    def described(self) -> Operation:
        return self.entry.described


@dataclass(frozen=True, kw_only=True)
class Task:
    """One result with its inputs read. was, now: its own depth layer where it was made, where the picture is."""

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
        """Whether its own depth layer was painted on. Not on the GUI thread: reads all of it."""
        return self.was is not None and self.was.raster.sha256 != self.sha256


Done = tuple[Task, Outcome]


def start(manager: JobManager, document: Document | None, node: Node | None) -> Run:
    """Bring the results up to date that `node` belongs to. Raises RefusedError."""
    plans = plan(document, node)
    return manager.put("Update", read(plans), work, lambda done: apply(done, manager.undo_sync))


def plan(document: Document | None, node: Node | None) -> list[Plan]:
    """The results to make again, oldest first. All refusals that need no pixels, before any work.

    A depth layer that was painted on is used as it is; one that was not is made again when the picture changed.
    """
    if document is None:
        raise refusals.no_document()
    chosen = to_update(
        recipe.of(document).load(),
        lambda entry: recipe.concerns(document, entry, node) and bool(recipe.nodes(document, entry)),
    )
    return [plan_of(document, entry) for entry in chosen]


def plan_of(document: Document, entry: Entry) -> Plan:
    """One result to make again, with the options that `entry` has. Raises RefusedError."""
    described = entry.described
    picture = recipe.find(document, entry.inputs["picture"])
    if picture is None:
        raise entry.gone(described, "picture")
    depth = None
    if "disparity" in entry.inputs:
        depth = recipe.find(document, entry.inputs["disparity"])
        if depth is None and finds_depth_layer(described):
            raise entry.gone(described, "disparity")
    made = recipe.nodes(document, entry)
    for node in made:
        if node.locked():
            raise refusals.layer_locked(node.name())
    _check_clones(document, made)
    found = find(described, document, picture, depth, fresh=False, looks_for_depth=False)
    own = recipe.current(document, entry.outputs.get(Role.DEPTH.value)) if depth is None else None
    return Plan(entry=entry, found=found, own=own)


def read(plans: Sequence[Plan]) -> Generator[None, None, list[Task]]:
    """The inputs of all results as they are now, read in steps."""
    tasks = []
    for one in plans:
        source = yield from one.found.read()
        task = Task(entry=one.entry, source=source)
        if one.own is not None:
            node, made = one.own
            document, own, there = source.document, Rect(*made.rect), source.picture.rect
            if enlarges(one.described):  # its depth is as large as its result
                there = Rect(there.x, there.y, own.width, own.height)
            place = depth_place(Rect.of(node), there)
            was = yield from snapshot(document, node, rect=own, space=spaces.DEPTH)
            now = was if own == place else (yield from snapshot(document, node, rect=place, space=spaces.DEPTH))
            task = replace(task, was=was, now=now, sha256=made.sha256)
        tasks.append(task)
    return tasks


def work(tasks: Sequence[Task], worker: Worker, ticket: Ticket, report: Report) -> list[Done]:
    """On the thread: every result again, each with the depth that those before it made."""
    wanted = [_with_depth(task) for task in tasks]
    wanted = [task for task in wanted if task is not None]
    if not wanted:
        raise refusals.only_painted_depth()
    done: list[Done] = []
    fresh: dict[str, Picture] = {}
    for number, task in enumerate(wanted):
        if ticket.cancelled:
            raise Cancelled
        source = task.source
        if source.depth is not None and (newer := fresh.get(source.depth.node)) is not None:
            source = replace(source, depth=newer if newer.rect == source.picture.rect else source.depth)
        order = order_for(task.described, task.entry.options, source)
        share = (number / len(wanted), 1 / len(wanted))
        outcome = compute(order, worker, ticket, lambda f, p, s=share: report(s[0] + s[1] * f, p))
        done.append((replace(task, source=source), outcome))
        fresh.update(_depth_of(task, outcome))
    return done


def apply(
    done: Sequence[Done], undo_sync: UndoSync, *, said: str = ""
) -> Generator[None, None, tuple[Node, tuple[str, ...]]]:
    """New layers in the place of the old ones, with their names, masks, mode and opacity: one undo step.

    said: a sentence for the user, instead of which results were updated.
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
                    continue  # deleted, or painted on
                old, was = found
                rect, given = layers.rect_of(made, source.picture.rect), layers.given_space(made, source)
                new = old.duplicate()
                yield from layers.refilling(new, rect, made, given, scratch)
                if is_edited and made.role is Role.RESULT:
                    for node in (old, new):  # an undo shows the old one
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
        made_with = {"values": dict(outcome.values), "models": dict(outcome.models)}
        record = recipe.of(document)
        before = next((one for one in record.load() if one.id == entry.id), entry)
        after = replace(entry, outputs=outputs, inputs=inputs, **made_with)
        record.put(after)
        entries.append((before, after))
        document.setModified(True)
        messages.extend(outcome.messages)
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
    """A clone layer would go on showing the layer that was taken away."""
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
    """With the depth layer that was painted on as its input; None where that is all it would make."""
    if not task.painted:
        return task
    if Input.DISPARITY not in task.described.optional_inputs:
        return None
    return replace(task, source=replace(task.source, depth=task.now))


def _depth_of(task: Task, outcome: Outcome) -> dict[str, Picture]:
    """The depth that a result made, as an input of others."""
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
    return {str(link.id): picture}
