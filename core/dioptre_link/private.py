"""Folders that are one user's alone, and locks that end with the process that holds them."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

_LOCKED_BYTE = 1 << 30  # beyond what such files hold: on Windows a locked byte cannot be read


def is_private(folder: Path) -> bool:
    """Whether it is a real folder of this user's in which nobody else may write or read."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode):
        return False
    if sys.platform == "win32":
        return True  # a user's profile keeps others out by itself
    return found.st_uid == os.geteuid() and not found.st_mode & 0o077


def lock(descriptor: int, *, wait: bool = False, shared: bool = False) -> bool:
    """Lock an open file until it is closed or its process ends.

    Args:
        descriptor: of the file.
        wait: until another's lock ends.
        shared: with others who share it; on Windows a lock is for one.

    Returns:
        False where another has it, or the file system has no locks.
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
