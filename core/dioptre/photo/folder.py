"""An open folder, and the system calls for its files that every system and drive has in some form."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Flags that open a file for reading and writing, but do not follow a link."""
CREATE = OPEN | os.O_CREAT | os.O_EXCL
"""Flags that create a new file."""
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_BY_DESCRIPTOR = {os.open, os.stat, os.unlink, os.link, os.rename} <= os.supports_dir_fd
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF}  # of drives that cannot sync
_RENAME_NOREPLACE, _RENAME_EXCL = 1, 4  # of Linux' renameat2 and macOS' renameatx_np


class Folder:
    """A folder that stays open until `close`. Names are single path components; methods raise OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = _opened(path) if _BY_DESCRIPTOR else None
        found = path.stat() if self._descriptor is None else os.fstat(self._descriptor)
        self.device, self.inode = found.st_dev, found.st_ino

    def create(self, name: str, *, mode: int = 0o666) -> int:
        """Create a new file for reading and writing; return its descriptor."""
        return os.open(self._at(name), CREATE, mode, dir_fd=self._descriptor)

    def stat(self, name: str) -> os.stat_result | None:
        """Return the status of `name` without following a link; None if it does not exist."""
        try:
            return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def link(self, name: str, other: str) -> None:
        """Create `other` as a hard link to `name`; fails if `other` exists or the file system has no hard links."""
        at = self._descriptor
        os.link(self._at(name), self._at(other), src_dir_fd=at, dst_dir_fd=at, follow_symlinks=at is None)

    def replace(self, name: str, other: str) -> None:
        """Rename `name` to `other`, in place of an existing file, which the caller has kept or does not need."""
        try:
            self._rename(name, other)
        except (PermissionError, FileExistsError):
            if sys.platform == "win32" or self.stat(other) is None:
                raise
            self.unlink(other)  # some network drives rename a file only to a free name
            self._rename(name, other)

    def move(self, name: str, other: str) -> None:
        """Rename `name` to `other`; raise FileExistsError if `other` exists."""
        if sys.platform == "win32":
            (self.path / name).rename(self.path / other)
            return
        try:
            self.link(name, other)
        except FileExistsError:
            raise
        except OSError:  # the file system has no hard links
            if not _renamed_alone(self._descriptor, self._at(name), self._at(other)):
                if self.stat(other) is not None:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name, None, other) from None
                self._rename(name, other)
        else:
            self.unlink(name)

    def unlink(self, name: str) -> None:
        """Remove a file, or a link but not its target."""
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def sync(self) -> None:
        """Wait until the folder's entries are on the disk, if the system supports that."""
        if self._descriptor is not None:
            sync(self._descriptor)

    def close(self) -> None:
        """Close the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _rename(self, name: str, other: str) -> None:
        os.replace(self._at(name), self._at(other), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def _at(self, name: str) -> str:
        if Path(name).name != name:
            raise ValueError(f"{name!r} is more than one part of a path")
        return name if self._descriptor is not None else str(self.path / name)


def _renamed_alone(folder: int | None, name: str, other: str) -> bool:
    """Rename a file unless the new name is taken; return False if this system or disk has no such call.

    Raises:
        FileExistsError: the new name is taken.
    """
    import ctypes

    call, flag = ("renameatx_np", _RENAME_EXCL) if sys.platform == "darwin" else ("renameat2", _RENAME_NOREPLACE)
    rename = getattr(ctypes.CDLL(None, use_errno=True), call, None)
    if rename is None or folder is None:
        return False
    if rename(folder, os.fsencode(name), folder, os.fsencode(other), flag) == 0:
        return True
    if ctypes.get_errno() == errno.EEXIST:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name, None, other)
    return False


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | _FOLDER)
    except PermissionError:  # a drop box: users may add files to it, but cannot list it
        if not hasattr(os, "O_PATH"):
            raise
        return os.open(path, os.O_PATH | _FOLDER)


def sync(descriptor: int) -> None:
    """Wait until a file's bytes are on the disk; a drive that cannot do that, as some network drives, need not.

    On macOS, fsync alone leaves them in the drive's cache.
    """
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
