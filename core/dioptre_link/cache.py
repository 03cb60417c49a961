"""Folders of files that can be made again, kept below a size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def keep_newest(folder: Path, *, limit_bytes: int) -> None:
    """Delete the files of a folder that were used longest ago, until the others fit the limit.

    Files that cannot be deleted stay. A missing folder, or files that another process deletes, are not errors.
    """
    total = 0
    for _, size, path in sorted(_files(folder), reverse=True):
        total += size
        if total > limit_bytes:
            with suppress(OSError):
                path.unlink()


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Last use, as far as the file system notes it, size and path."""
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                status = path.stat()
                if path.is_file():
                    yield max(status.st_atime, status.st_mtime), status.st_size, path
