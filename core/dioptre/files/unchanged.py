"""The sha256 of exactly the bytes that are read: a file that changes meanwhile is refused."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from . import problems

_TICK_NS = 2_000_000_000  # FAT's, the slowest
_PART_BYTES = 1 << 20


@contextmanager
def unchanged(file: BinaryIO, path: Path) -> Iterator[str]:
    """Give the sha256 of an open file, from its start on, and require that it is still the same at the end.

    Raises UnreadableFile where it is not.
    """
    before = _state(file)
    sha256 = _sha256(file)
    yield sha256
    recent = abs(time.time_ns() - before[1]) < _TICK_NS  # another change could leave the same times
    # Other times do not mean other bytes: a backup may have touched the file, or a link to it was made.
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
