"""Requests previews when the state changes, and stores them in the state."""

from __future__ import annotations

import time
from collections.abc import Callable

from dioptre_link.client import Worker
from dioptre_link.editing import state as states
from dioptre_link.editing.events import Shown, Step, Steps
from dioptre_link.editing.preview import SETTLE_MS, PreviewSession
from dioptre_link.editing.state import Phase, State, Store
from dioptre_link.errors import DioptreError

from .driver import Driver
from .host import GLib
from .inputs import FORMAT, Inputs
from .log import LOG, logger


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
        self._forget = store.observe(self._changed)

    def open(self, inputs: Inputs, reading: Steps[None]) -> None:
        """Run `reading` to read the inputs, then show the first preview."""
        self._stop_driver()
        self._inputs, self._ready = inputs, False
        self._since_s = time.monotonic()
        self._driver = Driver(reading, on_done=self._read, on_error=self._failed, on_step=self._event)

    def forget(self) -> None:
        """Abandon the running preview."""
        self._ready = False
        self._stop_driver()

    def stop(self) -> None:
        """Stop requesting previews."""
        self._forget()
        self._forget = lambda: None
        self._stop_driver()
        if self._settling is not None:
            GLib.source_remove(self._settling)
            self._settling = None

    def sharpen(self) -> None:
        """Request a new preview if the picture is displayed at a larger size than it was computed at."""
        if self._ready and self._longest_px() > self._asked_px:
            self._settle()

    def _stop_driver(self) -> None:
        if self._driver is not None:
            self._driver.stop()
            self._driver = None

    def _read(self, _: None) -> None:
        self._ready = True
        self._store.set(states.read(self._store.state))
        self._ask()

    def _changed(self, old: State, state: State) -> None:
        if not self._ready or state.operation is not old.operation:
            return
        fetched = old.phase is Phase.MISSING and state.phase is Phase.WAITING
        if fetched or (old.options, old.place) != (state.options, state.place):
            self._settle()

    def _settle(self) -> None:
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
        operation = request.operation.name

        def arrived(shown: Shown) -> None:
            self._show(shown, f"Preview by {operation}, {request.longest_px} px")

        self._driver = Driver(
            self.session.preview(request), on_done=arrived, on_error=self._failed, on_step=self._event
        )

    def _show(self, shown: Shown, words: str) -> None:
        """Store a picture in the state, and log the delay since the oldest change that the picture includes."""
        self._store.set(states.arrived(self._store.state, shown))
        logger.info("%s: %.2f s", words, time.monotonic() - self._since_s)

    def _event(self, event: Step | Shown) -> None:
        state = self._store.state
        if isinstance(event, Shown):
            self._show(event, f"Draft by {state.operation.name}, {self._asked_px} px")
        # Progress messages of the exact preview would only flicker.
        elif state.phase not in (Phase.DRAFT, Phase.MISSING):
            self._store.set(states.stepped(state, event))

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, DioptreError):
            logger.error("The preview failed", exc_info=error)
            error = DioptreError(
                "The preview failed because of an unexpected error.", hint="Details are in {log}.", log=LOG.place
            )
        self._store.set(states.failed(self._store.state, error))
