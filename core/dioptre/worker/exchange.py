"""Folders through which the worker and its clients exchange pixels as files."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Collection
from contextlib import suppress
from io import FileIO
from pathlib import Path

from dioptre_link.buffers import allocate, explained
from dioptre_link.errors import DioptreError
from dioptre_link.start import private_dir
from dioptre_link.wire import Pixels, check_name

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | getattr(os, "O_BINARY", 0)
_BY_DESCRIPTOR = os.open in os.supports_dir_fd


class Folder:
    """The folder of one connection: it accepts only plain names, follows no links, and reads only regular files.

    The folder is kept open, so replacing it by a link later has no effect.
    """

    def __init__(self, parent: Path) -> None:
        self.path = private_dir(parent) / secrets.token_hex(8)
        self.path.mkdir(mode=0o700)
        self._held: set[str] = set()
        self._descriptor: int | None = None
        if _BY_DESCRIPTOR:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | _NO_FOLLOW)

    def read(self, name: str) -> FileIO:
        """Open a file for reading, unbuffered; raise DioptreError if it is missing or not a regular file."""
        try:
            descriptor = self._open(name, _READ)
        except OSError as error:
            raise DioptreError(
                "The editor's pixels ({name}) are not in the exchange folder.", code="input-missing", name=name
            ) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise DioptreError("{name} in the exchange folder is not a file.", code="input-missing", name=name)
        return os.fdopen(descriptor, "rb", buffering=0)

    def open_pixels(self, pixels: Pixels) -> FileIO:
        """Open the file of `pixels`; raise DioptreError if its size does not match."""
        file = self.read(pixels.file)
        found = os.fstat(file.fileno()).st_size
        if found != pixels.nbytes:
            file.close()
            raise DioptreError(
                "{file} has {found} bytes, but {width} x {height} pixels of {channels} x {dtype} need {nbytes}.",
                code="input-missing",
                file=pixels.file,
                found=found,
                width=pixels.width,
                height=pixels.height,
                channels=pixels.format.channels,
                dtype=pixels.format.dtype,
                nbytes=pixels.nbytes,
            )
        return file

    def create(self, name: str, nbytes: int) -> FileIO:
        """Create a file and reserve `nbytes` on the disk; raise DiskFullError if there is not enough space."""
        try:
            file = os.fdopen(self._open(name, _CREATE), "r+b", buffering=0)
        except OSError as error:
            raise explained(error, self.path, nbytes=nbytes) from error
        try:
            allocate(file.fileno(), nbytes, self.path)
        except OSError as error:
            file.close()
            self.delete(name)
            raise explained(error, self.path, nbytes=nbytes) from error
        return file

    def delete(self, name: str) -> None:
        """Delete a file if it exists; on Windows, retry later if the client still has it open."""
        self._held.add(check_name(name))
        for each in sorted(self._held):
            try:
                if self._descriptor is not None:
                    os.unlink(each, dir_fd=self._descriptor)
                else:
                    (self.path / each).unlink()
            except PermissionError:
                continue
            except OSError:
                pass
            self._held.discard(each)

    def close(self) -> None:
        """Delete the folder and its contents; files that the client still has open are left for `clean`."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        shutil.rmtree(self.path, ignore_errors=True)

    def _open(self, name: str, flags: int) -> int:
        check_name(name)
        if not _BY_DESCRIPTOR:
            return os.open(self.path / name, flags, 0o600)
        if self._descriptor is None:
            raise OSError("the connection has ended")
        return os.open(name, flags, 0o600, dir_fd=self._descriptor)


def clean(parent: Path, *, keep: Collection[Path] = ()) -> None:
    """Delete files and folders left by earlier workers and closed connections, except `keep`."""
    private_dir(parent)
    for left in parent.iterdir():
        if left in keep:
            continue
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with suppress(OSError):
                left.unlink()
