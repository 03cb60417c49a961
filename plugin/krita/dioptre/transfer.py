"""The part of a run that talks to the worker, on a separate thread and without Krita's API."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from .dioptre_link.buffers import Buffer
from .dioptre_link.catalogue import OPERATIONS
from .dioptre_link.client import Job, Progress, Result, Worker
from .dioptre_link.errors import Cancelled
from .dioptre_link.metres import DepthMetres
from .dioptre_link.operation import Role
from .dioptre_link.wire import PixelFormat
from .document import STRIP_BYTES, Raster, Rect, logger
from .sources import Picture
from .toolkit import QApplication, QThread, pyqtSignal

SHARE_SENDING = 0.1  # Fraction of the progress bar for sending; the worker takes the rest.
IDLE_S = 45.0  # A connection is closed after this idle time, because it keeps the worker running.
QUIT_MS = 3000  # Longest wait for the thread when Krita quits; cancelling a job takes a tenth of a second.
DATA_ROLES = (Role.DEPTH, Role.CONFIDENCE)  # Roles of layers that hold values, not a picture.
# Roles of layers that selecting operations return, as 8-bit values like Krita's selections.
SELECTION_ROLES = (Role.SELECTION, Role.SUBJECT)
DEPTH_WIRE = PixelFormat("f32", 1)
SELECTION_WIRE = PixelFormat("u8", 1)
_OPAQUE_PIXEL = b"\0\0\0\0\0\0\x80\x3f"  # Grey 0 and alpha 1, as floats.


@dataclass(frozen=True, kw_only=True)
class Order:
    """Everything that the worker needs for one job."""

    operation: str
    options: Mapping[str, Any]
    picture: Picture
    layer: Picture | None = None
    depth: Picture | None = None
    before: Picture | None = None  # `depth` without strokes that shall end at edges of the picture.
    selection: bytes | None = None  # 8-bit values, one per pixel of the picture.
    opened_file: str | None = None  # File that may contain the camera's own depth.
    roles: tuple[Role, ...] | None = None  # Roles of the layers to return; None returns all.
    depth_metres: DepthMetres | None = None  # The metres of `depth`, if they are known.

    @property
    def colour_format(self) -> PixelFormat:
        return self.picture.format


@dataclass(frozen=True, kw_only=True)
class Made:
    """A layer of a result.

    `raster` is in the order's colour format, float grey and alpha for depth, or without strips for an empty layer.
    """

    name: str
    role: Role
    visible: bool
    width: int
    height: int
    raster: Raster


@dataclass(frozen=True, kw_only=True)
class Outcome:
    layers: tuple[Made, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def mask(self) -> Raster | None:
        """The mask of a placed layer, or of a result that is limited to a range of depth."""
        return next((one.raster for one in self.layers if one.role is Role.MASK), None)


Report = Callable[[float, str], None]
Work = Callable[[Worker, "Ticket", Report], Any]


def in_part(report: Report, number: int, count: int, called: str = "") -> Report:
    """Return a callback that reports the progress of one of `count` equal parts as progress of the whole."""
    return lambda fraction, phase: report((number + fraction) / count, called or phase)


class Ticket:
    """A unit of work for a thread; any thread may cancel it."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._cancelled = threading.Event()
        self._job: Job | None = None

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        self._cancelled.set()
        job = self._job
        if job is not None:
            job.cancel()

    def follow(self, job: Job, report: Report) -> Result:
        """Wait for the job's result and report its progress.

        Raises:
            Cancelled: The ticket was cancelled.
            DioptreError: The job failed.
        """
        self._job = job
        try:
            if self.cancelled:
                job.cancel()
            return job.wait(lambda event: _report(event, report))
        finally:
            self._job = None


def _report(event: Progress, report: Report) -> None:
    report(SHARE_SENDING + (1 - SHARE_SENDING) * event.fraction, event.phase)


class LinkThread(QThread):
    """Thread that executes one ticket after the other over a single connection to the worker.

    The signals carry the ticket: progressed(ticket, fraction, phase), done(ticket, value), failed(ticket, error),
    and noted(ticket, value), which the work itself emits.
    """

    progressed = pyqtSignal(object, float, str)
    noted = pyqtSignal(object, object)
    done = pyqtSignal(object, object)
    failed = pyqtSignal(object, object)

    def __init__(self, client: str) -> None:
        super().__init__()
        QApplication.instance().aboutToQuit.connect(self.stop)
        self._worker = Worker(client)
        self._queue: queue.Queue[Ticket | None] = queue.Queue()
        self._current: Ticket | None = None

    def put(self, work: Work) -> Ticket:
        ticket = Ticket(work)
        self._queue.put(ticket)
        if not self.isRunning():
            self.start()
        return ticket

    def stop(self) -> None:
        """Cancel the current work and end the thread."""
        current = self._current
        if current is not None:
            current.cancel()
        self._queue.put(None)
        if self.isRunning() and not self.wait(QUIT_MS):
            logger.warning("a thread did not end")

    def run(self) -> None:  # QThread calls this in the new thread.
        while True:
            try:
                ticket = self._queue.get(timeout=IDLE_S)
            except queue.Empty:
                self._worker.close()
                ticket = self._queue.get()
            if ticket is None:
                self._worker.close()
                return
            self._current = ticket
            self._do(ticket)
            self._current = None

    def _do(self, ticket: Ticket) -> None:
        try:
            if ticket.cancelled:
                raise Cancelled
            value = ticket.work(
                self._worker, ticket, lambda fraction, phase: self.progressed.emit(ticket, fraction, phase)
            )
        except Exception as error:  # noqa: BLE001  (whatever ends the work is reported to the caller)
            self.failed.emit(ticket, error)
        else:
            self.done.emit(ticket, value)


def compute(order: Order, worker: Worker, ticket: Ticket, report: Report) -> Outcome:
    """Send the pixels, follow the job, and read the resulting layers."""
    report(0.0, "Starting Dioptre")
    worker.connect()
    with ExitStack() as files:
        report(0.02, "Transferring the picture")
        inputs = inputs_of(order, worker, files)
        if ticket.cancelled:
            raise Cancelled
        job = worker.submit(
            order.operation,
            order.options,
            inputs,
            colour_format=order.colour_format,
            opened_file=order.opened_file,
            roles=order.roles,
            depth_metres=order.depth_metres,
            depth_dtype="u8" if order.roles == SELECTION_ROLES else "f32",
        )
        result = ticket.follow(job, report)
        try:
            report(1.0, "Reading the result")
            layers = tuple(
                Made(
                    name=layer.name,
                    role=layer.role,
                    visible=layer.visible,
                    width=layer.buffer.pixels.width,
                    height=layer.buffer.pixels.height,
                    raster=_read(layer.buffer, data=layer.role in DATA_ROLES),
                )
                for layer in result.layers
            )
            layers = _ready_for_edit(order, layers)
        finally:
            result.delete()
    given = [one.raster for one in (order.picture, order.layer, order.depth) if one is not None]
    for raster in (*given, *(one.raster for one in layers if one.role in (Role.DEPTH, Role.MASK))):
        raster.sha256  # noqa: B018  (computes the cached hash here, so that the GUI thread need not wait for it)
    return Outcome(layers=layers, values=result.values, messages=result.messages, models=result.models)


def _ready_for_edit(order: Order, layers: tuple[Made, ...]) -> tuple[Made, ...]:
    """Add an empty shadow to a placed layer, or a white mask to an effect, that Edit may fill later.

    Krita adds nothing to a layer that an undo step is to replace.
    """
    roles = {one.role: one for one in layers}
    if Role.PLACED in roles and Role.SHADOW not in roles:
        empty = Raster(row_bytes=0, strips=())
        shadow = replace(roles[Role.PLACED], name="Contact shadow", role=Role.SHADOW, visible=True, raster=empty)
        return (*layers, shadow)
    known = OPERATIONS.get(order.operation)
    if known is not None and known.limitable and Role.MASK in known.outputs and Role.MASK not in roles:
        shown = roles[Role.RESULT]
        white = Raster.of(b"\xff" * (shown.width * shown.height), shown.width)
        place = layers.index(shown) + 1
        return (*layers[:place], replace(shown, name="Mask", role=Role.MASK, raster=white), *layers[place:])
    return layers


def inputs_of(order: Order, worker: Worker, files: ExitStack) -> dict[str, Buffer]:
    """Return the order's inputs in new buffers, which `files` deletes."""
    inputs = {"picture": files.enter_context(upload(worker, order.picture))}
    if order.layer is not None:
        inputs["layer"] = files.enter_context(upload(worker, order.layer))
    if order.depth is not None:
        inputs["disparity"] = files.enter_context(upload_depth(worker, order.depth))
    if order.before is not None:
        inputs["disparity_before"] = files.enter_context(upload_depth(worker, order.before))
    if order.selection is not None:
        inputs["selection"] = files.enter_context(upload_selection(worker, order.picture.rect, order.selection))
    return inputs


def upload(worker: Worker, picture: Picture) -> Buffer:
    """Return a new buffer with the picture's pixels; the caller deletes it."""
    return _sent(worker, picture.rect, picture.format, picture.raster)


def upload_depth(worker: Worker, depth: Picture) -> Buffer:
    """Return a new buffer with a depth layer's grey values, without alpha; the caller deletes it."""
    return _sent(
        worker, depth.rect, DEPTH_WIRE, ((first, rows, without_alpha(data)) for first, rows, data in depth.raster)
    )


def upload_selection(worker: Worker, rect: Rect, selection: bytes) -> Buffer:
    """Return a new buffer with a selection's values in a rectangle; the caller deletes it."""
    return _sent(worker, rect, SELECTION_WIRE, [(0, rect.height, selection)])


def _sent(
    worker: Worker, rect: Rect, pixel_format: PixelFormat, strips: Iterable[tuple[int, int, bytes | bytearray]]
) -> Buffer:
    buffer = worker.new_buffer(rect.width, rect.height, pixel_format)
    try:
        for first, _rows, data in strips:
            buffer.write_rows(first, data)
    except BaseException:
        buffer.delete()
        raise
    return buffer


def without_alpha(grey_alpha: bytes) -> bytearray:
    """Return the grey floats of grey-alpha pixels. Byte slices are many times faster than float slices."""
    grey = bytearray(len(grey_alpha) // 2)
    for at in range(4):
        grey[at::4] = grey_alpha[at::8]
    return grey


def with_alpha(grey: bytes) -> bytes:
    """Return grey floats as opaque grey-alpha pixels."""
    both = bytearray(_OPAQUE_PIXEL * (len(grey) // 4))
    for at in range(4):
        both[at::8] = grey[at::4]
    return bytes(both)


def _read(buffer: Buffer, *, data: bool) -> Raster:
    row_bytes = buffer.pixels.row_bytes * (2 if data else 1)
    read = (buffer.read_rows(first, rows) for first, rows in buffer.bands(band_bytes=STRIP_BYTES))
    return Raster(row_bytes=row_bytes, strips=tuple(with_alpha(strip) if data else strip for strip in read))
