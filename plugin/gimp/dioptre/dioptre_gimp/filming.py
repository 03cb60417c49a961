"""Turns a film into a new image: a layer for each frame, the first at the bottom, as GIMP exports animations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dioptre_link.buffers import Buffer
from dioptre_link.catalogue.film import count_of, delays_ms
from dioptre_link.client import Stored, Worker
from dioptre_link.editing import events, traits
from dioptre_link.editing.events import Steps
from dioptre_link.editing.exporting import suggested
from dioptre_link.language import Message, translated
from dioptre_link.operation import Operation, Role

from . import transfer
from .document import (
    FRAME,
    FRAME_MASK,
    Gimp,
    check_room,
    must,
    new_image,
    new_layer,
    opened_file,
    read_whole,
    show_image,
)
from .layers import Outcome
from .sources import Source


def run_sent(
    worker: Worker, operation: Operation, options: Mapping[str, Any], source: Source, sent: transfer.Sent
) -> Steps[Outcome]:
    """Compute one frame after the other and add it to a new image, and its mask to another if it is wanted."""
    inputs = {name: _stored(worker, name, given) for name, given in sent.inputs.items()}
    count, images = count_of(options), dict[Role, Gimp.Image]()
    delays = delays_ms(count, options["fps"], 10)  # in the units of GIF
    messages: tuple[str, ...] = ()
    try:
        for number, delay in enumerate(delays):
            job = worker.submit(
                operation.name,
                {**options, operation.framed_by: 100 * number / (count - 1)},
                inputs,
                colour_format=FRAME.wire,
                depth_dtype="u8",
                roles=(Role.RESULT, Role.INVENTED) if options["masks"] else (Role.RESULT,),
                opened_file=opened_file(source.image) if traits.looks_into_file(operation) else None,
                depth_metres=transfer.depth_metres(source),
            )
            phase = Message("Frame {number} of {count}", number=number + 1, count=count)
            result = yield from transfer.within(events.follow(job), number / count, 1 / count, phase)
            messages = result.messages
            try:
                for made in result.layers:
                    size = made.buffer.pixels.width, made.buffer.pixels.height
                    if made.role not in images:
                        check_room(made.buffer.pixels.nbytes * count)
                        images[made.role] = new_image(size)
                    name = f"{translated(Message('Frame {number}', number=number + 1))} ({delay}ms) (replace)"
                    layer = new_layer(images[made.role], name, size, alpha=False)
                    must(images[made.role].insert_layer(layer, None, 0), "insert a layer")
                    read_whole(made.buffer, layer, FRAME if made.role is Role.RESULT else FRAME_MASK)
            finally:
                result.delete()
    except BaseException:
        for image in images.values():
            image.delete()
        raise
    endings = {Role.RESULT: "film.xcf", Role.INVENTED: "film-invented.xcf"}
    for role, image in reversed(images.items()):
        show_image(image, suggested(opened_file(source.image), endings[role]))
    return Outcome(layer=images[Role.RESULT].get_layers()[0], messages=(*sent.messages, *messages))


def _stored(worker: Worker, name: str, given: Buffer | Stored) -> Buffer | Stored:
    """Let the worker keep an input, so that it is not read again for each frame."""
    if isinstance(given, Stored) or name not in ("picture", "disparity"):
        return given
    return worker.store(f"film-{name}", name, given)
