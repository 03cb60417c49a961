"""Text that a terminal, a log or an editor may show, whoever wrote it.

Names of files, camera metadata and names of tensors are other people's text. A terminal would obey control
characters in it (escape sequences that set its title or the clipboard, C1 codes, carriage returns); in a log they
forge lines, and Unicode's directional overrides turn around what is read (Trojan Source, CVE-2021-42574).
Everything that is printed or logged passes here.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, TextIO

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_IN_LINES = re.compile(f"[{_CONTROLS}]")
_IN_A_LINE = re.compile(rf"[\t\n{_CONTROLS}]")


def printable(text: str, *, lines: bool = False) -> str:
    """`text` with control characters as \\u001b and so on. lines: line feeds and tabs stay."""
    return (_IN_LINES if lines else _IN_A_LINE).sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class PrintableFormatter(logging.Formatter):
    """A log's formatter: one line for each message, and tracebacks without control characters."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return printable(super().formatException(ei), lines=True)

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return printable(super().formatStack(stack_info), lines=True)


class PrintableStream:
    """A text stream that writes printable text into another one."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(printable(text, lines=True))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def guard_output() -> None:
    """Let standard output and error of this process write printable text alone."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, PrintableStream):
            setattr(sys, name, PrintableStream(stream))


def unguarded(stream: Any) -> Any:
    """The stream itself, for a progress bar that moves the cursor."""
    return stream.stream if isinstance(stream, PrintableStream) else stream
