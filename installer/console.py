"""What the installer says: one progress line on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time


class Failure(Exception):  # noqa: N818  (what the user is told, not a programming error)
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
        self._terminal = sys.stderr.isatty()
        self._step = ""
        self._started = 0.0

    def step(self, text: str) -> None:
        """Begin a step, and end the one before it."""
        self.finish()
        self._step, self._started = text, time.monotonic()
        if self._terminal:
            self.detail("…")
        else:
            sys.stderr.write(f"{text}…\n")
            sys.stderr.flush()

    def detail(self, text: str) -> None:
        """Show how far the step is, on a terminal only."""
        if self._terminal and self._step:
            sys.stderr.write(f"\r\x1b[K{self._step} {text}"[:120])
            sys.stderr.flush()

    def finish(self) -> None:
        """End the step with the time that it took."""
        if self._terminal and self._step:
            sys.stderr.write(f"\r\x1b[K{self._step}: {time.monotonic() - self._started:.0f} s\n")
            sys.stderr.flush()
        self._step = ""

    def say(self, text: str) -> None:
        """Say one sentence."""
        self.finish()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
