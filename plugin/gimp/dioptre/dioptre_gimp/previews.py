"""Requests previews when the state changes, with the layers that were read once for them and for the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from dioptre_link.buffers import Buffer
from dioptre_link.client import Stored, Worker
from dioptre_link.editing import picking, traits
from dioptre_link.editing import state as states
from dioptre_link.editing.events import Image, Shown, Step, Steps
from dioptre_link.editing.preview import SETTLE_MS, PreviewSession
from dioptre_link.editing.recipes import chosen_in_picture
from dioptre_link.editing.request import Given, Request
from dioptre_link.editing.state import Phase, State, Store
from dioptre_link.wire import PixelFormat

from . import transfer
from .document import LOG, GLib, logger, opened_file, read_part, read_small, read_small_coverage, size_of
from .sources import Source, check_still_there
from .toolkit import Driver

FORMAT = PixelFormat("u8", 4)
"""Pixel format of previews."""


class Inputs:
    """The inputs of one source. Closing `files` deletes the remaining buffers.

    `small` is the layer as it is seen alone, with its mask and opacity.
    """

    def __init__(self, source: Source, worker: Worker, files: ExitStack, size: tuple[int, int]) -> None:
        """Read pictures of the layers at `size` (width, height) at once, and their pixels later.

        Requests then need nothing from the document, which may be closed at any time.
        """
        self.source = source
        self._layer_size = size_of(source.picture)
        self._opened_file = opened_file(source.image)
        self._depth_metres = transfer.depth_metres(source)
        coverage = read_small_coverage(source.picture, size)
        self._coverage = None if coverage is None else _image(size, 1, coverage)
        self.small = _image(size, 4, read_small(source.picture, size)).faded(self._coverage)
        depth = source.depth
        self._depth_image = None if depth is None else _image(size, 1, read_small(depth, size, grey=True))
        self._worker, self._files = worker, files
        self._sent: transfer.Sent | None = None
        self._spent: set[str] = set()  # Inputs whose buffers the preview session has consumed.

    def read(self) -> Steps[None]:
        """Read the layers; this is the first thing a dialog does."""
        self._sent = yield from transfer.send(self._worker, self.source, self._files)
        self._spent.clear()

    @property
    def has_been_read(self) -> bool:
        return self._sent is not None

    def request(self, state: State, longest_px: int) -> Request:
        return Request(
            operation=state.operation,
            options=state.options,
            inputs=self._givens(),
            size=self._layer_size,
            longest_px=longest_px,
            opened_file=self._opened_file if traits.looks_into_file(state.operation) else None,
            place=state.place,
            crop=self._crop,
            depth_image=self._depth_image,
            depth_metres=self._depth_metres,
            coverage=None if state.on_canvas else self._coverage,  # The layer on the canvas has the same mask.
        )

    def for_result(self, session: PreviewSession) -> Steps[transfer.Sent]:
        """Return the current inputs for the final job, reusing those that the previews uploaded."""
        if self._sent is None or (yield from transfer.changed(self.source, self._sent)):
            yield from self.read()
        sent = self._sent
        assert sent is not None
        inputs: dict[str, Buffer | Stored] = dict(sent.inputs)
        for name in self._spent:
            stored = session.stored(name, self._key(name))
            if stored is None:  # The worker that stored the input has exited.
                yield from self.read()
                assert self._sent is not None
                return self._sent
            inputs[name] = stored
        return replace(sent, inputs=inputs)

    def _givens(self) -> Mapping[str, Given]:
        assert self._sent is not None
        return {
            name: Given(key=self._key(name), upload=self._upload(name))
            for name in ("picture", "layer", "disparity", "selection")
            if name in self._sent.inputs
        }

    def _key(self, name: str) -> tuple[str, str, int]:
        assert self._sent is not None
        hashed = getattr(self._sent, f"{'depth' if name == 'disparity' else name}_sha256")
        return name, hashed, id(self._sent)

    def _upload(self, name: str) -> Callable[[Worker], Steps[Buffer]]:
        def upload(worker: Worker) -> Steps[Buffer]:
            assert self._sent is not None
            check_still_there(self.source)
            # The final job may need the existing buffer, which holds the exact depth, so send a new one.
            if name == "disparity":
                assert self.source.depth is not None
                return (yield from transfer.read_depth(worker, self.source.depth, self._files))
            if name in self._spent:
                yield from self.read()
            self._spent.add(name)
            buffer = self._sent.inputs[name]
            assert isinstance(buffer, Buffer)
            yield Step(fraction=0.0, phase="Transferring the picture")
            return buffer

        return upload

    def _crop(self, worker: Worker, part: tuple[int, int, int, int]) -> Mapping[str, Buffer]:
        check_still_there(self.source)
        width, height = part[2:]
        buffer = worker.new_buffer(width, height, FORMAT)
        buffer.write_rows(0, read_part(self.source.picture, part))
        return {"picture": buffer}


def _image(size: tuple[int, int], channels: int, data: bytes) -> Image:
    return Image(width=size[0], height=size[1], channels=channels, data=data)


class Previews:
    """The previews of one dialog."""

    def __init__(self, store: Store[State], worker: Worker, longest_px: Callable[[], int]) -> None:
        self.session = PreviewSession(worker, FORMAT)
        self._store, self._longest_px = store, longest_px
        self._inputs: Inputs | None = None
        self._driver: Driver | None = None
        self._settling: int | None = None
        self._ready = False  # Whether the inputs have been read.
        self._asked_px = 0
        self._since_s = time.monotonic()  # Time of the oldest change that the running preview takes into account.
        self._names: list[str] = []  # Recipes with pictures.
        self._unpictured: list[str] = []  # Recipes whose pictures are still to be computed.
        self._picturing = False  # Whether the driver computes such a picture.
        self._request_of: Callable[[str], Request | None] = lambda _: None
        self._on_picture: Callable[[str, Image], None] = lambda _, _picture: None
        self._forget = store.observe(self._changed)

    def open(self, inputs: Inputs, reading: Steps[None]) -> None:
        """Run `reading` to read the inputs, then show the first preview."""
        self._stop_driver()
        self._inputs, self._ready = inputs, False
        self._since_s = time.monotonic()
        self._driver = Driver(reading, on_done=self._read, on_error=self._failed, on_step=self._event)

    def picture(
        self,
        names: Iterable[str],
        request_of: Callable[[str], Request | None],
        on_picture: Callable[[str, Image], None],
        photo: Image,
    ) -> None:
        """Compute the pictures of recipes while no preview is wanted; those that fail stay the photo.

        Args:
            names: The recipes' names.
            request_of: Returns the request for a recipe's picture; None for no picture.
            on_picture: Receives each name and picture, and at once each name and the photo.
            photo: The reduced layer.
        """
        self._names, self._request_of, self._on_picture = [*names], request_of, on_picture
        self._unpictured = [*self._names]
        for name in self._names:
            on_picture(name, photo)
        self._picture_next()

    def _picture_next(self) -> None:
        while self._unpictured and self._store.state.phase is Phase.READY and self._driver is None:
            name = self._unpictured[0]
            if (request := self._request_of(name)) is None:
                self._unpictured.remove(name)
                continue
            self._picturing = True
            self._driver = Driver(
                self.session.beside(request),
                on_done=partial(self._pictured, name),
                on_error=partial(self._pictured, name),
            )

    def _pictured(self, name: str, outcome: Shown | Exception) -> None:
        self._driver, self._picturing = None, False
        self._unpictured.remove(name)
        if isinstance(outcome, Exception):
            logger.info("No picture of a recipe: %s", LOG.told(outcome).message)
        elif outcome.after is not None:
            self._on_picture(name, outcome.after)
        self._picture_next()

    def forget(self) -> None:
        """Abandon the running preview."""
        self._ready = False
        self._stop_driver()
        self._stop_settling()

    def resume(self) -> None:
        """Continue after `forget` with the same inputs; request the preview unless it is shown already."""
        phase = self._store.state.phase
        self._ready = phase is not Phase.EMPTY
        if phase is Phase.READING:
            self._read(None)
        elif phase in (Phase.WAITING, Phase.DRAFT):
            self._settle()
        self._picture_next()

    def stop(self) -> None:
        """Stop requesting previews."""
        self._forget()
        self._forget = lambda: None
        self.forget()

    def sharpen(self) -> None:
        """Request a new preview if the picture is displayed at a larger size than it was computed at."""
        if self._ready and self._longest_px() > self._asked_px:
            self._settle()

    def _stop_driver(self) -> None:
        if self._driver is not None:
            self._driver.stop()
            self._driver, self._picturing = None, False

    def _stop_settling(self) -> None:
        if self._settling is not None:
            GLib.source_remove(self._settling)
            self._settling = None

    def _read(self, _: None) -> None:
        self._ready = True
        self._store.set(states.read(self._store.state))
        self._ask()

    def _changed(self, old: State, state: State) -> None:
        if not self._ready or state.operation is not old.operation:
            return
        fetched = old.phase in (Phase.MISSING, Phase.READY) and state.phase is Phase.WAITING
        asked = (old.options, old.place, old.on_canvas) != (state.options, state.place, state.on_canvas)
        if fetched or asked:
            self._settle()
        operation = state.operation
        if chosen_in_picture(old.options, operation) != chosen_in_picture(state.options, operation):
            self._unpictured = [*self._names]

    def _settle(self) -> None:
        if self._picturing:  # The preview goes first.
            self._stop_driver()
        if self._settling is None:
            self._since_s = time.monotonic()
            self._settling = GLib.timeout_add(SETTLE_MS, self._settled)

    def _settled(self) -> bool:
        assert self._inputs is not None
        running = self._driver is not None and self._driver.running
        request = self._inputs.request(self._store.state, self._longest_px())
        if running and self._store.state.phase is not Phase.MISSING and self.session.should_wait(request):
            return True
        self._settling = None
        self._ask()
        return False

    def _ask(self) -> None:
        """Request a preview with the current options and abandon the previous one."""
        assert self._inputs is not None
        self._stop_driver()
        if self._store.state.phase is Phase.MISSING:
            return
        self._asked_px = self._longest_px()
        request = self._inputs.request(self._store.state, self._asked_px)

        def arrived(shown: Shown) -> None:
            self._driver = None
            self._show(request, shown)
            self._picture_next()

        self._driver = Driver(
            self.session.preview(request),
            on_done=arrived,
            on_error=self._failed,
            on_step=partial(self._event, request=request),
        )

    def _show(self, request: Request, shown: Shown) -> None:
        """Store a picture in the state, and log the delay since the oldest change that the picture includes.

        A picture without the latest click is left out, because it would show another subject as sharp.
        """
        state, operation = self._store.state, request.operation
        if picking.places(operation, request.options) != picking.places(operation, state.options):
            return
        self._store.set(states.arrived(state, shown))
        words = f"{'Draft' if shown.draft else 'Preview'} by {operation.name}, {request.longest_px} px"
        logger.info("%s: %.2f s", words, time.monotonic() - self._since_s)

    def _event(self, event: Step | Shown, request: Request | None = None) -> None:
        state = self._store.state
        if isinstance(event, Shown):
            assert request is not None
            self._show(request, event)
        # Progress messages of the exact preview would only flicker.
        elif state.phase not in (Phase.DRAFT, Phase.MISSING):
            self._store.set(states.stepped(state, event))

    def _failed(self, error: Exception) -> None:
        self._store.set(states.failed(self._store.state, LOG.told(error)))
