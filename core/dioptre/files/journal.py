"""A journal of unfinished writes in the user's own data folder; recovery trusts no other record.

Files in a picture folder never determine what may be removed there, because others can put files there, through
an archive or a shared folder. An entry is a file that only this user may write. It has a random name and is locked
while its writer is running.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dioptre_link.paths import data_dir
from dioptre_link.private import is_private, lock

_FOLDER = "writing"
_SUFFIX = ".jsonl"
_MAX_BYTES = 1 << 20
_BEGINNING_S = 600.0  # age from which an entry without a note is dropped; notes usually follow within microseconds
_KEPT_S = 90 * 24 * 3600.0  # age from which any entry is dropped; the disk with its folder is assumed to be gone
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Entry:
    """The notes of one writer; `token` is random and part of the names of the writer's files."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self.token = path.stem

    def note(self, **what: Any) -> None:
        """Append a note. If that fails, for example on a full disk, a recovery does without the note."""
        with suppress(OSError):
            os.write(self._descriptor, json.dumps(what).encode() + b"\n")

    def sync(self) -> None:
        """Wait until the notes are on the disk."""
        with suppress(OSError):
            os.fsync(self._descriptor)

    def drop(self) -> None:
        """Remove the entry. Call this only once none of its writer's temporary files remain."""
        if sys.platform == "win32":  # an open file cannot be removed
            self.close()
        with suppress(OSError):
            self._path.unlink()
        self.close()

    def close(self) -> None:
        """Release the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def new_token() -> str:
    """Return a random name that cannot be guessed in advance."""
    return secrets.token_hex(16)


def begin() -> Entry | None:
    """Create and lock an entry; None if the data folder is not provably private, or the lock fails."""
    try:
        folder = data_dir() / _FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_private(folder):
            return None
        path = folder / f"{new_token()}{_SUFFIX}"
        descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return None
    entry = Entry(path, descriptor)
    if not lock(descriptor):
        entry.drop()
        return None
    return entry


def abandoned() -> Iterator[tuple[Entry, list[dict[str, Any]]]]:
    """Yield the entries of dead writers with their notes, each locked until the next is read; drop old entries."""
    folder = data_dir() / _FOLDER
    try:
        paths = sorted(folder.glob(f"*{_SUFFIX}")) if is_private(folder) else []
    except OSError:
        return
    for path in paths:
        with _taken(path) as taken:
            if taken is not None:
                yield taken


@contextmanager
def _taken(path: Path) -> Iterator[tuple[Entry, list[dict[str, Any]]] | None]:
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        yield None
        return
    entry = Entry(path, descriptor)
    try:
        notes = _notes(descriptor)
        age_s = time.time() - os.fstat(descriptor).st_mtime
        if (not notes and age_s < _BEGINNING_S) or not lock(descriptor):
            yield None
        elif not notes or age_s > _KEPT_S:
            entry.drop()
            yield None
        else:
            yield entry, _notes(descriptor)  # read again: the writer may have added notes before it ended
    finally:
        entry.close()


def _notes(descriptor: int) -> list[dict[str, Any]]:
    """Return the complete notes, without a truncated last one."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    content = bytearray()
    while part := os.read(descriptor, _MAX_BYTES):
        content += part
        if len(content) > _MAX_BYTES:
            return []
    notes = []
    for line in bytes(content).split(b"\n")[:-1]:
        try:
            note = json.loads(line)
        except ValueError:
            break
        if not isinstance(note, dict):
            break
        notes.append(note)
    return notes
