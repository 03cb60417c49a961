"""The interface of the server that client sessions use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .engine import Engine

if TYPE_CHECKING:
    from .execution import Run  # this module imports NumPy, which a new worker loads later


@runtime_checkable
class Host(Protocol):
    """A server of client sessions.

    Attributes:
        exchange: folder with a subfolder for the pixels of each session.
        engine: computes tasks one at a time.
        hello: the worker's answer to a client's hello.
        run: function that runs an operation.
    """

    exchange: Path
    engine: Engine
    hello: Mapping[str, Any]
    run: Run

    def touch(self) -> None:
        """Record activity, which restarts the idle timeout."""
        ...

    def in_background(self, work: Callable[[], None]) -> None:
        """Run work that is not a computation on a thread of its own."""
        ...

    def delivered(self) -> None:
        """Record that a client was sent a result, whose files it is about to open."""
        ...

    def shut_down(self, *, when_idle: bool) -> None:
        """Stop now, or as soon as no client has a job."""
        ...
