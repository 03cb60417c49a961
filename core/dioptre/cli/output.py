"""Write to standard output and error, even if they are closed, redirected to a full disk, or without a reader.

None of this affects the files that a command writes, and a failed output never hides what was done.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from dioptre_link.errors import DioptreError
from dioptre_link.language import Message, system_reason, writable


class OutputError(DioptreError):
    """Standard output cannot be written."""

    code = "output"


class ReaderLeftError(OutputError):
    """The reader of standard output has exited, so there is no point in continuing."""


def occupy() -> None:
    """Open the null device in place of closed standard descriptors.

    Otherwise a file opened later could get the number of such a descriptor, and the output of libraries would be
    written into the file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def write(line: str, stream: Any) -> None:
    """Write a line immediately, in the terminal's encoding, which may lack some letters.

    Writing to a closed stream has no effect. Errors in writing to standard error are ignored, because they
    could not be reported anywhere.

    Raises:
        OutputError: standard output cannot be written.
    """
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(writable(line, encoding) + "\n")
        stream.flush()
    except (OSError, ValueError) as error:  # a ValueError means that Python has closed the stream
        _drop(stream)
        if stream is not sys.stderr:
            raise explained(error) from error


def settle() -> bool:
    """Flush both streams at the end of the process; return whether standard output could be written."""
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
    """Convert the exception raised by writing to a stream to an OutputError."""
    if isinstance(error, BrokenPipeError):
        return ReaderLeftError(
            "The program reading the output has exited.", hint="Check the messages of that program."
        )
    reason = system_reason(error) if isinstance(error, OSError) and error.strerror else Message("it is closed")
    return OutputError(
        "Dioptre cannot write to standard output: {reason}.",
        hint="Results already reported are complete. Check the output folder for more.",
        reason=reason,
    )


def _drop(stream: Any) -> None:
    """Redirect a stream to the null device, so that its buffered text does not cause a traceback at exit."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, stream.fileno())
        finally:
            os.close(null)
