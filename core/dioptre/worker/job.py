"""A client's job inside the worker, whatever it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .engine import Task
from .request import Kept


@dataclass(frozen=True)
class Outcome:
    """What a job's thread has for the event loop: the last message, encoded, and what goes with it."""

    line: bytes
    files: tuple[str, ...] = ()
    kept: Mapping[str, Kept] | None = None


@dataclass(eq=False)
class Job:
    """A job from its message to its end.

    subject: what the log calls it. compute: gives the outcome, or raises. to_report: the loop has been asked to
    report the progress.
    """

    number: int
    subject: object
    compute: Callable[[Job], Outcome]
    task: Task = field(default_factory=lambda: Task(lambda: None))
    supersedes: str | None = None
    ended: bool = False
    fraction: float = 0.0
    phase: str = "Waiting"
    reported: float = 0.0
    to_report: bool = False
