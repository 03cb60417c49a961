"""Compute the sha256 of exactly the bytes that are read, and refuse a file that changes in the meantime."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from . import problems

_TICK_NS = 2_000_000_000  # resolution of file times on FAT, the coarsest of all file systems
_PART_BYTES = 1 << 20


@contextmanager
def unchanged(file: BinaryIO, path: Path) -> Iterator[str]:
    """Yield the sha256 of an open file, and check at the end of the block that the file is unchanged.

    Raises:
        UnreadableFile: the file has changed.
    """
    before = _state(file)
    sha256 = _sha256(file)
    yield sha256
    recent = abs(time.time_ns() - before[1]) < _TICK_NS  # a later change may not alter the file's time
    # Different times need not mean different bytes: a backup or a new hard link also changes them.
    if (recent or _state(file) != before) and _sha256(file) != sha256:
        raise problems.changed(path)


def _state(file: BinaryIO) -> tuple[int, int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while part := file.read(_PART_BYTES):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest()
