"""Read files in a separate process, which can be limited and killed at any time.

The process keeps running from one file to the next. A file that takes too long, needs too much memory or crashes
its decoder ends only that process, which is restarted for the next file. Pixels are returned through a file that
both processes map into memory, so they are copied only once. The process is not a sandbox: it runs with the user's
permissions.
"""

from __future__ import annotations

import atexit
import json
import math
import mmap
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.contract import EmbeddedDepth
from dioptre_link.errors import DioptreError
from dioptre_link.scratch import Scratch

from . import parcel, problems
from .budget import Limits
from .decode.decoded import Decoded, require_finite
from .picture import Source

OPEN_S = 20.0  # time limit for opening the file; waking a sleeping disk takes ten seconds
START_S = 60.0  # time limit for starting the process; long enough for a machine that is swapping
_PATIENCE = 6  # limit for the time on the clock, in processor times: the machine may be busy
_LOOK_S = 0.05  # seconds between checks of memory, time and cancellation, so cancelling seems immediate
_FEW_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "VIPS_CONCURRENCY": "4"}
_KEPT_BYTES = 96 << 20  # shared memory up to this size is reused, not freed; fits 24 megapixels of 8-bit RGBA
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would otherwise translate line ends
_GONE_S = 2.0  # time to wait for a killed process to end; if it hangs on a dead mount, it is abandoned

Check = Callable[[], None]
"""Called about 20 times a second while a file is read. It may raise an exception to cancel."""


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
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._shared = _Shared()

    def start(self) -> None:
        """Start the process in advance, so that it is ready when a file is to be read."""
        with self._lock:
            self._started()

    @contextmanager
    def decoding(
        self, path: Path, *, max_megapixels: float | None = None, check: Check = no_check
    ) -> Iterator[Decoded]:
        """Decode a file, as `decode.decoding` does; the values are valid only inside the `with` block.

        Args:
            path: the file.
            max_megapixels: as in `decode.decode`.
            check: called regularly; may raise an exception to cancel.

        Raises:
            TooSlow: decoding takes longer than the file's size justifies.
            DioptreError: as in `decode.decode`.
        """
        with self._lock:
            decoded = self._ask(Decoded, "decode", path, check, max_megapixels=max_megapixels)
            if decoded.gain_map is not None:  # copied, because the shared file will be overwritten
                decoded.gain_map = replace(decoded.gain_map, codes=decoded.gain_map.codes.copy())
            require_finite(decoded, path)
            try:
                yield decoded
            finally:
                decoded.codes = np.empty((0, 0, 0), np.uint8)
                self._shared.rest()

    def read_embedded_depth(self, path: Path, *, check: Check = no_check) -> EmbeddedDepth | None:
        """Read the depth map in a file, as `embedded_depth.read_embedded_depth` does."""
        with self._lock:
            depth: EmbeddedDepth | None = self._ask(EmbeddedDepth | None, "embedded", path, check)
            if depth is not None:
                confidence = None if depth.confidence is None else depth.confidence.copy()
                depth = replace(depth, disparity=depth.disparity.copy(), confidence=confidence)
            self._shared.rest()
            return depth

    def describe(self, path: Path, *, check: Check = no_check) -> Source:
        """Read a file's properties, as `decode.describe` does."""
        with self._lock:
            source: Source = self._ask(Source, "describe", path, check)
            return source

    def size_of(self, path: Path, *, check: Check = no_check) -> tuple[int, int]:
        """Read a picture's size, as `dimensions.size_of` does."""
        with self._lock:
            try:
                size: tuple[int, int] = self._ask(tuple[int, int], "size", path, check)
            except DioptreError:
                return 0, 0
            return size

    def close(self) -> None:
        """Stop the process and free the shared file."""
        with self._lock:
            self._kill()
            self._shared.close()

    # -- the process -----------------------------------------------------------------------------------------------

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._kill()
        self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            [*self._command, self._shared.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # keeps the libraries' messages off the terminal
            env={**os.environ, **_FEW_THREADS},
            pass_fds=() if sys.platform == "win32" else (self._shared.descriptor,),
        )
        self._lines = queue.Queue()
        arguments = (self._process.stdout, self._lines)
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
        """Send a request; return the answer, a value of `kind` whose arrays are in the shared file."""
        request = {
            "do": what,
            "path": os.fsencode(path).hex(),
            "folder": os.fsencode(_current_folder()).hex(),
            "max_megapixels": max_megapixels,
        }
        process = self._requested(json.dumps(request).encode() + b"\n")
        try:
            answer = self._answer(path, time.monotonic() + START_S + OPEN_S, math.inf, check)
            if "bytes" in answer:
                limits, opened = Limits.of(int(answer["bytes"]), max_megapixels=max_megapixels), time.monotonic()
                answer = {"pixels": 0}
                while "pixels" in answer:
                    pixels = int(answer["pixels"])
                    deadline = opened + _PATIENCE * limits.seconds(pixels)
                    answer = self._answer(path, deadline, 2 * limits.memory_bytes(pixels), check)
            if "error" in answer:
                raise parcel.to_error(answer["error"], problems.BY_CODE)
            arrays = parcel.arrays_in(answer["arrays"], self._shared.mapped())
            return parcel.unpacked(kind, answer["result"], arrays)
        except (parcel.BadParcel, KeyError, TypeError, ValueError) as error:
            self._kill()
            raise problems.decoder_ended(path) from error
        except BaseException as error:
            if not isinstance(error, DioptreError) or process.poll() is not None:
                self._kill()
            raise

    def _requested(self, request: bytes) -> subprocess.Popen[bytes]:
        """Send a request and return the process; restart it first if it has ended since the last file."""
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
        return process

    def _answer(self, path: Path, deadline: float, most_bytes: float, check: Check) -> dict[str, Any]:
        while True:
            try:
                line = self._lines.get(timeout=_LOOK_S)
            except queue.Empty:
                line = None
            if line == b"":
                raise self._obituary(path)
            if line is not None:
                answer = json.loads(line)
                if not isinstance(answer, dict):
                    raise parcel.BadParcel("no answer")
                return answer
            self._watch(path, deadline, most_bytes, check)

    def _watch(self, path: Path, deadline: float, most_bytes: float, check: Check) -> None:
        """Kill the process and raise if it exceeds its time or memory limit, or if the user cancels."""
        try:
            check()
        except BaseException:
            self._kill()
            raise
        if time.monotonic() > deadline:
            self._kill()
            raise problems.too_slow(path)
        if self._resident_bytes() > most_bytes:
            self._kill()
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


class _Shared:
    """The file for arrays that both processes map: in memory if the system supports that, else a temporary file."""

    def __init__(self, *, named: bool = sys.platform == "win32") -> None:
        """Create the file.

        Args:
            named: give the file a name, which Windows needs because the child inherits no descriptors. The next
                process deletes it if this one is killed.
        """
        self._map: mmap.mmap | None = None
        self._path: Path | None = None
        self._scratch: Scratch | None = None
        if named:
            self._scratch = Scratch()
            self._path = self._scratch.path / "pixels"
            self.descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        elif sys.platform == "linux":
            self.descriptor = os.memfd_create("dioptre")
        else:
            self.descriptor, name = tempfile.mkstemp(prefix="dioptre-")
            Path(name).unlink()

    @property
    def name(self) -> str:
        """The command-line argument that tells the child where the file is: a descriptor or a path."""
        return str(self.descriptor) if self._path is None else str(self._path)

    def mapped(self) -> mmap.mmap:
        """Return a memory map of the whole file.

        The map is recreated only if the file's size has changed, because the first access to each page is slow.
        """
        size = os.fstat(self.descriptor).st_size
        if size == 0:
            os.ftruncate(self.descriptor, size := mmap.PAGESIZE)
        if self._map is None or len(self._map) != size:
            self._forget()
            self._map = mmap.mmap(self.descriptor, size, access=mmap.ACCESS_READ)
        return self._map

    def rest(self) -> None:
        """Free the shared memory if the last picture was large."""
        if self._map is not None and len(self._map) > _KEPT_BYTES:
            self._forget()
            with suppress(OSError):  # fails on Windows while the other process has the file mapped
                os.ftruncate(self.descriptor, 0)

    def _forget(self) -> None:
        if self._map is not None:
            with suppress(BufferError):  # an array still uses the map, which is freed together with that array
                self._map.close()
            self._map = None

    def close(self) -> None:
        """Unmap, close and delete the file."""
        self._forget()
        with suppress(OSError):
            os.close(self.descriptor)
        if self._scratch is not None:
            self._scratch.remove()


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


def _forward(stream: Any, lines: queue.Queue[bytes]) -> None:
    """Put each line of the process's output into the queue, and empty bytes when the output ends."""
    with suppress(ValueError, OSError), stream:
        for line in stream:
            lines.put(line)
    lines.put(b"")
