"""Signals that end the command: the first one cancels, and its number decides the exit code."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

_PATIENCE_S = 3.0  # what was begun is taken back within it; whoever still asks then wants the end at once
_IMPORT_LOOK_S = 0.02
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Interrupts:
    """Raises KeyboardInterrupt at the first signal; later ones change nothing while the work is taken back.

    During an import it is raised afterwards: an extension's initialisation would make another error of it, or end
    the process.
    """

    def __init__(self) -> None:
        self._arrivals: int | None = None
        self._first: int | None = None
        self._since = 0.0
        self._due = False  # to be raised, or to be raised once more
        self._reminded = False

    def install(self) -> None:
        """Listen to every signal that the caller has not chosen to ignore, as `nohup` does."""
        self._arrivals = _in_order_of_arrival()
        for number in _numbers():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def close(self) -> None:
        """The exit code is settled: nothing changes it any more.

        Python ends by SIGINT, whatever the code, where a KeyboardInterrupt left the last text that was executed, of
        `dataclass` for one, even if it was caught after that. An empty text is executed for that reason.
        """
        exec("")  # noqa: S102
        for number in _numbers():
            signal.signal(number, signal.SIG_IGN)

    def exit_code(self, code: int, *, cancelled: int) -> int:
        """128 and the signal's number for a command that a signal cancelled."""
        return code if code != cancelled or self._first is None else 128 + self._first

    def raise_again(self) -> None:
        """A library swallowed the KeyboardInterrupt: raise it once more."""
        self._due = True
        self._reminded = True
        _thread.interrupt_main(signal.Signals(self._first or signal.SIGINT))

    def _handle(self, number: int, frame: FrameType | None) -> None:
        reminded, self._reminded = self._reminded, False
        if self._first is None:
            self._first, self._since, self._due = self._earliest(number), time.monotonic(), True
        elif not reminded and time.monotonic() - self._since > _PATIENCE_S:
            os._exit(128 + self._first)
        elif not reminded:
            return
        if not self._due:
            return
        if _importing(frame):
            _thread.start_new_thread(self._remind, ())  # the raw call takes no lock that is held here
            return
        self._since, self._due = time.monotonic(), False
        raise KeyboardInterrupt

    def _earliest(self, number: int) -> int:
        """The signal that came first: Python handles those that came during a long call by their numbers."""
        if self._arrivals is None:
            return number
        with suppress(OSError):
            mine = set(map(int, _numbers()))
            return next((arrived for arrived in os.read(self._arrivals, 64) if arrived in mine), number)
        return number

    def _remind(self) -> None:
        time.sleep(_IMPORT_LOOK_S)
        self._reminded = True
        _thread.interrupt_main(signal.Signals(self._first or signal.SIGINT))


def _in_order_of_arrival() -> int | None:
    """A descriptor from which the numbers of signals are read as they came; None where there is none."""
    if sys.platform == "win32":  # only sockets serve there
        return None
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib."):
            return True
        frame = frame.f_back
    return False


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
