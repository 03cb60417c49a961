"""Runs work on the GUI thread in small steps, because Krita's API works only there."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

from .qt import QObject, QTimer

Steps = Generator[None, None, Any]
TURN_S = 0.012  # Longest stretch of work before Krita gets control back: less than a frame.


class Stepper(QObject):
    """Runs one generator, a few steps at a time whenever Krita is idle."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: Steps | None = None
        self._done: Callable[[Any], None] | None = None
        self._failed: Callable[[Exception], None] | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._turn)

    @property
    def busy(self) -> bool:
        return self._steps is not None

    def start(self, steps: Steps, done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        """Run `steps` in place of any previous generator.

        Args:
            steps: The generator to run.
            done: Called with the generator's return value.
            failed: Called with the exception that the generator raised.
        """
        self.stop()
        self._steps, self._done, self._failed = steps, done, failed
        self._timer.start(0)

    def stop(self) -> None:
        """Close the generator without calling `done` or `failed`."""
        self._timer.stop()
        steps, self._steps = self._steps, None
        if steps is not None:
            steps.close()

    def _turn(self) -> None:
        steps, done, failed = self._steps, self._done, self._failed
        if steps is None or done is None or failed is None:
            return
        until = time.perf_counter() + TURN_S
        try:
            while time.perf_counter() < until:
                next(steps)
        except StopIteration as end:
            self._end()
            done(end.value)
        except Exception as error:  # noqa: BLE001  (reported to the caller)
            self._end()
            failed(error)

    def _end(self) -> None:
        self._timer.stop()
        self._steps = None


def finish(steps: Steps) -> Any:
    """Run a generator to the end at once and return its value."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
