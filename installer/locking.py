"""One installation at a time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_POLL_S = 0.2
_REFUSALS = 25  # Windows refuses to open a file that is just being deleted


@contextmanager
def exclusive(path: Path, *, waiting: Callable[[], None]) -> Iterator[int]:
    """Hold the lock file `path`; call `waiting` once when somebody else holds it. Yields its descriptor.

    The lock belongs to the open file: it ends with the last process that has it, however that process ends. A
    child that is given the descriptor keeps the lock when its parent is killed. The file is deleted afterwards.
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
            with suppress(OSError):  # another installation waits for it
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
    """Whether the open file is the one at `path`: its last holder may have deleted it."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))  # noqa: PTH116
    except FileNotFoundError:
        return False


def try_lock(descriptor: int) -> bool:
    """Lock an open file without waiting."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
