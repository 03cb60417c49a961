"""Update: run again what made a result, after its depth layer or its picture was changed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from krita import Document, Node

from . import layers, recipe, spaces
from .dioptre_link.errors import Cancelled
from .dioptre_link.operations import Input, Operation, Role, operation
from .jobs import Desk, Run, order_for
from .link import Outcome, Report, Ticket, Worker, compute
from .sources import Source, find, snapshot
from .spaces import RefusedError

Plan = tuple[recipe.Entry, Source]


def start(desk: Desk, document: Document | None, node: Node | None) -> Run:
    """Bring the results up to date that `node` belongs to. Raises RefusedError in words."""
    plans = plan(document, node)
    return desk.put("Update", lambda *given: work(plans, *given), lambda outcomes: apply(plans, outcomes))


def plan(document: Document | None, node: Node | None) -> list[Plan]:
    """The results to make again, oldest first, with their inputs as they are now.

    A depth layer that was painted on is used as it is; one that was not is made again when the picture changed.
    """
    if document is None:
        raise RefusedError("There is no document.", hint="Open a picture first.")
    entries = recipe.load(document)
    if not entries:
        raise RefusedError("Dioptre has not made anything in this document yet.", hint="Start with another entry.")
    chosen = [entry for entry in entries if entry.concerns(node) and entry.nodes(document)]
    if not chosen:
        raise RefusedError(
            "The selected layer was not made by Dioptre, and nothing was made from it.",
            hint="Select a result's group, one of its layers, or its depth layer.",
        )
    document.waitForDone()
    found = [(entry, _inputs(document, entry)) for entry in chosen]  # all refusals before any work
    plans = [(entry, source) for entry, source in found if source is not None]
    if not plans:
        raise RefusedError(
            "The depth layer was painted on; there is no other result to bring up to date.",
            hint="To have the depth estimated again, delete the layer and make a new one.",
        )
    return plans


def work(plans: Sequence[Plan], worker: Worker, ticket: Ticket, report: Report) -> list[Outcome]:
    """On the thread: every result again."""
    outcomes = []
    for number, (entry, source) in enumerate(plans):
        if ticket.cancelled:
            raise Cancelled
        order = order_for(operation(entry.operation), entry.options, source)
        share = (number / len(plans), 1 / len(plans))
        outcomes.append(compute(order, worker, ticket, lambda f, p, s=share: report(s[0] + s[1] * f, p)))
    return outcomes


def apply(plans: Sequence[Plan], outcomes: Sequence[Outcome]) -> Generator[None, None, tuple[Any, tuple[str, ...]]]:
    """Put new pixels into the layers that are there: their place, name, masks, mode and opacity stay."""
    messages: list[str] = []
    top = None
    for (entry, source), outcome in zip(plans, outcomes, strict=True):
        document = source.document
        source.node()
        outputs = dict(entry.outputs)
        for made in outcome.layers:
            link = entry.outputs.get(made.role.value)
            node = link.find(document) if link is not None else None
            if node is None or (source.depth is not None and recipe.node_id(node) == source.depth.node):
                continue
            layers.replace_content(source, node, made)
            outputs[made.role.value] = layers.output_link(node, made, layers.rect_of(made, source.picture.rect))
            yield
        inputs = {**entry.inputs, "picture": layers.input_links(source)["picture"]}
        made_with = {"values": dict(outcome.values), "models": dict(outcome.models)}
        recipe.put(document, entry, outputs=outputs, inputs=inputs, **made_with)
        document.refreshProjection()
        document.setModified(True)
        messages.extend(outcome.messages)
        group = entry.outputs.get("group")
        top = (group.find(document) if group is not None else None) or entry.nodes(document)[0]
    return top, tuple(messages)


def _inputs(document: Document, entry: recipe.Entry) -> Source | None:
    """The inputs of `entry` as they are now; None for a depth layer that was painted on, which is left alone."""
    described = operation(entry.operation)
    picture = entry.inputs["picture"].find(document)
    if picture is None:
        raise _gone(described, "picture", entry.inputs["picture"])
    depth = None
    if (link := entry.inputs.get("disparity")) is not None:
        depth = link.find(document)
        if depth is None and Input.DISPARITY in described.inputs:
            raise _gone(described, "depth layer", link)
    for node in entry.nodes(document):
        if node.locked():
            raise RefusedError(f"The layer “{node.name()}” is locked.", hint="Unlock it first.")
    source = find(described, document, picture, depth, fresh=False)
    made = entry.outputs.get(Role.DEPTH.value)
    own = made.find(document) if made is not None else None
    if depth is not None or made is None or own is None:
        return source
    if layers.content_hash(own, made.rect) == made.sha256:
        return source
    if Input.DISPARITY not in described.optional_inputs:
        return None
    return replace(source, depth=snapshot(own, rect=source.picture.rect, space=spaces.DEPTH))


def _gone(described: Operation, what: str, link: recipe.Link) -> RefusedError:
    return RefusedError(
        f"{described.title} cannot be updated: its {what}, the layer “{link.name}”, is gone.",
        hint="Undo its removal, or make the result again from another layer.",
    )
