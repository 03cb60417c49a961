"""Applies a computed selection as GIMP's selection, a channel, a layer mask or a cut-out layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dioptre_link.catalogue.selection import CHANNEL, LAYER, MASK, RESULT
from dioptre_link.client import Result, Worker
from dioptre_link.editing import refusals, traits
from dioptre_link.editing.events import Step, Steps
from dioptre_link.language import translated
from dioptre_link.operation import Operation, Role

from . import layers, transfer
from .document import Gimp, add_mask, select, undo_step
from .layers import Outcome
from .sources import Source, check_still_there


def check(source: Source, options: Mapping[str, Any]) -> None:
    """Check that a mask can be added to the layer if the options request one.

    Raises:
        RefusedError: The layer already has a mask.
    """
    picture = source.picture
    if traits.selecting_options(options)[RESULT] == MASK and picture.get_mask() is not None:
        raise refusals.has_mask(picture.get_name())


def run_sent(
    worker: Worker, operation: Operation, options: Mapping[str, Any], source: Source, sent: transfer.Sent
) -> Steps[Outcome]:
    """Compute the selection and apply it as `options` request; only the last step changes the document.

    Raises:
        RefusedError: The layer cannot take a mask.
        DioptreError: The job failed; the previous selection stays.
    """
    check(source, options)
    roles = (Role.SELECTION, Role.SUBJECT)
    result = yield from transfer.work(worker, operation, options, source, sent, roles=roles)
    try:
        check_still_there(source)
        layer = yield from _applied(source, operation, options, result)
    finally:
        result.delete()
    return Outcome(layer=layer, messages=(*sent.messages, *result.messages))


def _applied(source: Source, operation: Operation, options: Mapping[str, Any], result: Result) -> Steps[Gimp.Layer]:
    image, picture, wanted = source.image, source.picture, traits.selecting_options(options)[RESULT]
    mask = next(made for made in result.layers if made.role is Role.SELECTION)
    if wanted == LAYER:
        filled = yield from layers.fill(source, result, roles=(Role.SUBJECT,))
        check_still_there(source)
        with undo_step(image):
            layers.insert_cut_out(source, filled[0])
        image.set_selected_layers([filled[0].layer])
        return filled[0].layer
    yield Step(fraction=transfer.BEFORE_LAYERS, phase="Selecting")
    with undo_step(image):
        if wanted == MASK:
            check(source, options)
            add_mask(picture, mask.buffer)
        else:
            offsets, keep = picture.get_offsets()[1:], wanted == CHANNEL
            select(image, mask.buffer, offsets, name=translated(operation.title), keep=keep)
    return picture
