"""Pixels on the client's side: a file that both sides see, written and read in bands of rows."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from .errors import DioptreError
from .wire import Pixels

BAND_BYTES = 32 << 20  # large enough to be quick, small enough not to be felt beside a picture


class DiskFullError(DioptreError):
    """There is no room for pixels in the exchange folder."""

    code = "disk-full"


class Buffer:
    """`pixels.height` rows of `pixels.width` pixels in a file. Use it from one thread at a time.

    The client that made or received it deletes it (`delete()`, or as a context manager).
    """

    def __init__(
        self, folder: Path, pixels: Pixels, *, create: bool, on_delete: Callable[[Buffer], None] | None = None
    ) -> None:
        self.pixels = pixels
        self.path = folder / pixels.file
        self._on_delete = on_delete
        self.sent = not create  # inline transport: whether the worker has these bytes
        flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        flags |= os.O_CREAT | os.O_EXCL if create else 0
        try:
            self._file = os.fdopen(os.open(self.path, flags, 0o600), "r+b", buffering=0)
            if create:
                allocate(self._file.fileno(), pixels.nbytes)
        except OSError as error:
            if create:
                with suppress(OSError, AttributeError):
                    self._file.close()
                self.path.unlink(missing_ok=True)
            raise explained(error, self.path.parent, nbytes=pixels.nbytes) from error
        if (found := os.fstat(self._file.fileno()).st_size) != pixels.nbytes:
            self._file.close()
            raise DioptreError(
                "{name} has {found} bytes instead of {nbytes}.",
                code="protocol",
                name=self.path.name,
                found=found,
                nbytes=pixels.nbytes,
            )

    def bands(self, *, band_bytes: int = BAND_BYTES) -> Iterator[tuple[int, int]]:
        """(first row, number of rows) of bands of about `band_bytes`, from the top, covering all rows."""
        rows = max(1, band_bytes // self.pixels.row_bytes)
        for first in range(0, self.pixels.height, rows):
            yield first, min(rows, self.pixels.height - first)

    def write_rows(self, first: int, data: bytes | bytearray | memoryview | mmap.mmap) -> None:
        """Write whole rows, packed, from row `first` on. Raises ValueError for incomplete rows."""
        view = memoryview(data).cast("B")
        rows, rest = divmod(len(view), self.pixels.row_bytes)
        if rest or first < 0 or first + rows > self.pixels.height:
            raise ValueError(f"{len(view)} bytes at row {first} do not fit {self.pixels}")
        self.sent = False
        self._file.seek(first * self.pixels.row_bytes)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise explained(error, self.path.parent, nbytes=len(view)) from error

    def read_rows(self, first: int, rows: int) -> bytes:
        """`rows` rows from row `first` on, as bytes (what Gegl's and Krita's setters take fastest)."""
        if first < 0 or rows < 0 or first + rows > self.pixels.height:
            raise ValueError(f"rows {first} to {first + rows} of {self.pixels.height}")
        self._file.seek(first * self.pixels.row_bytes)
        wanted = rows * self.pixels.row_bytes
        parts = []
        while wanted:
            part = self._file.read(wanted)
            if not part:
                raise DioptreError(
                    "{name} was cut short while it was being read.", code="protocol", name=self.path.name
                )
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def map(self) -> mmap.mmap:
        """The whole file in memory, for reading and writing; close it before `delete()`."""
        self.sent = False
        return mmap.mmap(self._file.fileno(), self.pixels.nbytes)

    def delete(self) -> None:
        """Close and delete the file; harmless when it is gone already."""
        if self._file.closed:
            return
        self._file.close()
        if self._on_delete is not None:
            self._on_delete(self)
        with suppress(OSError):
            self.path.unlink()

    def __enter__(self) -> Buffer:
        return self

    def __exit__(self, *_: object) -> None:
        self.delete()


def explained(error: OSError, folder: Path, *, nbytes: int) -> DioptreError:
    """The error to show for `error`, raised while `folder` was to receive `nbytes`.

    The system may refuse what it says is free: a quota, or a disk that is promised to more than one machine.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = 0
        with suppress(OSError):
            free = shutil.disk_usage(folder).free
        return DiskFullError(
            "{folder} is full: {needed} MB are needed, the system reports {free} MB free.",
            hint="Free some disk space and try again. If there seems to be enough, check for a quota.",
            folder=folder,
            needed=format(nbytes / 1e6, ".1f"),
            free=format(free / 1e6, ".1f"),
        )
    return DioptreError(
        "{folder} cannot be used: {reason}.", code="exchange", folder=folder, reason=error.strerror or error
    )


def allocate(descriptor: int, nbytes: int) -> None:
    """Take the space now: a full disk is then an error here, not a crash at some later write to mapped memory."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, nbytes)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
        else:
            return
    os.ftruncate(descriptor, nbytes)
