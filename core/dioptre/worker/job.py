"""A client's job, as managed by the worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dioptre.models.loading import NetworkMissingError
from dioptre.recipes.memory import OutOfMemoryError
from dioptre.runtime import is_out_of_memory
from dioptre_link.errors import DioptreError, unexpected
from dioptre_link.start import log_file
from dioptre_link.wire import encode

from .engine import Task
from .request import Kept


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job, for the event loop: the encoded last message, the files, and the layers to keep."""

    line: bytes
    files: tuple[str, ...] = ()
    kept: Mapping[str, Kept] | None = None


@dataclass(eq=False)
class Job:
    """A job, from the client's request to the worker's last message.

    Attributes:
        number: number that the client gave the job.
        subject: description for the log.
        compute: returns the outcome or raises an exception.
        task: the engine's task.
        supersedes: name under which newer jobs replace this one; None if they do not.
        ended: whether the last message was sent.
        fraction: progress, 0 to 1.
        phase: current phase for the user.
        reported: time of the last progress report.
        to_report: whether a progress report is already scheduled on the event loop.
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
    """Convert an exception to an error for the user."""
    if isinstance(error, NetworkMissingError) and error.can_be_fetched:  # editors show a button for the download
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
    """Encode the last message of a job that was cancelled or replaced."""
    return encode({"type": "cancelled", "job": job.number, "reason": reason})
