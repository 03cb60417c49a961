"""The user's worker, which ends before its environment changes, and a lock for one installation at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .console import Console
from .environment import Folders, scrubbed_environment

_RETRY_S = 0.2
_REFUSALS = 25  # Number of retries; Windows refuses to open a file that is being deleted.
_LOCKED_BYTE = 1 << 30  # Offset of the byte to lock on Windows; the same as in `dioptre_link.files`.
_ASK_TIMEOUT_S = 60  # Time limit for sending the request; allows for a cold start of Python.
_END_TIMEOUT_S = 60.0  # Time limit for the worker to end; most pictures take less.
_POLL_S = 0.1


@contextmanager
def exclusive(path: Path, *, waiting: Callable[[], None]) -> Iterator[int]:
    """Hold the lock file `path` and yield its descriptor.

    The lock belongs to the open file and ends with the last process that has it open, however that process ends. A
    child process that inherits the descriptor keeps the lock when its parent is killed. The file is deleted
    afterwards.

    Args:
        path: The lock file.
        waiting: Called once if another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(path, waiting)
    try:
        yield descriptor
    finally:
        if sys.platform != "win32":
            path.unlink(missing_ok=True)
        os.close(descriptor)
        if sys.platform == "win32":
            with suppress(OSError):  # Fails if another installation is waiting for the file.
                path.unlink()


def _acquire(path: Path, waiting: Callable[[], None]) -> int:
    said, refusals = False, 0
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except PermissionError:
            refusals += 1
            if sys.platform != "win32" or refusals > _REFUSALS:
                raise
            time.sleep(_RETRY_S)
            continue
        if try_lock(descriptor):
            if _is_still(path, descriptor):
                return descriptor
        elif not said:
            waiting()
            said = True
        os.close(descriptor)
        time.sleep(_RETRY_S if said else 0)


def _is_still(path: Path, descriptor: int) -> bool:
    """Return whether the open file is still the one at `path`, which its last holder may have deleted."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))  # noqa: PTH116
    except FileNotFoundError:
        return False


def try_lock(descriptor: int) -> bool:
    """Try to lock an open file without waiting; return whether it worked."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def begin(where: Folders) -> bool:
    """Start a worker in the background, so that it compiles its networks before the user opens an editor.

    Returns:
        Whether it runs now. An editor starts a worker itself if there is none.
    """
    return _ask(where, "--begin")


def end(where: Folders, console: Console) -> bool:
    """Ask the worker to end once its jobs are finished, and wait until it has ended.

    The worker's own environment sends the request, because it uses the same protocol.

    Returns:
        Whether no worker is running now.
    """
    if not is_running(where):
        return True
    console.step("Waiting for Dioptre's worker to stop")
    _ask(where, "--stop")
    deadline = time.monotonic() + _END_TIMEOUT_S
    while is_running(where):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    console.finish()
    return True


def _ask(where: Folders, option: str) -> bool:
    """Run `dioptre worker` with an option, and return whether it succeeded."""
    command = [str(where.python), "-P", "-m", "dioptre", "worker", option]
    folders = {"DATA": where.data, "CACHE": where.cache, "LOG": where.log}
    environment = scrubbed_environment() | {f"DIOPTRE_{name}_DIR": str(path) for name, path in folders.items()}
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_ASK_TIMEOUT_S, check=False)
        return done.returncode == 0
    return False


def is_running(where: Folders) -> bool:
    """Return whether a worker is running; it holds a lock while it runs (`dioptre_link.start`)."""
    try:
        descriptor = os.open(where.data / "worker" / "worker.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)
