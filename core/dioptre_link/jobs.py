"""A client's view of a submitted job: its events and its final result."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from . import start
from .buffers import Buffer
from .errors import Cancelled, DioptreError
from .language import Message
from .operation import Role

SILENCE_S = 90.0  # time without a message after which a worker counts as hung; a busy one reports every few seconds
SLICE_S = 0.1  # waits are split into slices this long, so that cancellations and other threads can interrupt them


@dataclass(frozen=True)
class Progress:
    """Progress of a job: the fraction done, 0 to 1, and the current phase as text."""

    fraction: float
    phase: str


@dataclass(frozen=True)
class Layer:
    """A layer of a result; the client must delete its buffer."""

    name: str
    role: Role
    visible: bool
    buffer: Buffer


@dataclass(frozen=True)
class Result:
    """The result of a job.

    Attributes:
        layers: from the top to the bottom.
        values: values that were decided automatically.
        messages: sentences for the user.
        models: SHA-256 of the networks that were used, by id.
        precision: as in a recipe; only for `Worker.follow`.
    """

    layers: tuple[Layer, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    precision: str = ""

    def delete(self) -> None:
        """Delete the buffers of all layers."""
        for layer in self.layers:
            layer.buffer.delete()


@dataclass(frozen=True)
class Stored:
    """A reference to pixels that the worker keeps for this connection, usable as an input."""

    name: str
    connection: object = field(repr=False, compare=False)


class WorkerLostError(DioptreError):
    """The worker ended, or stopped answering, while it was needed."""

    code = "worker-lost"

    def __init__(self, what: str, **values: Any) -> None:
        log = Message(
            "Try again; a new worker starts automatically. Its log is {log_file}.", log_file=start.log_file()
        )
        super().__init__(Message(what, **values) if values else what, hint=log)


class WorkerSilentError(WorkerLostError):
    """The worker runs but does not answer: it is suspended, or the machine is overloaded."""


class VersionError(DioptreError):
    """The plug-in and the worker use incompatible versions of the protocol."""

    code = "version"


@runtime_checkable
class Carrier(Protocol):
    """The transport of a job's events, implemented by the connection to the worker.

    Attributes:
        heard: time at which data last arrived, in seconds of `time.monotonic`.
    """

    @property
    def heard(self) -> float: ...

    def pump(self, timeout_s: float) -> bool:
        """Receive and distribute events for at most `timeout_s`; return whether any arrived."""
        ...

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message to the worker."""
        ...

    def fail(self, error: DioptreError) -> None:
        """End every job with `error`."""
        ...


class Job:
    """A submitted job. It ends with exactly one of: a Result, a DioptreError, Cancelled."""

    def __init__(self, connection: Carrier, number: int) -> None:
        self._connection = connection
        self.number = number
        self._events: deque[Progress | Result | DioptreError] = deque()
        self._submitted = time.monotonic()
        self._lock = threading.Lock()
        self.done = False

    def poll(self, timeout_s: float = 0.0) -> Progress | Result | None:
        """Return the next event, or None if none arrives within `timeout_s`; raise the error that ended the job."""
        deadline = time.monotonic() + timeout_s
        while not self._events and not self.done:
            left = deadline - time.monotonic()
            heard = self._connection.pump(max(0.0, min(left, SLICE_S)))
            if self._events or (left <= 0 and not heard):
                break
            if time.monotonic() - max(self._submitted, self._connection.heard) > SILENCE_S:
                self._connection.fail(
                    WorkerSilentError(
                        "Dioptre's worker has not answered for {seconds} s.", seconds=round(SILENCE_S)
                    )
                )
        with self._lock:
            if not self._events:
                return None
            event = self._events.popleft()
        if isinstance(event, DioptreError):
            raise event
        return event

    def events(self) -> Iterator[Progress | Result]:
        """Yield every event as it arrives, with the Result last; raise the error that ended the job."""
        while not (self.done and not self._events):
            if (event := self.poll(SLICE_S)) is not None:
                yield event

    def wait(self, on_progress: Callable[[Progress], None] | None = None) -> Result:
        """Wait for the result; an exception raised by `on_progress` cancels the job and is passed on."""
        try:
            for event in self.events():
                if isinstance(event, Result):
                    return event
                if on_progress is not None:
                    on_progress(event)
        except BaseException:
            self.cancel()
            raise
        raise WorkerLostError("The job finished without a result.")

    def cancel(self) -> None:
        """End the job with Cancelled at once, from any thread; the worker stops computing as soon as it can."""
        if self.push(Cancelled()):
            with suppress(DioptreError):
                self._connection.send({"type": "cancel", "job": self.number})

    def push(self, event: Progress | Result | DioptreError) -> bool:
        """Add an event that the connection received; return False if the job has already ended."""
        with self._lock:
            if self.done:
                return False
            if not isinstance(event, Progress):
                self.done = True
            if self._events and isinstance(self._events[-1], Progress):
                self._events.pop()  # only the newest progress matters
            self._events.append(event)
            return True
