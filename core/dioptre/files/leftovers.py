"""What a writer that was killed left behind: seen by its lock, which ends with its process, and cleaned away.

A hidden folder holds `lock` (held by its writer), `new` (files to be published), `replaced` (what they replace) and
once publishing has begun `names` (all that belong to the set).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".dioptre-"
NEW, REPLACED = "new", "replaced"
_LOCK, _NAMES = "lock", "names"
_BEGINNING_S = 600.0  # between a folder and its lock are microseconds


@contextmanager
def held(hidden: Path) -> Iterator[None]:
    """Hold the lock of one's own hidden folder. It gets its name when it is held: nobody can come between."""
    beside = hidden / f"{_LOCK}.part"
    descriptor = _locked(beside, flags=os.O_RDWR | os.O_CREAT)
    if descriptor is not None:
        beside.rename(hidden / _LOCK)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def announce(hidden: Path, names: Sequence[str]) -> None:
    """Write down what is going to be published, before the first of it is."""
    part = hidden / f"{_NAMES}.part"
    part.write_text(json.dumps(list(names)), encoding="utf-8")
    part.replace(hidden / _NAMES)


def clean(folder: Path) -> None:
    """Remove hidden folders whose writers are gone, and take back sets that they published in part.

    Where the system has no such locks, and where something cannot be removed, nothing happens.
    """
    if sys.platform == "win32":
        return
    with suppress(OSError):
        for hidden in folder.glob(f"{PREFIX}*"):
            if hidden.is_dir() and not hidden.is_symlink():
                _clean_one(folder, hidden)


def discard(hidden: Path) -> None:
    """Remove one's own hidden folder, whose set is published or taken back.

    First what says that it is not, last the lock: when the removal is refused half-way, the next writer ends it.
    """
    with suppress(OSError):
        (hidden / _NAMES).unlink(missing_ok=True)
        for name in (NEW, REPLACED):
            if (hidden / name).is_dir():
                shutil.rmtree(hidden / name)
        for path in hidden.iterdir():
            if path.name != _LOCK:
                path.unlink()
        (hidden / _LOCK).unlink(missing_ok=True)
        hidden.rmdir()


def _clean_one(folder: Path, hidden: Path) -> None:
    with suppress(OSError, ValueError):
        if not (hidden / _LOCK).exists():  # a writer that begins, or one that was killed as it began or ended
            if time.time() - hidden.stat().st_mtime > _BEGINNING_S:
                discard(hidden)
            return
        descriptor = _locked(hidden / _LOCK, flags=os.O_RDWR)
        if descriptor is None:
            return
        try:
            if (hidden / _NAMES).is_file():
                names = json.loads((hidden / _NAMES).read_text(encoding="utf-8"))
                _take_back(folder, hidden, [name for name in names if Path(name).name == name])
            discard(hidden)
        finally:
            os.close(descriptor)


def _take_back(folder: Path, hidden: Path, names: Sequence[str]) -> None:
    """Undo a set that is there in part; one that is there whole stays."""
    if all(_is_placed(folder, hidden, name) for name in names):
        return
    for name in names:
        if _is_placed(folder, hidden, name):
            (folder / name).unlink(missing_ok=True)
        if (hidden / REPLACED / name).exists():
            (hidden / REPLACED / name).replace(folder / name)


def _is_placed(folder: Path, hidden: Path, name: str) -> bool:
    """A file is published by a hard link (it is in `new` too) or, where there are none, by a move."""
    new = hidden / NEW / name
    try:
        return new.samefile(folder / name) if new.exists() else True
    except OSError:
        return False


def _locked(path: Path, *, flags: int) -> int | None:
    """An open file whose lock is ours until it is closed; None where another process has it, or there are none."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
