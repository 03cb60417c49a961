"""Turns a film into a new document with an animated layer."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack
from typing import Any

from .dioptre_link.catalogue.film import count_of
from .dioptre_link.client import Worker
from .dioptre_link.errors import Cancelled, DioptreError
from .dioptre_link.language import Message, translated
from .dioptre_link.operation import Operation, Role
from .dioptre_link.scratch import Scratch
from .dioptre_link.wire import PixelFormat
from .document import Node, animated_document, show_document
from .toolkit import QImage
from .transfer import Order, Report, Ticket, in_part, inputs_of

_QUALITY = 80  # Qt's name for little compression, which is fast.

Frames = tuple[Scratch, Operation, Mapping[str, Any], list[str]]


def work(order: Order, described: Operation, worker: Worker, ticket: Ticket, report: Report) -> Frames:
    """Write one frame after the other, and their masks if they are wanted, to a folder, on the worker thread."""
    worker.connect()
    options, count, formats = order.options, count_of(order.options), QImage.Format
    messages: tuple[str, ...] = ()
    scratch = Scratch()
    try:
        with ExitStack() as files:
            sent = inputs_of(order, worker, files)
            inputs = {name: worker.store(f"film-{name}", name, buffer) for name, buffer in sent.items()}
        for number in range(count):
            if ticket.cancelled:
                raise Cancelled
            job = worker.submit(
                order.operation,
                {**options, described.framed_by: 100 * number / (count - 1)},
                inputs,
                colour_format=PixelFormat("u8", 3),
                depth_dtype="u8",
                roles=(Role.RESULT, Role.INVENTED) if options["masks"] else (Role.RESULT,),
                opened_file=order.opened_file,
                depth_metres=order.depth_metres,
            )
            phase = Message("Frame {number} of {count}", number=number + 1, count=count)
            result = ticket.follow(job, in_part(report, number, count, phase))
            messages = result.messages
            try:
                for made in result.layers:
                    pixels = made.buffer.pixels
                    data = made.buffer.read_rows(0, pixels.height)
                    format_ = formats.Format_RGB888 if made.role is Role.RESULT else formats.Format_Grayscale8
                    image = QImage(data, pixels.width, pixels.height, pixels.row_bytes, format_)
                    if not image.save(str(scratch.path / f"{made.role.value}-{number:05d}.png"), "PNG", _QUALITY):
                        raise DioptreError("The film's frames could not be written.", hint="Free some disk space.")
            finally:
                result.delete()
    except BaseException:
        scratch.remove()
        raise
    return scratch, described, options, list(messages)


def show(
    title: str, scratch: Scratch, described: Operation, options: Mapping[str, Any], messages: list[str]
) -> Generator[None, None, tuple[Node, tuple[str, ...]]]:
    """Open a document for the film, and one for its masks, called after the `title` of the photo."""
    name = f"{title} - {translated(described.title)}"
    try:
        for role in (Role.INVENTED, Role.RESULT):
            files = sorted(map(str, scratch.path.glob(f"{role.value}-*.png")))
            if files:
                document = yield from animated_document(name, files, options["fps"])
                show_document(document)
                yield
    finally:
        scratch.remove()
    return document.rootNode(), tuple(messages)
