"""Dioptre for Krita's own scripts.

    import dioptre
    group = dioptre.run("portrait", f_number=2.0)          # on the active layer; waits for the result
    dioptre.run("lens_blur", node=photo, depth=my_depth, focus=(420, 310))
    dioptre.follow("product")                              # a preset, or the path of a recipe file
    dioptre.update(node=group)                             # after painting on its depth layer

    job = dioptre.start("depth")                                     # returns at once; Krita stays usable
    job.finished.connect(lambda node, messages: print(node.name()))
    job.failed.connect(lambda error: print(error.message, error.hint))

Options have the same names as on the command line, with underscores. Points are in pixels of the layer, from its
top left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from . import depth_editing, filming, jobs, updating
from .dioptre_link.catalogue import operation as described_as
from .dioptre_link.chain import as_operation
from .dioptre_link.client import Worker
from .dioptre_link.editing.traits import changes_depth, films
from .dioptre_link.language import translated
from .dioptre_link.operation import Operation
from .dioptre_link.presets import preset
from .dioptre_link.recipe import Recipe
from .document import Document, Node, active, client, say, title_of
from .jobs import finish
from .sources import find
from .transfer import Ticket, compute


def start(
    operation: str,
    *,
    document: Document | None = None,
    node: Node | None = None,
    depth: Node | None = None,
    **options: Any,
) -> jobs.Run:
    """Start an operation and return at once.

    Args:
        operation: Name of the operation.
        document: Document to work on; the active one by default.
        node: Layer to work on; the active one by default.
        depth: Depth layer to use.
        **options: Options of the operation.

    Returns:
        The run, to be kept by the caller. Its signals are progressed(fraction, phase), finished(node, messages) and
        failed(error).

    Raises:
        DioptreError: The operation was refused.
    """
    document, node = _given(document, node)
    return jobs.job_manager().start(described_as(operation), options, document, node, depth)


def run(
    operation: str,
    *,
    document: Document | None = None,
    node: Node | None = None,
    depth: Node | None = None,
    **options: Any,
) -> Node:
    """Run an operation and wait for its result; Krita is unresponsive meanwhile.

    Args:
        operation: Name of the operation.
        document: Document to work on; the active one by default.
        node: Layer to work on; the active one by default.
        depth: Depth layer to use.
        **options: Options of the operation.

    Returns:
        The new group or layer.

    Raises:
        DioptreError: The operation was refused or failed.
    """
    return _run(described_as(operation), options, document, node, depth)


def follow(
    recipe: str | Path | Mapping[str, Any],
    *,
    document: Document | None = None,
    node: Node | None = None,
    depth: Node | None = None,
) -> Node:
    """Run a recipe and wait for its result; Krita is unresponsive meanwhile.

    Args:
        recipe: Name of a preset, path of a .json file, or content of a recipe.
        document: Document to work on; the active one by default.
        node: Layer to work on; the active one by default.
        depth: Depth layer to use.

    Returns:
        The new group or layer.

    Raises:
        DioptreError: The recipe is invalid, was refused or failed.
    """
    chosen = _recipe(recipe)
    top = _run(*as_operation(chosen), document, node, depth)
    _say(chosen.notes)
    return top


def _run(
    described: Operation,
    options: Mapping[str, Any],
    document: Document | None,
    node: Node | None,
    depth: Node | None,
) -> Node:
    checked = described.check(options)
    document, node = _given(document, node)
    found = find(described, document, node, depth)
    if changes_depth(described):
        depth_editing.check_repair(found)
    source = finish(found.read())
    order = jobs.order_for(described, checked, source)
    with Worker(client("script")) as worker:
        if films(described):
            frames = filming.work(order, described, worker, Ticket(partial(filming.work, order)), _silent)
            return finish(filming.show(title_of(document), *frames))[0]
        outcome = compute(order, worker, Ticket(partial(compute, order)), _silent)
    return finish(jobs.make_layers(described, checked, source, outcome, jobs.job_manager().undo_sync))[0]


def _recipe(given: str | Path | Mapping[str, Any]) -> Recipe:
    if isinstance(given, Mapping):
        return Recipe.from_dict(given)
    if isinstance(given, Path) or given.endswith(".json"):
        return Recipe.read(Path(given))
    return preset(given)


def update(*, document: Document | None = None, node: Node | None = None) -> Node:
    """Recompute the results that a layer belongs to and wait for them.

    Args:
        document: Document to work on; the active one by default.
        node: Layer of the results; the active one by default.

    Returns:
        The group or layer of the last result.

    Raises:
        DioptreError: The update was refused or failed.
    """
    document, node = _given(document, node)
    tasks = finish(updating.read(updating.plan(document, node)))
    with Worker(client("script")) as worker:
        done = updating.work(tasks, worker, Ticket(partial(updating.work, tasks)), _silent)
    top = finish(updating.apply(done, jobs.job_manager().undo_sync))[0]
    _say(note for task, _ in done for note in task.entry.notes)
    return top


def _given(document: Document | None, node: Node | None) -> tuple[Document | None, Node | None]:
    document = document or active()[0]
    if node is None and document is not None:
        node = document.activeNode()
    return document, node


def _say(notes: Iterable[str]) -> None:
    """Show which options of an earlier version were ignored."""
    if words := " ".join(map(translated, notes)):
        say(words)


def _silent(fraction: float, phase: str) -> None:
    pass
