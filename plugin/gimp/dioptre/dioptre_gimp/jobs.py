"""Turns a procedure's arguments into layers, for interactive and scripted runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from dioptre_link.catalogue.repair_depth import OPERATION as REPAIR
from dioptre_link.catalogue.repair_depth import UNCHANGED
from dioptre_link.client import Result, Worker
from dioptre_link.editing import traits
from dioptre_link.editing.events import Steps
from dioptre_link.editing.results import size_told
from dioptre_link.language import Message
from dioptre_link.operation import Operation
from dioptre_link.records import GROUP, Entry, Link

from . import filming, layers, selecting, transfer
from .document import (
    Gimp,
    link_to,
    mark,
    nothing_selected,
    record_of,
    replace_pixels,
    selection_as_rectangle,
    size_of,
    undo_step,
)
from .layers import Outcome
from .sources import Source, check_still_there

_GROWN = Message(
    "The canvas has grown, but the other layers keep their size. Super-resolution with “The whole image” "
    "enlarges all."
)


def run(worker: Worker, operation: Operation, options: Mapping[str, Any], source: Source) -> Steps[Outcome]:
    """Send the layers, compute, and insert the result; only the last step changes the document."""
    with ExitStack() as files:
        sent = yield from transfer.send(worker, source, files)
        return (yield from run_sent(worker, operation, options, source, sent))


def run_sent(
    worker: Worker, operation: Operation, options: Mapping[str, Any], source: Source, sent: transfer.Sent
) -> Steps[Outcome]:
    """Run the operation like `run`, with inputs that have already been sent."""
    if traits.selects(operation):
        return (yield from selecting.run_sent(worker, operation, options, source, sent))
    if traits.films(operation):
        return (yield from filming.run_sent(worker, operation, options, source, sent))
    result = yield from transfer.work(worker, operation, options, source, sent)
    try:
        check_still_there(source)
        filled = yield from layers.fill(source, result)
    finally:
        result.delete()
    if traits.changes_depth(operation):
        return _change_depth(source, sent, result, filled)
    try:
        check_still_there(source)
        before = size_of(source.image)
        with undo_step(source.image):
            top = layers.insert(source, operation, filled)
            record_of(source.image).add(
                entry(operation, options, source, sent=sent, result=result, filled=filled, top=top)
            )
    except BaseException:
        layers.discard([one for one in filled if one.layer.is_valid()])
        raise
    source.image.set_selected_layers([top])
    messages = [*sent.messages, *result.messages]
    own = {top.get_tattoo(), source.picture.get_tattoo()}
    if size_of(source.image) != before and any(one.get_tattoo() not in own for one in source.image.get_layers()):
        messages.append(_GROWN)  # First, because the status bar may cut off the rest.
    if (size := size_of(filled[0].layer)) != size_of(source.picture):
        messages.append(size_told(*size))
    return Outcome(layer=top, messages=tuple(messages))


def given_links(source: Source, sent: transfer.Sent) -> dict[str, Link]:
    """Return the links to the picture and to the layer that is placed in it."""
    links = {"picture": link_to(source.picture, sha256=sent.picture_sha256)}
    if source.layer is not None:
        links["layer"] = link_to(source.layer, sha256=sent.layer_sha256)
    return links


def snap_strokes(
    worker: Worker, source: Source, before: Gimp.Layer, may_apply: Callable[[], bool]
) -> Steps[Outcome | None]:
    """Let strokes on a depth layer end at edges of its photo.

    Args:
        worker: The worker.
        source: The photo and the depth layer.
        before: The depth layer without the strokes.
        may_apply: Returns whether the user has painted nothing else meanwhile.

    Returns:
        The outcome; None if the user has painted on.
    """
    options = REPAIR.check(UNCHANGED)
    with ExitStack() as files:
        sent = yield from transfer.send(worker, source, files)
        earlier = yield from transfer.read_depth(worker, before, files)
        sent = replace(sent, inputs={**sent.inputs, "disparity_before": earlier})
        result = yield from transfer.work(worker, REPAIR, options, source, sent)
    try:
        filled = yield from layers.fill(source, result)
    finally:
        result.delete()
    if may_apply():
        return _change_depth(source, sent, result, filled)
    layers.discard(filled)
    return None


def _change_depth(source: Source, sent: transfer.Sent, result: Result, filled: list[layers.Filled]) -> Outcome:
    """Replace the depth layer's values instead of adding a layer; Update treats them like painted values."""
    depth, (made, *_) = source.depth, filled
    assert depth is not None
    try:
        check_still_there(source)
        limited = selection_as_rectangle if source.takes_selection else nothing_selected
        with undo_step(source.image), limited(source.image):
            replace_pixels(depth, made.layer)
            mark(depth, made.sha256)
    finally:
        layers.discard([one for one in filled if one.layer.is_valid()])
    return Outcome(layer=depth, messages=(*sent.messages, *result.messages))


def entry(
    operation: Operation,
    options: Mapping[str, Any],
    source: Source,
    *,
    sent: transfer.Sent,
    result: Result,
    filled: list[layers.Filled],
    top: Gimp.Layer,
) -> Entry:
    """Return the record of this result for the document."""
    inputs = given_links(source, sent)
    if source.depth is not None:
        inputs["disparity"] = link_to(source.depth, sha256=sent.depth_sha256)
    outputs = {one.role.value: link_to(one.layer, sha256=one.sha256) for one in filled}
    if top.is_group():
        outputs[GROUP] = link_to(top)
    return Entry(
        operation=operation.name,
        options=dict(options),
        inputs=inputs,
        outputs=outputs,
        values=dict(result.values),
        models=dict(result.models),
    )
