"""Read files in a separate process, which can be limited and killed at any time.

The process keeps running from one file to the next. A file that takes too long, needs too much memory or crashes
its decoder ends only that process, which is restarted for the next file. The process is not a sandbox: it runs with
the user's permissions.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.contract import EmbeddedDepth
from dioptre_link import strict_json
from dioptre_link.errors import DioptreError

from . import parcel, problems
from .budget import Limits
from .formats.decoded import Decoded
from .picture import Source

OPEN_S = 20.0  # time limit for opening the file; waking a sleeping disk takes ten seconds
START_S = 60.0  # time limit for starting the process; long enough for a machine that is swapping
_PATIENCE = 6  # limit for the time on the clock, in processor times: the machine may be busy
_LOOK_S = 0.05  # seconds between checks of memory, time and cancellation, so cancelling seems immediate
_FEW_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "VIPS_CONCURRENCY": "4"}
_GONE_S = 2.0  # time to wait for a killed process to end; if it hangs on a dead mount, it is abandoned

Check = Callable[[], None]
"""Called about 20 times a second while a file is read. It may raise an exception to cancel."""

_Answer = tuple[dict[str, Any], list[np.ndarray]]
"""The fields of an answer, and its arrays."""
_Answers = queue.Queue[_Answer | None]


def no_check() -> None:
    """Do nothing, so that reading is never cancelled."""


class Reader:
    """A separate process that decodes files, one at a time. Any thread may call the methods."""

    def __init__(self, *, command: list[str] | None = None) -> None:
        """Prepare the reader without starting the process.

        Args:
            command: the command line of the process; if None, that of `child`. Tests pass other commands.
        """
        self._command = command or child_command()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._listening: threading.Thread | None = None
        self._answers: _Answers = queue.Queue()

    def start(self) -> None:
        """Start the process in advance, so that it is ready when a file is to be read."""
        with self._lock:
            self._started()

    def decoding(
        self, path: Path, *, max_megapixels: float | None = None, depth: bool = False, check: Check = no_check
    ) -> Decoded:
        """Decode a file, as `decode.decode` does.

        Args:
            path: the file.
            max_megapixels: as in `decode.decode`.
            depth: as in `decode.decode`.
            check: called regularly; may raise an exception to cancel.

        Raises:
            TooSlow: decoding takes longer than the file's size justifies.
            DioptreError: as in `decode.decode`.
        """
        what = "decode with depth" if depth else "decode"
        return self._ask(Decoded, what, path, check, max_megapixels=max_megapixels)

    def read_embedded_depth(self, path: Path, *, check: Check = no_check) -> EmbeddedDepth | None:
        """Read the depth map in a file, as `decode.read_embedded_depth` does."""
        return self._ask(EmbeddedDepth | None, "embedded", path, check)

    def describe(self, path: Path, *, check: Check = no_check) -> Source:
        """Read a file's properties, as `decode.describe` does."""
        return self._ask(Source, "describe", path, check)

    def close(self) -> None:
        """Stop the process."""
        with self._lock:
            self._kill()

    # -- the process -----------------------------------------------------------------------------------------------

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._kill()
        self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # keeps the libraries' messages off the terminal
            env={**os.environ, **_FEW_THREADS},
        )
        self._answers = queue.Queue()
        arguments = (self._process.stdout, self._answers)
        self._listening = threading.Thread(target=_forward, args=arguments, daemon=True)
        self._listening.start()
        return self._process

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GONE_S)
        if self._listening is not None:
            self._listening.join(_GONE_S)

    def _ask(self, kind: Any, what: str, path: Path, check: Check, *, max_megapixels: float | None = None) -> Any:
        """Send a request; return the answer, a value of `kind`."""
        request = {
            "do": what,
            "path": os.fsencode(path).hex(),
            "folder": os.fsencode(_current_folder()).hex(),
            "max_megapixels": max_megapixels,
        }
        with self._lock:
            self._send(json.dumps(request).encode() + b"\n")
            try:
                answer, arrays = self._last_answer(path, max_megapixels, check)
                if "error" not in answer:
                    return parcel.unpacked(kind, answer["result"], arrays)
                refusal = parcel.to_error(answer["error"], problems.BY_CODE)
            except BaseException as error:
                self._kill()
                if isinstance(error, parcel.BadParcel | KeyError | TypeError | ValueError):
                    raise problems.decoder_ended(path) from error
                raise
        raise refusal

    def _send(self, request: bytes) -> None:
        """Send a request; restart the process first if it has ended since the last file."""
        for _ in range(2):
            process = self._started()
            assert process.stdin is not None
            try:
                process.stdin.write(request)
                process.stdin.flush()
            except OSError:
                self._kill()
            else:
                break

    def _last_answer(self, path: Path, max_megapixels: float | None, check: Check) -> _Answer:
        """Wait for the result or the error, in the time and memory that the answers before it allow."""
        answer, arrays = self._answer(path, time.monotonic() + START_S + OPEN_S, math.inf, check)
        if "bytes" in answer:
            limits, opened = Limits.of(int(answer["bytes"]), max_megapixels=max_megapixels), time.monotonic()
            answer = {"pixels": 0}
            while "pixels" in answer:
                pixels = int(answer["pixels"])
                deadline = opened + _PATIENCE * limits.seconds(pixels)
                answer, arrays = self._answer(path, deadline, 2 * limits.memory_bytes(pixels), check)
        return answer, arrays

    def _answer(self, path: Path, deadline: float, most_bytes: float, check: Check) -> _Answer:
        """Wait for an answer; raise if the process exceeds its time or memory or ends, or if the user cancels."""
        while True:
            with suppress(queue.Empty):
                answer = self._answers.get(timeout=_LOOK_S)
                if answer is None:
                    raise self._obituary(path)
                return answer
            check()
            if time.monotonic() > deadline:
                raise problems.too_slow(path)
            if self._resident_bytes() > most_bytes:
                raise problems.too_much_memory(path)

    def _resident_bytes(self) -> int:
        """Return the process's resident memory, for systems that ignore the limits that it sets on itself."""
        import psutil

        assert self._process is not None
        with suppress(psutil.Error):
            return int(psutil.Process(self._process.pid).memory_info().rss)
        return 0

    def _obituary(self, path: Path) -> DioptreError:
        """Return the error that explains why the process ended, based on its exit status."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(_GONE_S)
            if sys.platform != "win32":
                import signal

                if status == -signal.SIGXCPU:
                    return problems.too_slow(path)
        return problems.decoder_ended(path)


def child_command() -> list[str]:
    """Return the child's command line, with a flag that keeps it from importing from the current folder."""
    flag = "-I" if sys.flags.isolated else "-P"
    return [sys.executable, flag, "-m", "dioptre.photo.child"]


@cache
def reader() -> Reader:
    """Return this process's shared reader."""
    one = Reader()
    atexit.register(one.close)
    return one


def _current_folder() -> str:
    """Return the folder that relative paths refer to; the root if that folder has been removed."""
    try:
        return os.getcwd()  # noqa: PTH109  (a path whose bytes are not valid text stays unchanged)
    except OSError:
        return os.sep


def _forward(stream: BufferedIOBase, answers: _Answers) -> None:
    """Put each answer of the process into the queue, and None when its output ends or makes no sense."""
    with suppress(ValueError, OSError, KeyError, TypeError, AttributeError, MemoryError, parcel.BadParcel), stream:
        for line in stream:
            answer = strict_json.parsed_parts(line)
            answers.put((answer, parcel.received(answer.get("arrays", []), stream)))
    answers.put(None)
