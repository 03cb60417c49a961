"""Standard output and error as they can be: closed, on a full disk, or left by their reader.

Nothing of that changes what was written into files, and an error about the output never hides what was done.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from dioptre_link.errors import DioptreError
from dioptre_link.system import writable


class OutputError(DioptreError):
    """Standard output does not take what there is to say."""

    code = "output"


class ReaderLeftError(OutputError):
    """Nobody reads standard output any more: there is no use in going on."""


def occupy() -> None:
    """Open the null device in the place of standard descriptors that are closed.

    A file that is opened later would get such a number, and what libraries print would go into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def write(line: str, stream: Any) -> None:
    """Write a line at once, in whatever encoding the terminal has, which may lack some letters.

    A stream that is closed takes everything. Raises OutputError where standard output cannot be written; standard
    error that cannot be written is silent, for there is no place left to say so.
    """
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(writable(line, encoding) + "\n")
        stream.flush()
    except (OSError, ValueError) as error:  # ValueError: closed by Python itself
        _drop(stream)
        if stream is not sys.stderr:
            raise explained(error) from error


def settle() -> bool:
    """Write what is still held back, at the end of the process; return whether standard output took it."""
    heard = True
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            _drop(stream)
            heard = heard and stream is sys.stderr
    return heard


def explained(error: OSError | ValueError) -> OutputError:
    """The error as text, of a stream that cannot be written."""
    if isinstance(error, BrokenPipeError):
        return ReaderLeftError(
            "The program reading the output has exited.", hint="Check the messages of that program."
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is closed"
    return OutputError(
        "The output cannot be printed: {reason}.",
        hint="Results already reported are complete. Check the output folder for more.",
        reason=reason,
    )


def _drop(stream: Any) -> None:
    """Let the null device take what the stream still holds: it would fail again, at the end, with a traceback."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, stream.fileno())
        finally:
            os.close(null)
