"""Make text from any source safe to show in a terminal, a log or an editor.

File names, camera metadata and tensor names come from other people. A terminal would execute control characters in
them (escape sequences that set its title or the clipboard, C1 codes, carriage returns). In a log, they can forge
lines, and Unicode's directional overrides reverse the displayed order (Trojan Source, CVE-2021-42574). All text
that is printed or logged passes through this module.
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
    """Replace control characters by escape sequences such as \\u001b.

    Args:
        text: the text.
        lines: whether to keep line feeds and tabs.
    """
    return (_IN_LINES if lines else _IN_A_LINE).sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class PrintableFormatter(logging.Formatter):
    """A log formatter that writes each message on one line, and tracebacks without control characters."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return printable(super().formatException(ei), lines=True)

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return printable(super().formatStack(stack_info), lines=True)


class PrintableStream:
    """A text stream that escapes control characters and writes to another stream."""

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
    """Escape control characters in everything that this process prints to standard output and error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, PrintableStream):
            setattr(sys, name, PrintableStream(stream))


def unguarded(stream: Any) -> Any:
    """Return the original stream, for a progress bar that moves the cursor."""
    return stream.stream if isinstance(stream, PrintableStream) else stream
