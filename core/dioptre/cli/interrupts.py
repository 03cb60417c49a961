"""Handle signals that end the command: the first one cancels it and determines the exit code."""

from __future__ import annotations

import _thread
import os
import signal
import time
from types import FrameType

# Time for cleaning up after a cancellation; if another signal arrives later than this, the process ends at once.
_PATIENCE_S = 3.0
_IMPORT_LOOK_S = 0.02
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Interrupts:
    """A signal handler that raises KeyboardInterrupt once; further signals are ignored during the clean-up.

    If a signal arrives during an import, the exception is raised after it: during the initialisation of an
    extension module, it would become another error or end the process.
    """

    def __init__(self) -> None:
        self._first: int | None = None
        self._since = 0.0
        self._due = False  # whether KeyboardInterrupt still has to be raised
        self._reminded = False

    def install(self) -> None:
        """Handle every signal that the caller does not ignore (as `nohup` ignores SIGHUP)."""
        for number in _numbers():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def close(self) -> None:
        """Ignore signals from now on: the exit code is final.

        If a KeyboardInterrupt ever propagated out of code run by `exec`, as in `dataclass`, Python ends with SIGINT
        regardless of the exit code, even if the exception was caught later. Running an empty string with
        `exec` resets this.
        """
        exec("")  # noqa: S102
        for number in _numbers():
            signal.signal(number, signal.SIG_IGN)

    def exit_code(self, code: int, *, cancelled: int) -> int:
        """Return the exit code: 128 plus the signal's number for a command cancelled by a signal, else `code`."""
        return code if code != cancelled or self._first is None else 128 + self._first

    def raise_again(self) -> None:
        """Raise the KeyboardInterrupt again, because a library has swallowed it."""
        self._due = True
        self._reminded = True
        _thread.interrupt_main(signal.Signals(self._first or signal.SIGINT))

    def _handle(self, number: int, frame: FrameType | None) -> None:
        reminded, self._reminded = self._reminded, False
        if self._first is None:
            self._first, self._since, self._due = number, time.monotonic(), True
        elif not reminded and time.monotonic() - self._since > _PATIENCE_S:
            os._exit(128 + self._first)
        elif not reminded:
            return
        if not self._due:
            return
        if _importing(frame):
            # `threading.Thread` would acquire locks, which the interrupted code may hold.
            _thread.start_new_thread(self._remind, ())
            return
        self._since, self._due = time.monotonic(), False
        raise KeyboardInterrupt

    def _remind(self) -> None:
        time.sleep(_IMPORT_LOOK_S)
        self._reminded = True
        _thread.interrupt_main(signal.Signals(self._first or signal.SIGINT))


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib."):
            return True
        frame = frame.f_back
    return False


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
