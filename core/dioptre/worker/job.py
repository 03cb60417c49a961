"""A client's job inside the worker, whatever it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dioptre.models.registry import NetworkMissingError
from dioptre.recipes.memory import OutOfMemoryError
from dioptre.runtime import is_out_of_memory
from dioptre_link.errors import DioptreError, unexpected
from dioptre_link.start import log_file
from dioptre_link.wire import encode

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


def in_words(error: Exception) -> DioptreError:
    """`error` as the user is to read it."""
    if isinstance(error, NetworkMissingError):  # an editor's user has a button, and perhaps no command line
        return DioptreError(
            error.message, hint="Choose “Download” below the network's name.", code="network-missing"
        )
    if isinstance(error, DioptreError):
        return error
    if is_out_of_memory(error):
        return OutOfMemoryError("There was not enough memory for this job.")
    first_line = next(iter(str(error).splitlines()), "")[:200]
    return unexpected(error, first_line, log=log_file())


def cancelled(job: Job, reason: str = "") -> bytes:
    """The last message of a job that nobody wants any more."""
    return encode({"type": "cancelled", "job": job.number, "reason": reason})
