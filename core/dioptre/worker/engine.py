"""The compute thread: runs jobs by priority, and warms up while the user is not working on a preview."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from dioptre_link.errors import Cancelled

PREVIEW, FULL = 0, 1
"""Priorities of tasks: a user who moves a slider is waiting for a preview."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Task:
    """A computation. `work` must not raise; `cancelled` asks it to stop."""

    work: Callable[[], None]
    priority: int = FULL
    cancelled: threading.Event = field(default_factory=threading.Event)


WarmUpStep = Callable[[Callable[[float, str], None]], None]
"""A step of the warm-up; it gets a progress function that raises Cancelled as soon as a job arrives."""


QUIET_S = 1.5
"""Quiet time after a task before the warm-up continues, so that a user who moves a slider never waits for it."""

LONGEST_QUIET_S = 60.0
"""The quiet time doubles up to this, each time that a task has to wait for a step that then starts over."""


class Engine:
    """A thread that runs tasks one at a time and, after a quiet time without tasks, warm-up steps.

    A step of the warm-up compiles programs, which cannot be interrupted. While a session holds the engine because
    it may request a preview at any moment, no step is started and a running step ends as soon as possible.
    """

    def __init__(self, warm_up: Iterable[WarmUpStep] = (), *, quiet_s: float = QUIET_S) -> None:
        self._waiting: list[tuple[int, int, Task]] = []
        self._warm_up = deque(warm_up)
        self._order = itertools.count()
        self._condition = threading.Condition()
        self._least_quiet_s = self._quiet_s = quiet_s
        self._quiet_from_s = 0.0
        self._holders: set[object] = set()
        self._busy = False
        self._task: Task | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._loop, name="compute", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Start no more tasks; do not wait for the running one."""
        with self._condition:
            self._stopped = True
            self._waiting.clear()
            self._warm_up.clear()
            self._condition.notify_all()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def put(self, task: Task) -> None:
        """Add a task to the queue."""
        with self._condition:
            heapq.heappush(self._waiting, (task.priority, next(self._order), task))
            self._condition.notify_all()

    def hold(self, holder: object, *, needed: bool) -> None:
        """Set whether `holder` needs the engine; no warm-up step starts while any holder needs it."""
        with self._condition:
            (self._holders.add if needed else self._holders.discard)(holder)
            self._condition.notify_all()

    def expect(self, name: str) -> None:
        """Warm up the operation `name` next, because a client will soon use it."""
        with self._condition:
            wanted = [step for step in self._warm_up if _name(step) == name]
            others = [step for step in self._warm_up if _name(step) != name]
            self._warm_up = deque([*wanted, *others])

    @property
    def idle(self) -> bool:
        """Whether no task is running or waiting and no warm-up step may start."""
        with self._condition:
            return not (self._busy or self._waiting or self._may_warm_up)

    @property
    def has_tasks(self) -> bool:
        """Whether a task is running or waiting."""
        with self._condition:
            return self._task is not None or bool(self._waiting)

    @property
    def _may_warm_up(self) -> bool:
        return bool(self._warm_up) and not self._holders

    def _loop(self) -> None:
        while True:
            with self._condition:
                self._busy, self._task = False, None
                while not (self._waiting or self._stopped):
                    left_s = self._quiet_from_s - time.monotonic()
                    if self._may_warm_up and left_s <= 0:
                        break
                    self._condition.wait(left_s if self._may_warm_up else None)
                if self._stopped:
                    return
                self._busy = True
                task = self._task = heapq.heappop(self._waiting)[2] if self._waiting else None
            if task is None:
                self._warm_up_once()
            elif not task.cancelled.is_set():
                task.work()
                self._quiet_from_s = time.monotonic() + self._quiet_s

    def _warm_up_once(self) -> None:
        try:
            step = self._warm_up[0]
        except IndexError:  # the engine was stopped in the meantime
            return
        began = time.monotonic()
        try:
            step(lambda _fraction, _phase: self._make_way(step))
        except Cancelled:  # the step is run again when no task is waiting
            self._quiet_s = min(2 * self._quiet_s, LONGEST_QUIET_S)
            return
        except Exception:  # the job that needs the step's result will report the error  # noqa: BLE001
            _log.warning("Warming up: %s failed", _name(step), exc_info=True)
        else:
            _log.info("Warming up: %s, %.1f s", _name(step), time.monotonic() - began)
            self._quiet_s = self._least_quiet_s
        with self._condition:
            if step in self._warm_up:
                self._warm_up.remove(step)

    def _make_way(self, step: WarmUpStep) -> None:
        with self._condition:
            if self._waiting or self._stopped or self._holders or self._warm_up[0] is not step:
                raise Cancelled


def _name(step: WarmUpStep) -> str:
    return str(getattr(step, "__name__", step))
