"""The installer's output on stderr: one progress line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

# The command with which a user starts the installer: Python, or the script that let uv bring a Python.
_LAUNCHER = os.environ.get("DIOPTRE_LAUNCHER", "")
_BY_SCRIPT, _BY_PYTHON = (
    ("install.cmd", "py install.py") if sys.platform == "win32" else ("sh install.sh", "python3 install.py")
)
INSTALL = _BY_SCRIPT if _LAUNCHER else _BY_PYTHON
_PLAIN = str.maketrans({"…": "...", "▸": ">", "×": "x"})  # Replacements for characters that encodings may lack.
_VIRTUAL_TERMINAL, _STDERR_HANDLE = 0x0004, -12  # ENABLE_VIRTUAL_TERMINAL_PROCESSING, STD_ERROR_HANDLE


class Failure(Exception):  # noqa: N818  (an outcome to report, not a programming error)
    """The installation cannot continue. `message` is one sentence; `hint` suggests what to do."""

    def __init__(self, message: str, *, hint: str = "", log: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log = log


class Misuse(Exception):  # noqa: N818  (like Failure)
    """The arguments are invalid; the message explains why."""


class Console:
    """Progress display for one step at a time. It prints nothing before the first step."""

    def __init__(self) -> None:
        # With DIOPTRE_PROGRESS=lines, progress is printed as lines, which the plug-ins parse during installation.
        self._program = os.environ.get("DIOPTRE_PROGRESS") == "lines"
        self._terminal = sys.stderr is not None and sys.stderr.isatty() and _understands_escapes()
        self._step = ""
        self._span = (0.0, 0.0)
        self._started = 0.0

    def step(self, text: str, *, span: tuple[float, float] = (0.0, 0.0)) -> None:
        """End the previous step and begin a new one.

        Args:
            text: Title of the step.
            span: Start and end of the step, as fractions of a whole installation.
        """
        self.finish()
        self._step, self._span, self._started = text, span, time.monotonic()
        if self._program:
            _write(f"@{span[0]:.3f} {text}\n")
        elif self._terminal:
            self.detail("…")
        else:
            _write(f"{text}…\n")

    def detail(self, text: str, *, part: float = 0.0) -> None:
        """Show the progress within the step, on a terminal or as lines for a program.

        Args:
            text: Detail to show after the step's title.
            part: Completed fraction of the step.
        """
        first, last = self._span
        if self._program and self._step:
            _write(f"@{first + part * (last - first):.3f} {self._step}\t{text}\n")
        elif self._terminal and self._step:
            _write(f"\r\x1b[K{self._step} {text}"[:120])

    def finish(self) -> None:
        """End the step and show its duration."""
        if self._terminal and self._step and not self._program:
            _write(f"\r\x1b[K{self._step}: {time.monotonic() - self._started:.0f} s\n")
        self._step = ""

    def say(self, text: str) -> None:
        """Show one sentence."""
        self.finish()
        _write(text + "\n")


def occupy() -> None:
    """Replace closed standard descriptors with the null device, so that no file gets their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _write(text: str) -> None:
    """Write to stderr, replacing characters that its encoding lacks.

    A closed or full stderr is ignored: it affects neither the installation nor the exit code.
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
    """Discard the text that stderr still buffers, because Python would fail on it again at exit."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, sys.stderr.fileno())
        finally:
            os.close(null)


def _understands_escapes() -> bool:
    """Return whether the terminal supports control sequences; enable them in a Windows console."""
    if sys.platform != "win32":
        return True
    import ctypes

    kernel = ctypes.windll.kernel32
    handle, mode = kernel.GetStdHandle(_STDERR_HANDLE), ctypes.c_ulong()
    if not kernel.GetConsoleMode(handle, ctypes.byref(mode)):
        return False
    return bool(kernel.SetConsoleMode(handle, mode.value | _VIRTUAL_TERMINAL))
