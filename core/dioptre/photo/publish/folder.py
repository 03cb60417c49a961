"""An open folder: operations always affect this folder, even if its path is replaced in the meantime.

On Linux and macOS, files are addressed relative to the folder's descriptor, and a link in the last part of a name
is never followed. Windows has no such calls, so the folder's path is used there.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Flags that open a file for reading and writing, but do not follow a link."""
CREATE = OPEN | os.O_CREAT | os.O_EXCL
"""Flags that create a new file."""
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_BY_DESCRIPTOR = {os.open, os.stat, os.unlink, os.link, os.rename} <= os.supports_dir_fd
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS}  # errors of systems that cannot sync folders


class Stamp(NamedTuple):
    """The properties that distinguish a file from all others and from changed versions of itself."""

    inode: int
    size: int
    modified_ns: int

    @staticmethod
    def of(found: os.stat_result) -> Stamp:
        """Create a stamp from the result of `os.stat`."""
        return Stamp(found.st_ino, found.st_size, found.st_mtime_ns)


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
        if self._descriptor is None:
            os.link(self._at(name), self._at(other))
        else:
            at = self._descriptor
            os.link(self._at(name), self._at(other), src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)

    def replace(self, name: str, other: str) -> None:
        """Rename `name` to `other`, replacing an existing file."""
        os.replace(self._at(name), self._at(other), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def move(self, name: str, other: str) -> None:
        """Rename `name` to `other`; raise FileExistsError if `other` exists."""
        if sys.platform == "win32":
            (self.path / name).rename(self.path / other)
            return
        try:
            self.link(name, other)
        except FileExistsError:
            raise
        except OSError:
            self._move_without_links(name, other)
        else:
            self.unlink(name)

    def _move_without_links(self, name: str, other: str) -> None:
        """Rename a file without hard links. An empty file reserves the new name, so no other file is replaced."""
        descriptor = self.create(other)
        try:
            ours = os.fstat(descriptor).st_ino
        finally:
            os.close(descriptor)
        try:
            self.replace(name, other)
        except BaseException:
            there = self.stat(other)
            if there is not None and there.st_ino == ours and there.st_size == 0:
                self.unlink(other)
            raise

    def unlink(self, name: str) -> None:
        """Remove a file, or a link but not its target."""
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def sync(self) -> None:
        """Wait until the folder's entries are on the disk, if the system supports that."""
        if self._descriptor is None:
            return
        try:
            sync(self._descriptor)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise

    def close(self) -> None:
        """Close the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _at(self, name: str) -> str:
        if Path(name).name != name:
            raise ValueError(f"{name!r} is more than one part of a path")
        return name if self._descriptor is not None else str(self.path / name)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | _FOLDER)
    except PermissionError:  # a drop box: users may add files to it, but cannot list it
        if not hasattr(os, "O_PATH"):
            raise
        return os.open(path, os.O_PATH | _FOLDER)


def sync(descriptor: int) -> None:
    """Wait until a file's bytes are on the disk. On macOS, fsync alone leaves them in the drive's cache."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)
