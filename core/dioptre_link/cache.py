"""Folders of files that can be recreated, limited to a total size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def keep_newest(folder: Path, *, limit_bytes: int) -> None:
    """Delete the least recently used files of a folder until the rest fit the limit.

    Files that cannot be deleted stay. A missing folder, or a file that another process deletes, is not an error.
    """
    total = 0
    for _, size, path in sorted(_files(folder), reverse=True):
        total += size
        if total > limit_bytes:
            with suppress(OSError):
                path.unlink()


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield the time of the last use (as precise as the file system records it), size and path of each file."""
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                status = path.stat()
                if path.is_file():
                    yield max(status.st_atime, status.st_mtime), status.st_size, path
