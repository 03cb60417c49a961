"""Runs one job on the worker in small non-blocking steps, so that a dialog stays responsive between them.

Each function is a generator of `Step`s and returns its outcome (`outcome = yield from …`). Scripts run them with
`run_here`; the dialog drives them from GLib's main loop.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from dioptre_link import records
from dioptre_link.buffers import Buffer
from dioptre_link.client import Result, Stored, Worker
from dioptre_link.editing import events, traits
from dioptre_link.editing.events import Step, Steps
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message
from dioptre_link.metres import DepthMetres
from dioptre_link.operation import Operation, Role

from .document import (
    DEPTH,
    DEPTH_SHOWN,
    SELECTION,
    Format,
    Gimp,
    bands,
    depth_hash,
    find_kept,
    has_selection,
    is_eight_bit,
    laid_out,
    logger,
    made_hash,
    metres_of,
    opened_file,
    picture_format,
    read_bands,
    record_of,
    selection_bands,
    size_of,
    write_out,
)
from .sources import Source, check_still_there

WAIT_S = 0.05  # Interval for polling the worker in scripts: negligible load, and Cancel still feels immediate.
SHARE_SENDING = 0.1  # Fractions of the progress bar for sending and computing; creating the layers takes the rest.
SHARE_WORKING = 0.8
BEFORE_LAYERS = SHARE_SENDING + SHARE_WORKING


T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The inputs of a job in files that the worker can read, with the hashes that the recipe records."""

    inputs: Mapping[str, Buffer | Stored]
    picture_sha256: str
    layer_sha256: str = ""
    depth_sha256: str = ""
    selection_sha256: str = ""
    messages: tuple[str, ...] = ()


def open_worker() -> Worker:
    return Worker(f"GIMP {Gimp.version()}")


def run_here(steps: Steps[T], on_step: Callable[[Step], None]) -> T:
    """Run `steps` to the end in this thread; for scripts, which have nothing else to do meanwhile."""
    pause = threading.Event()
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        on_step(step)
        if step.waiting:
            pause.wait(WAIT_S)


def connect(worker: Worker) -> Steps[None]:
    """Find or start the worker, which takes seconds the first time."""
    yield from in_thread(worker.connect, "Starting Dioptre")


def in_thread(call: Callable[[], T], phase: str) -> Steps[T]:
    """Run a blocking call outside GIMP's and GTK's thread; `call` must not use either library."""
    outcome: list[T] = []
    failure: list[DioptreError] = []

    def run() -> None:
        try:
            outcome.append(call())
        except DioptreError as error:
            failure.append(error)

    thread = threading.Thread(target=run, name=f"dioptre: {phase}", daemon=True)
    thread.start()
    while thread.is_alive():
        yield Step(fraction=0.0, phase=phase, waiting=True)
    if failure:
        raise failure[0]
    return outcome[0]


def send(worker: Worker, source: Source, files: ExitStack) -> Steps[Sent]:
    """Write the layers into buffers, which `files` deletes."""
    yield from connect(worker)
    check_still_there(source)
    picture, began = source.picture, time.monotonic()
    pixel_format = picture_format(source.image, alpha=picture.has_alpha())
    buffer = _new_buffer(worker, picture, pixel_format, files)
    digest = hashlib.sha256()
    for share in write_out(picture, buffer, pixel_format, digest.update):
        yield Step(fraction=SHARE_SENDING * share, phase="Reading the layer")
    size = picture.get_width(), picture.get_height()
    logger.info("Read %d x %d pixels of %s: %.2f s", *size, pixel_format.babl, time.monotonic() - began)
    inputs: dict[str, Buffer | Stored] = {"picture": buffer}
    depth_sha256 = ""
    messages: list[str] = []
    if source.depth is not None:
        depth_sha256, messages = yield from _send_depth(worker, source, files, inputs)
    others = {}
    for name, (rows_format, rows) in _others(source).items():
        inputs[name] = buffer = _new_buffer(worker, picture, rows_format, files)
        others[f"{name}_sha256"] = _hash_of(rows, buffer)
    return Sent(
        inputs=inputs,
        picture_sha256=digest.hexdigest(),
        depth_sha256=depth_sha256,
        **others,
        messages=tuple(messages),
    )


def changed(source: Source, sent: Sent) -> Steps[bool]:
    """Return whether the layers have changed since they were sent."""
    check_still_there(source)
    digest = hashlib.sha256()
    pixel_format = picture_format(source.image, alpha=source.picture.has_alpha())
    for band in read_bands(source.picture, pixel_format.babl):
        digest.update(band)
        yield Step(fraction=0.0, phase="Reading the layer")
    others = {name: _hash_of(rows) for name, (_, rows) in _others(source).items()}
    now = digest.hexdigest(), others.get("selection", ""), others.get("layer", "")
    if now != (sent.picture_sha256, sent.selection_sha256, sent.layer_sha256):
        return True
    return source.depth is not None and depth_hash(source.depth) != sent.depth_sha256


def work(
    worker: Worker,
    operation: Operation,
    options: Mapping[str, Any],
    source: Source,
    sent: Sent,
    *,
    roles: tuple[Role, ...] | None = None,
) -> Steps[Result]:
    """Submit the job and follow it to its result.

    Args:
        worker: The connected worker.
        operation: The operation to run.
        options: Its validated options.
        source: The layers to work on.
        sent: The inputs from `send`.
        roles: Roles of the layers to return; None returns all that become layers of the image.

    Returns:
        The worker's result.
    """
    colour_format = picture_format(source.image, alpha=True).wire
    job = worker.submit(
        operation.name,
        options,
        sent.inputs,
        colour_format=colour_format,
        opened_file=opened_file(source.image) if traits.looks_into_file(operation) else None,
        depth_metres=depth_metres(source),
        roles=roles or traits.roles_wanted(operation),
    )
    return (yield from within(events.follow(job), SHARE_SENDING, SHARE_WORKING))


def depth_metres(source: Source) -> DepthMetres | None:
    """Return the metres that the document records for the depth layer, or else those of a copied layer."""
    if source.depth is None:
        return None
    recorded = records.depth_metres(record_of(source.image).readable(), source.depth.get_tattoo())
    return recorded or metres_of(source.depth)


def within(steps: Steps[T], start: float, share: float, phase: str = "") -> Steps[T]:
    """Run `steps` as the section `phase` of a longer job, whose progress it advances from `start` by `share`."""
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            yield replace(step, fraction=start + share * step.fraction, phase=phase or step.phase)
    finally:
        steps.close()


def _send_depth(
    worker: Worker, source: Source, files: ExitStack, inputs: dict[str, Buffer | Stored]
) -> Steps[tuple[str, list[str]]]:
    """Put the depth layer into `inputs` as precisely as possible; return its hash and messages for the user."""
    depth = source.depth
    assert depth is not None
    yield Step(fraction=SHARE_SENDING, phase="Reading the depth layer")
    now = depth_hash(depth)
    if not is_eight_bit(source.image):
        inputs["disparity"] = yield from read_depth(worker, depth, files)
        return now, []
    if (kept := find_kept(now)).fits(depth):
        inputs["disparity"] = _copied(worker, depth, kept.exact, DEPTH, files)
        return now, []
    made = made_hash(depth)
    if made and (kept := find_kept(made)).fits(depth):
        inputs["disparity"] = yield from read_depth(worker, depth, files, DEPTH_SHOWN)
        inputs["disparity_shown"] = _copied(worker, depth, kept.shown, DEPTH_SHOWN, files)
        inputs["disparity_exact"] = _copied(worker, depth, kept.exact, DEPTH, files)
        return now, []
    inputs["disparity"] = yield from read_depth(worker, depth, files)
    if not made:
        return now, []
    return now, [Message("The depth layer's full precision is no longer in the cache; its 256 levels were used.")]


def _others(source: Source) -> dict[str, tuple[Format, Iterator[tuple[int, bytes]]]]:
    """Return the format and the rows of the inputs that are read whole: the selection, and the layer to place."""
    found = {}
    if source.takes_selection and has_selection(source.image):
        found["selection"] = SELECTION, selection_bands(source.image, source.picture)
    if source.layer is not None:
        pixel_format = picture_format(source.image, alpha=True)
        found["layer"] = pixel_format, laid_out(source.layer, source.picture, pixel_format)
    return found


def _hash_of(rows_from_top: Iterator[tuple[int, bytes]], buffer: Buffer | None = None) -> str:
    """Return the hash of rows, which are written into a buffer on the way."""
    digest = hashlib.sha256()
    for top, rows in rows_from_top:
        if buffer is not None:
            buffer.write_rows(top, rows)
        digest.update(rows)
    return digest.hexdigest()


def read_depth(
    worker: Worker, depth: Gimp.Drawable, files: ExitStack, pixel_format: Format = DEPTH
) -> Steps[Buffer]:
    """Return the depth layer's visible content in a new buffer."""
    buffer = _new_buffer(worker, depth, pixel_format, files)
    for _ in write_out(depth, buffer, pixel_format):
        yield Step(fraction=SHARE_SENDING, phase="Reading the depth layer")
    return buffer


def _copied(worker: Worker, depth: Gimp.Layer, kept: Any, pixel_format: Format, files: ExitStack) -> Buffer:
    buffer = _new_buffer(worker, depth, pixel_format, files)
    with kept.open("rb") as file:
        for band in bands(*size_of(depth)):
            buffer.write_rows(band.y, file.read(band.height * buffer.pixels.row_bytes))
    return buffer


def _new_buffer(worker: Worker, drawable: Gimp.Drawable, pixel_format: Format, files: ExitStack) -> Buffer:
    return files.enter_context(worker.new_buffer(*size_of(drawable), pixel_format.wire))
