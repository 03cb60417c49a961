"""Temporary folders that are deleted when their process ends or, if it was killed, by the next process.

They are in the user's cache, in a folder that other users cannot access, so everything found there is Dioptre's
own. Next to each folder is a lock file; the lock is released when the process ends, even if it crashes.
"""

from __future__ import annotations

import getpass
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .files import is_private, lock, private_folder
from .paths import cache_dir

_LOCK = ".lock"
# Age above which a lock file without a folder counts as abandoned; normally, the folder is created microseconds
# after the lock file.
_BEGINNING_S = 600.0


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Remove the folders of killed processes, yield a new folder, and remove it at the end."""
    scratch = Scratch()
    try:
        yield scratch.path
    finally:
        scratch.remove()


class Scratch:
    """A temporary folder that exists until `remove` is called or the process ends."""

    def __init__(self) -> None:
        sweep()
        self._descriptor = -1
        self._base: Path | None = None
        self._lock_file: Path | None = None
        for base in _bases():
            try:
                self._create(base)
            except OSError:
                self._unlock()
                continue
            return
        self.path = Path(tempfile.mkdtemp(prefix="dioptre-"))
        self._base = self._lock_file = None

    def remove(self) -> None:
        """Remove the folder; do nothing if it is already removed."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._unlock()
        if self._base is not None:
            with suppress(OSError):
                self._base.rmdir()  # this succeeds only if no other folder is left

    def _create(self, base: Path) -> None:
        if not private_folder(base):
            raise PermissionError(f"{base} is not ours alone")
        name = os.urandom(8).hex()
        lock_file = base / f"{name}{_LOCK}"
        self._descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._base, self._lock_file = base, lock_file
        lock(self._descriptor, wait=True)
        self.path = base / name
        self.path.mkdir(mode=0o700)

    def _unlock(self) -> None:
        if self._descriptor < 0:
            return
        if sys.platform == "win32":  # Windows cannot remove an open file
            os.close(self._descriptor)
        if self._lock_file is not None:
            with suppress(OSError):
                self._lock_file.unlink()
        if sys.platform != "win32":
            os.close(self._descriptor)
        self._descriptor = -1


def sweep() -> None:
    """Remove the folders of processes that were killed."""
    for base in _bases():
        with suppress(OSError):
            if is_private(base):
                for lock_file in base.glob(f"*{_LOCK}"):
                    _sweep_one(lock_file)


def _sweep_one(lock_file: Path) -> None:
    folder = lock_file.with_suffix("")
    with suppress(OSError):
        descriptor = os.open(lock_file, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            if not lock(descriptor):
                return
            begins = not folder.exists() and time.time() - os.fstat(descriptor).st_mtime < _BEGINNING_S
            if begins:
                return
            shutil.rmtree(folder, ignore_errors=True)
            if sys.platform != "win32":
                lock_file.unlink()
        finally:
            os.close(descriptor)
        if sys.platform == "win32":
            lock_file.unlink()


def _bases() -> tuple[Path, ...]:
    """Return possible parent folders: in the cache, or in the temporary folder if a sandbox denies access."""
    try:
        user = str(os.geteuid()) if sys.platform != "win32" else getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "user"
    return cache_dir() / "scratch", Path(tempfile.gettempdir()) / f"dioptre-{user}"
