"""Signals that end the command: the first one cancels, and its number decides the exit code."""

from __future__ import annotations

import _thread
import os
import signal
import time
from types import FrameType

_PATIENCE_S = 3.0  # what was begun is taken back within it; whoever still asks then wants the end at once
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Interrupts:
    """Raises KeyboardInterrupt at the first signal; later ones change nothing while the work is taken back."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._since = 0.0
        self._lost = False

    def install(self) -> None:
        """Listen to every signal that the caller has not chosen to ignore, as `nohup` does."""
        for number in _numbers():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def close(self) -> None:
        """The exit code is settled: nothing changes it any more."""
        for number in _numbers():
            signal.signal(number, signal.SIG_IGN)

    def exit_code(self, code: int, *, cancelled: int) -> int:
        """128 and the signal's number for a command that a signal cancelled."""
        return code if code != cancelled or self._first is None else 128 + self._first

    def raise_again(self) -> None:
        """A library swallowed the KeyboardInterrupt: raise it once more."""
        self._lost = True
        _thread.interrupt_main(signal.Signals(self._first or signal.SIGINT))

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._first is None or self._lost:
            self._first = self._first or number
            self._since = time.monotonic()
            self._lost = False
            raise KeyboardInterrupt
        if time.monotonic() - self._since > _PATIENCE_S:
            os._exit(128 + self._first)


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
