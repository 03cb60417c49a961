"""What the installer says: one progress line on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

INSTALL = "py install.py" if sys.platform == "win32" else "python3 install.py"  # how a user starts the installer
_PLAIN = str.maketrans({"…": "...", "▸": ">", "×": "x"})  # for a code page that lacks them
_VIRTUAL_TERMINAL, _STDERR_HANDLE = 0x0004, -12  # ENABLE_VIRTUAL_TERMINAL_PROCESSING, STD_ERROR_HANDLE


class Failure(Exception):  # noqa: N818  (what a message says so, not a programming error)
    """The installation cannot go on. `message` is one sentence, `hint` says what to do."""

    def __init__(self, message: str, *, hint: str = "", log: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log = log


class Misuse(Exception):  # noqa: N818  (as Failure)
    """The arguments are wrong; the message says how."""


class Console:
    """Shows one step at a time. Nothing is shown before the first step, so an up-to-date run is silent."""

    def __init__(self) -> None:
        self._program = os.environ.get("DIOPTRE_PROGRESS") == "lines"  # a plug-in's first start reads them
        self._terminal = sys.stderr is not None and sys.stderr.isatty() and _understands_escapes()
        self._step = ""
        self._span = (0.0, 0.0)
        self._started = 0.0

    def step(self, text: str, *, span: tuple[float, float] = (0.0, 0.0)) -> None:
        """Begin a step, and end the one before it. span: from where to where of a whole installation it goes."""
        self.finish()
        self._step, self._span, self._started = text, span, time.monotonic()
        if self._program:
            _write(f"@{span[0]:.3f} {text}\n")
        elif self._terminal:
            self.detail("…")
        else:
            _write(f"{text}…\n")

    def detail(self, text: str, *, part: float = 0.0) -> None:
        """Show how far the step is, on a terminal and to programs. part: of the step."""
        first, last = self._span
        if self._program and self._step:
            _write(f"@{first + part * (last - first):.3f} {self._step}\t{text}\n")
        elif self._terminal and self._step:
            _write(f"\r\x1b[K{self._step} {text}"[:120])

    def finish(self) -> None:
        """End the step with the time that it took."""
        if self._terminal and self._step and not self._program:
            _write(f"\r\x1b[K{self._step}: {time.monotonic() - self._started:.0f} s\n")
        self._step = ""

    def say(self, text: str) -> None:
        """Say one sentence."""
        self.finish()
        _write(text + "\n")


def occupy() -> None:
    """Open the null device in the place of standard descriptors that are closed: no file gets their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _write(text: str) -> None:
    """Write to stderr, with plain characters where its encoding has no others.

    A stderr that is closed or full takes everything: it changes neither the work nor the exit code.
    """
    if sys.stderr is None:
        return
    try:
        text.encode(sys.stderr.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(_PLAIN)
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        _drop_stderr()


def _drop_stderr() -> None:
    """Let the null device take what stderr still holds: Python would fail on it again at the end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, sys.stderr.fileno())
        finally:
            os.close(null)


def _understands_escapes() -> bool:
    """Whether the terminal takes control sequences; a Windows console does after it is asked to."""
    if sys.platform != "win32":
        return True
    import ctypes

    kernel = ctypes.windll.kernel32
    handle, mode = kernel.GetStdHandle(_STDERR_HANDLE), ctypes.c_ulong()
    if not kernel.GetConsoleMode(handle, ctypes.byref(mode)):
        return False
    return bool(kernel.SetConsoleMode(handle, mode.value | _VIRTUAL_TERMINAL))
