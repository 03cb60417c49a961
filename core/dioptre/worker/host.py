"""What a client's session needs of the server that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .engine import Engine

if TYPE_CHECKING:
    from .execution import Run  # with NumPy, which a new worker imports later


@runtime_checkable
class Host(Protocol):
    """hello: the server's own part of the greeting. exchange: the folder of all sessions' pixels.

    engine: computes, one task at a time. run: what a task runs.
    """

    exchange: Path
    engine: Engine
    hello: Mapping[str, Any]
    run: Run

    def touch(self) -> None:
        """Something happened: the idle time starts again."""
        ...

    def in_background(self, work: Callable[[], None]) -> None:
        """Run what is not a computation on a thread of its own."""
        ...

    def delivered(self) -> None:
        """A client was informed of a result and is about to open its files."""
        ...

    def shut_down(self, *, when_idle: bool) -> None:
        """Stop now, or as soon as no client has a job."""
        ...
