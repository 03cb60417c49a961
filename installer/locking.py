"""A lock that allows one installation at a time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_POLL_S = 0.2
_REFUSALS = 25  # Number of retries; Windows refuses to open a file that is being deleted.
_LOCKED_BYTE = 1 << 30  # Offset of the byte to lock on Windows; the same as in `dioptre_link.private`.


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
            time.sleep(_POLL_S)
            continue
        if try_lock(descriptor):
            if _is_still(path, descriptor):
                return descriptor
        elif not said:
            waiting()
            said = True
        os.close(descriptor)
        time.sleep(_POLL_S if said else 0)


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
