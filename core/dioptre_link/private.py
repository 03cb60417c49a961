"""Folders that only one user can access, and locks that are released when their process ends."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

_LOCKED_BYTE = 1 << 30  # offset of the locked byte, past any content: Windows cannot read a locked byte


def is_private(folder: Path) -> bool:
    """Return whether `folder` is a real folder, not a link, that only the current user can read or write."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode):
        return False
    if sys.platform == "win32":
        return True  # by default, other users cannot access a user's profile
    return found.st_uid == os.geteuid() and not found.st_mode & 0o077


def lock(descriptor: int, *, wait: bool = False, shared: bool = False) -> bool:
    """Lock an open file until it is closed or its process ends.

    Args:
        descriptor: file descriptor of the open file.
        wait: wait until the lock is available.
        shared: acquire a shared lock; on Windows every lock is exclusive.

    Returns:
        False if another process holds the lock, or if the file system does not support locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            place = os.lseek(descriptor, 0, os.SEEK_CUR)
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(descriptor, place, os.SEEK_SET)
        else:
            import fcntl

            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
