"""Runs the steps of a job from GLib's main loop, a few milliseconds at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

from dioptre_link.editing.events import Step

from .host import GLib

SLICE_S = 0.02  # Longest time before control returns to the main loop, which keeps the interface responsive.
WAIT_MS = 15  # Interval for polling the worker: an imperceptible delay, and only 66 system calls a second.


class Driver:
    """One running job. Unless stopped, it ends with exactly one call of `on_done(outcome)` or `on_error(error)`."""

    def __init__(
        self,
        steps: Generator[Any, None, Any],
        *,
        on_done: Callable[[Any], None],
        on_error: Callable[[Exception], None],
        on_step: Callable[[Any], None] | None = None,
    ) -> None:
        self._steps = steps
        self._on_done = on_done
        self._on_error = on_error
        self._on_step = on_step
        self._source: int | None = GLib.idle_add(self._go)

    @property
    def running(self) -> bool:
        return self._source is not None

    def stop(self) -> None:
        """Stop and cancel the worker's job; no callback runs after this."""
        if self._source is not None:
            GLib.source_remove(self._source)
            self._source = None
            self._steps.close()

    def _go(self) -> bool:
        """Run for one time slice and schedule the next."""
        self._source = None
        until = time.monotonic() + SLICE_S
        step: Any = None
        try:
            while time.monotonic() < until:
                step = next(self._steps)
                if not isinstance(step, Step):
                    break  # The step is an event to display.
                if step.waiting:
                    break
        except StopIteration as end:
            self._on_done(end.value)
            return False
        except Exception as error:  # noqa: BLE001  (whatever ends the job is reported to the caller)
            self._on_error(error)
            return False
        if isinstance(step, Step) and step.waiting:
            self._source = GLib.timeout_add(WAIT_MS, self._go)
        else:
            self._source = GLib.idle_add(self._go)
        if step is not None and self._on_step is not None:
            self._on_step(step)
        return False
