"""Applies a computed selection as GIMP's selection, a channel, a layer mask or a cut-out layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dioptre_link.catalogue.selection import CHANNEL, LAYER, MASK
from dioptre_link.client import Layer as ResultLayer
from dioptre_link.client import Result, Worker
from dioptre_link.editing import refusals, traits
from dioptre_link.editing.events import Step, Steps
from dioptre_link.language import translated
from dioptre_link.operation import Operation, Role

from . import jobs, layers, pixels
from .host import Gegl, Gimp
from .outcome import Outcome, check_still_there
from .sources import Source

COLOUR = "#e03030"  # Colour in which the channel appears over the picture.


def check(source: Source, options: Mapping[str, Any]) -> None:
    """Check that a mask can be added to the layer if the options request one.

    Raises:
        RefusedError: The layer already has a mask.
    """
    picture = source.picture
    if traits.selecting_options(options)["result"] == MASK and picture.get_mask() is not None:
        raise refusals.has_mask(picture.get_name())


def run_sent(
    worker: Worker, operation: Operation, options: Mapping[str, Any], source: Source, sent: jobs.Sent
) -> Steps[Outcome]:
    """Compute the selection and apply it as `options` request; only the last step changes the document.

    Raises:
        RefusedError: The layer cannot take a mask.
        DioptreError: The job failed; the previous selection stays.
    """
    check(source, options)
    roles = (Role.SELECTION, Role.SUBJECT)
    result = yield from jobs.work(worker, operation, options, source, sent, roles=roles)
    try:
        check_still_there(source)
        layer = yield from _applied(source, operation, options, result)
    finally:
        result.delete()
    return Outcome(layer=layer, messages=(*sent.messages, *result.messages))


def _applied(source: Source, operation: Operation, options: Mapping[str, Any], result: Result) -> Steps[Gimp.Layer]:
    image, picture = source.image, source.picture
    mask = next(made for made in result.layers if made.role is Role.SELECTION)
    if traits.selecting_options(options)["result"] == LAYER:
        filled = yield from layers.fill(source, result, roles=(Role.SUBJECT,))
        check_still_there(source)
        with layers.undo_step(image):
            layers.insert_cut_out(source, filled[0])
        image.set_selected_layers([filled[0].layer])
        return filled[0].layer
    yield Step(fraction=jobs.BEFORE_LAYERS, phase="Selecting")
    with layers.undo_step(image):
        if traits.selecting_options(options)["result"] == MASK:
            check(source, options)
            _add_mask(picture, mask)
        else:
            _select(
                source,
                mask,
                name=translated(operation.title),
                keep=traits.selecting_options(options)["result"] == CHANNEL,
            )
    return picture


def _add_mask(picture: Gimp.Layer, mask: ResultLayer) -> None:
    made = picture.create_mask(Gimp.AddMaskType.WHITE)
    for _ in pixels.read_in(mask.buffer, made.get_buffer(), pixels.SELECTION):
        pass
    layers.must(picture.add_mask(made), "add a layer mask")
    made.update(0, 0, made.get_width(), made.get_height())


def _select(source: Source, mask: ResultLayer, *, name: str, keep: bool) -> None:
    """Add a channel with the mask at the layer's position, then turn it into the selection unless `keep` is set."""
    image = source.image
    selected = image.get_selected_layers()
    channel = Gimp.Channel.new(image, name, image.get_width(), image.get_height(), 50.0, Gegl.Color.new(COLOUR))
    _fill(channel, mask, source.picture.get_offsets()[1:])
    layers.must(image.insert_channel(channel, None, 0), "add a channel")
    if keep:
        channel.set_visible(False)
    else:
        try:
            layers.must(image.select_item(Gimp.ChannelOps.REPLACE, channel), "change the selection")
        finally:
            image.remove_channel(channel)
    # Otherwise the new channel would stay selected, and painting would change it.
    image.set_selected_layers(selected)


def _fill(channel: Gimp.Channel, mask: ResultLayer, offsets: tuple[int, int]) -> None:
    """Write the part of the mask that lies within the image; the rest of the channel is 0."""
    width, height = channel.get_width(), channel.get_height()
    target, size = channel.get_buffer(), mask.buffer.pixels
    row_bytes = width * pixels.SELECTION.wire.pixel_bytes
    for band in pixels.bands(width, height):
        target.set(band, pixels.SELECTION.babl, bytes(row_bytes * band.height))
    x, y = offsets
    left, right = max(x, 0), min(x + size.width, width)
    top, bottom = max(y, 0), min(y + size.height, height)
    step = pixels.SELECTION.wire.pixel_bytes
    for first in range(top, bottom if right > left else top, pixels.BAND_ROWS):
        count = min(pixels.BAND_ROWS, bottom - first)
        rows = mask.buffer.read_rows(first - y, count)
        if right - left != size.width:
            begin, end = (left - x) * step, (right - x) * step
            rows = b"".join(rows[at + begin : at + end] for at in range(0, len(rows), size.width * step))
        target.set(Gegl.Rectangle.new(left, first, right - left, count), pixels.SELECTION.babl, rows)
    target.flush()
    channel.update(0, 0, width, height)
