"""Files and folders that other programs or users may have open, lock, fill or put there."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
TRIES = 200  # maximum number of tries; they last 2 s, enough for a virus scanner to read a small file
_PAUSE_S = 0.01
_UNMAPPED = 65534  # the owner that a sandbox shows for files of users it does not know, such as root
_LOCKED_BYTE = 1 << 30  # offset of the locked byte, past any content: Windows cannot read a locked byte


def read_regular(path: Path, *, most: int, own: bool = False) -> bytes:
    """Read a regular file; raise OSError for one of more than `most` bytes, or that `open_regular` refuses."""
    with open_regular(path, own=own) as file:
        too_large = os.fstat(file.fileno()).st_size > most
        content = b"" if too_large else file.read(most + 1)
    if too_large or len(content) > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def open_regular(path: Path, *, own: bool = False) -> BinaryIO:
    """Open a regular file for reading; raise OSError at once for a folder, a FIFO or a device.

    Args:
        path: the file.
        own: also raise OSError for a link, or if another user owns the file (not on Windows).
    """
    descriptor = os.open(path, _READ | (getattr(os, "O_NOFOLLOW", 0) if own else 0))
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and (not own or sys.platform == "win32" or found.st_uid == os.geteuid()):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    number = errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
    raise OSError(number, "it is not a regular file of this user", str(path))


def replace(source: Path, target: Path) -> None:
    """Rename `source` to `target`, replacing an existing file; raise OSError if that remains impossible."""
    _patiently(lambda: os.replace(source, target))  # noqa: PTH105


def unlink(path: Path) -> None:
    """Delete a file if it exists; raise OSError if that remains impossible."""
    _patiently(lambda: path.unlink(missing_ok=True))


def _patiently(action: Callable[[], object]) -> None:
    """Run an action; on Windows, repeat it as long as access is denied."""
    for tries_left in reversed(range(TRIES if sys.platform == "win32" else 1)):
        try:
            action()
        except PermissionError:
            if not tries_left:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def private_folder(folder: Path) -> bool:
    """Create a folder for the current user alone, and return `is_private` of it.

    A folder that others could read is closed to them. One that they could change stays as it is, because what it
    contains may be theirs.
    """
    with suppress(OSError):
        create_closed(folder)
        if not folder.is_symlink() and not _is_anothers(folder):
            folder.chmod(0o700)
    return is_private(folder)


def create_closed(folder: Path) -> None:
    """Create a folder, and those above it, for the current user alone, whatever the umask; keep existing ones."""
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)


def is_private(folder: Path) -> bool:
    """Return whether `folder` is a real folder, not a link, that only the current user can read or replace.

    This includes the folders above it: whoever can change one of them can put another folder in its place.
    """
    try:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            return False
        if sys.platform == "win32":
            return True  # by default, other users cannot access a user's profile
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            return False
        return not any(map(_is_anothers, {*folder.absolute().parents, *folder.resolve().parents}))
    except OSError:
        return False


def _is_anothers(folder: Path) -> bool:
    """Return whether another user, except for root, can rename or delete what `folder` contains."""
    if sys.platform == "win32":
        return False
    found = folder.stat()
    mode = found.st_mode
    is_open = mode & stat.S_IWOTH or (mode & stat.S_IWGRP and not _is_alone_in(found.st_gid))
    return bool(is_open and not mode & stat.S_ISVTX) or found.st_uid not in (os.geteuid(), 0, _UNMAPPED)


def _is_alone_in(group: int) -> bool:
    """Return whether a group is the current user's private one; most Linux distributions create one for each."""
    if sys.platform == "win32":
        return True
    import grp
    import pwd

    try:
        name, found = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(group)
    except KeyError:
        return False
    return found.gr_name == name and {*found.gr_mem} <= {name}


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


def keep_newest(folder: Path, *, limit_bytes: int, suffixes: tuple[str, ...] = ("",)) -> None:
    """Delete the least recently used files of a folder, with these suffixes, until the rest of them fit the limit.

    Files that cannot be deleted stay. A missing folder, or a file that another process deletes, is not an error.
    """
    total = 0
    for _, size, path in sorted(_uses(folder), reverse=True):
        if not path.name.endswith(suffixes):
            continue
        total += size
        if total > limit_bytes:
            with suppress(OSError):
                path.unlink()


def _uses(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield the time of the last use (as precise as the file system records it), size and path of each file."""
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                status = path.stat()
                if path.is_file():
                    yield max(status.st_atime, status.st_mtime), status.st_size, path
