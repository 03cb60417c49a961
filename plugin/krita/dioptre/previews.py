"""The previews of a docker: a thread asks the worker for them and keeps the picture there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from .dioptre_link.buffers import Buffer
from .dioptre_link.client import Worker
from .dioptre_link.editing.events import Image, Shown, Step, Steps, drain
from .dioptre_link.editing.preview import SETTLE_MS, PreviewSession
from .dioptre_link.editing.request import Given, Request
from .dioptre_link.editing.state import Phase, State
from .dioptre_link.editing.traits import looks_into_file, takes_depth
from .dioptre_link.errors import Cancelled
from .dioptre_link.networks import missing_network
from .dioptre_link.wire import PixelFormat
from .document import Node, Rect, client, coverage_masks
from .sources import Picture, Source
from .toolkit import QObject, QTimer, pyqtSignal
from .transfer import DEPTH_WIRE, LinkThread, Report, Ticket, upload, upload_depth, upload_selection, without_alpha

FULL = 255  # Opacity of an opaque layer.
LONGEST_PX = 512  # Longest side of a preview in pixels: twice the width of a docker, and quick to blur.
FORMAT = PixelFormat("u8", 4, "bgr")  # Byte order of QImage's ARGB32.


POLL_S = 0.05  # Longest time that the thread waits for the worker before it checks for cancellation.


class Previews(QObject):
    """Asks for previews. Events (`Shown`, `Step` or the list of networks) and errors concern the latest request."""

    noted = pyqtSignal(object)
    failed = pyqtSignal(object)
    pictured = pyqtSignal(str, object)  # Name and picture of a recipe; None if it failed.

    def __init__(self, wanted: Callable[[], tuple[State, Source, int] | None]) -> None:
        """Start nothing yet.

        Args:
            wanted: Returns the state, the layer to show and the longest side to show it at, or None if there is no
                layer.
        """
        super().__init__()
        self._wanted = wanted
        self.asked_px = 0  # Longest side of the latest preview; 0 before the first one.
        self._thread = LinkThread(client("preview"))
        self._thread.noted.connect(lambda ticket, event: self.noted.emit(event) if ticket is self._ticket else None)
        self._thread.done.connect(self._arrived)
        self._thread.failed.connect(self._ended)
        self._session: PreviewSession | None = None
        self._ticket: Ticket | None = None
        self._recipe = ""  # The recipe whose picture `_ticket` computes.
        self._lists = True  # Whether the next preview lists the networks first.
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLE_MS)
        self._settling.timeout.connect(self.ask)

    def list_again(self) -> None:
        """List the networks before the next preview, because another program may have installed one."""
        self._lists = True

    def ask_soon(self) -> None:
        """Ask once the options have settled; the picture of a recipe makes way at once."""
        if self._recipe:
            self._drop()
        if self._wanted() is not None and not self._settling.isActive():
            self._settling.start()

    def ask(self) -> None:
        """Request a preview with the current options, or ask again later if the running one should finish first."""
        if (wanted := self._wanted()) is None:
            return
        state, source, self.asked_px = wanted
        if state.missing is not None and not self._lists:
            self._drop()
            return
        request = request_of(state, source, self.asked_px)
        running = None if self._ticket is None or self._recipe else self._session
        if running is not None and running.should_wait(request):
            self._settling.start()
            return
        self._drop()
        thread = self._thread
        lists, self._lists = self._lists, False

        def work(worker: Worker, ticket: Ticket, _report: Report) -> Shown:
            thread.noted.emit(ticket, Step(fraction=0.0, phase="Starting Dioptre", waiting=True))
            worker.connect()
            if lists:
                networks = worker.networks()
                thread.noted.emit(ticket, networks)
                if missing_network(networks, request.operation, request.options) is not None:
                    raise Cancelled
            if self._session is None:
                self._session = PreviewSession(worker, FORMAT, poll_s=POLL_S)
            steps: Generator[Any, None, Shown] = self._session.preview(with_depth_image(request, source))
            return drain(steps, lambda event: thread.noted.emit(ticket, event), lambda: ticket.cancelled)

        self._ticket = thread.put(work)

    def ask_picture(self, name: str, state: State) -> None:
        """Request the picture of a recipe; any other request takes precedence over it and drops it.

        Args:
            name: The recipe's name.
            state: Its operation and options.
        """
        session, wanted = self._session, self._wanted()
        if session is None or wanted is None or self._ticket is not None or self._settling.isActive():
            return
        request = request_of(state, wanted[1], LONGEST_PX)

        def work(worker: Worker, ticket: Ticket, _report: Report) -> Image | None:
            worker.connect()
            return drain(session.beside(request), lambda _event: None, lambda: ticket.cancelled).after

        self._recipe, self._ticket = name, self._thread.put(work)

    def stop(self) -> None:
        """Abandon the running preview and those to come."""
        self._settling.stop()
        self._drop()

    def _drop(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
        self._over()

    def _arrived(self, ticket: Ticket, shown: Any) -> None:
        if ticket is not self._ticket:
            return
        if name := self._over():
            self.pictured.emit(name, shown)
        else:
            # If the options have changed again since the request, this is only a draft.
            self.noted.emit(replace(shown, draft=True) if self._settling.isActive() else shown)

    def _ended(self, ticket: Ticket, error: Exception) -> None:
        if ticket is not self._ticket:
            return
        wanted = self._wanted()
        if name := self._over():
            self.pictured.emit(name, None)
        elif not isinstance(error, Cancelled):
            self.failed.emit(error)
        elif wanted is not None and wanted[0].phase in (Phase.WAITING, Phase.DRAFT):
            self.ask_soon()  # The worker cancelled the job, not the user, so request the preview again.

    def _over(self) -> str:
        """Forget what has ended; return the recipe whose picture it was, or "" for a preview."""
        name, self._ticket, self._recipe = self._recipe, None, ""
        return name


def request_of(state: State, source: Source, longest_px: int) -> Request:
    """Return the request for the worker. Pixels are uploaded only when the worker needs them."""
    picture, depth, selection = source.picture, source.depth, source.selection
    inputs = {"picture": _given(_Same(picture), partial(upload, picture=picture))}
    if (layer := source.layer) is not None:
        inputs["layer"] = _given(_Same(layer), partial(upload, picture=layer))
    if depth is not None and takes_depth(state.operation):
        inputs["disparity"] = _given(_Same(depth), partial(upload_depth, depth=depth))
    if selection is not None:
        send = partial(upload_selection, rect=picture.rect, selection=selection)
        inputs["selection"] = _given((_Same(picture), selection), send)
    return Request(
        operation=state.operation,
        options=state.options,
        inputs=inputs,
        size=(picture.rect.width, picture.rect.height),
        longest_px=longest_px,
        opened_file=source.opened_file if looks_into_file(state.operation) else None,
        place=state.place,
        crop=lambda worker, part: _cropped(worker, source, part),
        depth_metres=source.depth_metres,
        coverage=source.coverage,
    )


def with_depth_image(request: Request, source: Source) -> Request:
    """Add a small image of the depth layer to the request. This is too slow for the GUI thread."""
    if source.depth is None or "disparity" not in request.inputs:
        return request
    return replace(request, depth_image=_small_depth(source.depth))


class _Same:
    """Key for one reading of a layer: equal only to a key for the same object, which it keeps alive."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._picture is self._picture

    def __hash__(self) -> int:
        return id(self._picture)


def _given(key: Hashable, send: Callable[[Worker], Buffer]) -> Given:
    """Return an input that `send` writes to a new buffer."""

    def uploading(worker: Worker) -> Steps[Buffer]:
        yield Step(fraction=0.0, phase="Transferring the picture")
        return send(worker)

    return Given(key=key, upload=uploading)


def _cropped(worker: Worker, source: Source, part: tuple[int, int, int, int]) -> Mapping[str, Buffer]:
    width, height = part[2:]
    picture, depth = source.picture, source.depth
    inputs = {"picture": worker.new_buffer(width, height, picture.format)}
    inputs["picture"].write_rows(0, picture.raster.part(part, picture.format.pixel_bytes))
    if depth is not None:
        inputs["disparity"] = worker.new_buffer(width, height, DEPTH_WIRE)
        inputs["disparity"].write_rows(0, without_alpha(depth.raster.part(part, 8)))
    return inputs


def small_coverage(node: Node, rect: Rect) -> Image | None:
    """Return a layer's opacity times its transparency masks at a reduced size; None if it is 1 everywhere."""
    masks = coverage_masks(node)
    if node.opacity() == FULL and not masks:
        return None
    coverage = Image(width=1, height=1, channels=1, data=bytes([node.opacity()]))
    for mask in masks:
        coverage = small_selection(bytes(mask.pixelData(*rect)), rect.width).faded(coverage)
    return coverage


def small_selection(selection: bytes, width: int) -> Image:
    """Return every n-th value of a selection, which has `width` values a row."""
    step = max(1, -(-max(width, len(selection) // width) // LONGEST_PX))
    rows = [selection[start : start + width : step] for start in range(0, len(selection), width * step)]
    return Image(width=len(rows[0]), height=len(rows), channels=1, data=b"".join(rows))


def _small_depth(depth: Picture) -> Image:
    """Return every n-th grey value of a depth layer as 8-bit values."""
    width, height = depth.rect.width, depth.rect.height
    step = max(1, -(-max(width, height) // LONGEST_PX))
    rows = []
    for y in range(0, height, step):
        row = memoryview(depth.raster.rows(y, 1)).cast("f")[:: 2 * step]
        rows.append(bytes(min(255, max(0, round(255 * value))) for value in row))
    return Image(width=len(rows[0]), height=len(rows), channels=1, data=b"".join(rows))
