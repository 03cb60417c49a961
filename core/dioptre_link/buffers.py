"""Pixel buffers of a client: files that both sides can access, written and read in bands of rows."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .errors import DioptreError
from .language import system_reason
from .wire import Pixels

_END_OF_FILE = 6  # FileEndOfFileInfo of Windows
BAND_BYTES = 32 << 20  # size of a band: large enough for speed, small compared with a whole picture


class DiskFullError(DioptreError):
    """The disk of the exchange folder is full."""

    code = "disk-full"


class Buffer:
    """A file with `pixels.height` rows of `pixels.width` pixels. Use it from one thread at a time.

    The client that created or received the buffer must delete it: call `delete()`, or use it in a `with` statement.
    """

    def __init__(self, folder: Path, pixels: Pixels, *, create: bool) -> None:
        """Create the file, or open an existing one.

        Args:
            folder: the exchange folder.
            pixels: name, size and format of the file.
            create: create the file and reserve its disk space, instead of opening it.

        Raises:
            DiskFullError: the disk is full.
            DioptreError: the file cannot be used or has the wrong size.
        """
        self.pixels = pixels
        self.path = folder / pixels.file
        flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        flags |= os.O_CREAT | os.O_EXCL if create else 0
        try:
            self._file = os.fdopen(os.open(self.path, flags, 0o600), "r+b", buffering=0)
            if create:
                allocate(self._file.fileno(), pixels.nbytes, folder)
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
        """Yield (first row, number of rows) of bands of about `band_bytes` each, from top to bottom."""
        rows = max(1, band_bytes // self.pixels.row_bytes)
        for first in range(0, self.pixels.height, rows):
            yield first, min(rows, self.pixels.height - first)

    def write_rows(self, first: int, data: bytes | bytearray | memoryview | mmap.mmap) -> None:
        """Write whole packed rows, starting at row `first`.

        Raises:
            ValueError: the data is not a whole number of rows, or the rows lie outside the picture.
            DiskFullError: the disk is full.
        """
        view = memoryview(data).cast("B")
        rows, rest = divmod(len(view), self.pixels.row_bytes)
        if rest or first < 0 or first + rows > self.pixels.height:
            raise ValueError(f"{len(view)} bytes at row {first} do not fit {self.pixels}")
        self._file.seek(first * self.pixels.row_bytes)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise explained(error, self.path.parent, nbytes=len(view)) from error

    def read_rows(self, first: int, rows: int) -> bytes:
        """Return `rows` rows, starting at row `first`, as bytes (fastest for Gegl's and Krita's setters)."""
        if first < 0 or rows < 0 or first + rows > self.pixels.height:
            raise ValueError(f"rows {first} to {first + rows} of {self.pixels.height}")
        self._file.seek(first * self.pixels.row_bytes)
        wanted = rows * self.pixels.row_bytes
        parts = []
        while wanted:
            part = self._file.read(wanted)
            if not part:
                raise DioptreError(
                    "{name} was truncated while it was being read.", code="protocol", name=self.path.name
                )
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def map(self) -> mmap.mmap:
        """Map the whole file into memory for reading and writing; close the map before calling `delete()`."""
        return mmap.mmap(self._file.fileno(), self.pixels.nbytes)

    def delete(self) -> None:
        """Close and delete the file; do nothing if it was deleted before."""
        if self._file.closed:
            return
        self._file.close()
        with suppress(OSError):
            self.path.unlink()

    def __enter__(self) -> Buffer:
        return self

    def __exit__(self, *_: object) -> None:
        self.delete()


def explained(error: OSError, folder: Path, *, nbytes: int) -> DioptreError:
    """Return the error to show for an OSError that occurred while writing `nbytes` to `folder`.

    A write can fail even though the system reports enough free space, because of a quota or because other machines
    use the same disk.
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
        "{folder} cannot be used: {reason}.", code="exchange", folder=folder, reason=system_reason(error)
    )


def allocate(descriptor: int, nbytes: int, folder: Path) -> None:
    """Reserve disk space now, so that a full disk raises an error here instead of crashing a mapped write.

    Args:
        descriptor: an empty file.
        nbytes: size of the file.
        folder: folder of the file.

    Raises:
        OSError: there is not enough space, or the system refuses.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, nbytes)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
        else:
            return
    if nbytes > shutil.disk_usage(folder).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    if sys.platform == "win32":
        _set_end(descriptor, nbytes)
    else:
        os.ftruncate(descriptor, nbytes)


def _set_end(descriptor: int, nbytes: int) -> None:
    """Set a file's end by Windows' own call, because `os.ftruncate` writes zeros up to it there."""
    import ctypes
    import msvcrt

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined, unused-ignore]
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))  # type: ignore[attr-defined, unused-ignore]
    end = ctypes.c_int64(nbytes)
    if not kernel32.SetFileInformationByHandle(handle, _END_OF_FILE, ctypes.byref(end), ctypes.sizeof(end)):
        raise ctypes.WinError(ctypes.get_last_error())  # type: ignore[attr-defined, unused-ignore]
