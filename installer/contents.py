"""Decide which files in the data, cache and log folders belong to Dioptre; all others are left alone.

DIOPTRE_HOME may name a folder that already contains the user's own `data`, `cache` or `log` folder. A name alone
does not prove that a folder is Dioptre's: other programs have a `cache/depth` or `cache/pip`, too.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from . import extras, trees, weights
from .environment import PIP_CACHE, Folders
from .plugins import RECORD

PYTHONS = "python"  # Folder of the CPython that uv brought.
MARK = "install.lock"  # Empty file that marks the data folder; version 0.1.0 also locked it.
_SETTINGS = ("keep-nothing", "model-mirror")
_RECORDS = (RECORD, f"{RECORD}.part", extras.RECORD, f"{extras.RECORD}.part")
_PRECISION = ("precision.json", "precision.json.part", "precision.lock")
DATA = frozenset(
    {MARK, PYTHONS, *_RECORDS, *_SETTINGS, *_PRECISION, "weights", "weights.lock", "worker", "writing"}
)
_OTHERS = ("depth", "hypothesis", "openvino", "pip", "pytest")
CACHE = frozenset({"compiled", "kept", "programs", "scratch", PIP_CACHE, *_OTHERS})
LOG = re.compile(r"(dioptre|install|worker|worker-start|gimp|krita)\.log(\.\d+)?")
_OURS = {  # Patterns of Dioptre's file names in each folder of a cache that other programs also use.
    PIP_CACHE: re.compile(".*", re.DOTALL),
    "compiled": re.compile(r".*(-cache|-atime|\.executable|\.part)"),
    "depth": re.compile(r"[0-9a-f]{16,}\.(exact|shown)(\.\d+\.part)?"),
    "kept": re.compile(r".*\.kept"),
    "programs": re.compile(r".*\.(program|values|compiled|part)"),
    "scratch": re.compile(r"[0-9a-f]{16}(\.lock)?"),
}
_CHOSEN = ("DIOPTRE_HOME", "DIOPTRE_DATA_DIR", "DIOPTRE_CACHE_DIR", "DIOPTRE_LOG_DIR")
_SYSTEMS = frozenset({".DS_Store", "desktop.ini", "Thumbs.db"})  # Files that file managers create everywhere.


def strangers(where: Folders) -> list[Path]:
    """Return the folders' entries that may not be Dioptre's; call this before anything is installed."""
    by_name = not any(os.environ.get(name) for name in _CHOSEN) or _has_run(where)
    return [
        path
        for path in _entries(where)
        if not (path.name in _SYSTEMS or _is_uvs(path, where) or (by_name and _is_known(path, where)))
    ]


def _is_uvs(path: Path, where: Folders) -> bool:
    """Return whether the path is the folder of uv's CPython and holds nothing else."""
    pythons = where.data / PYTHONS
    return path == pythons and pythons.is_dir() and _uvs(pythons, where) == [*pythons.iterdir()]


def _uvs(folder: Path, where: Folders) -> list[Path]:
    return [entry for entry in folder.iterdir() if where.uv.NAMES.fullmatch(entry.name)]


def _has_run(where: Folders) -> bool:
    """Return whether Dioptre has written here without the installer's mark, as a copy installed by pip does."""
    if (where.data / "worker" / "worker.lock").is_file():
        return True
    try:
        found = (where.data / "writing").lstat()
    except OSError:
        return False
    private = sys.platform == "win32" or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
    return stat.S_ISDIR(found.st_mode) and private


def is_home(where: Folders) -> bool:
    """Return whether the installer has used this folder; every version of the installer leaves its mark."""
    return (where.data / MARK).is_file()


def mark(where: Folders) -> None:
    """Mark the data folder as the installer's."""
    where.data.mkdir(parents=True, exist_ok=True)
    (where.data / MARK).touch()


def remove(where: Folders) -> list[Path]:
    """Remove everything that belongs to Dioptre and folders that become empty; return the remaining paths."""
    shared = any(path.parent == where.cache and not _is_known(path, where) for path in _entries(where))
    for path in _entries(where):
        whole = path.is_symlink() or not path.is_dir()
        if path == where.data / PYTHONS and not whole:
            # On Windows, install.cmd removes the Python that runs this.
            if sys.platform != "win32" or not Path(sys.base_prefix).is_relative_to(path):
                _remove_from(path, _uvs(path, where))
            continue
        if not _is_known(path, where):
            continue
        if path.name == "weights" and path.parent == where.data and not whole:
            _remove_from(path, [entry for entry in path.iterdir() if _is_checkpoint(entry)])
        elif shared and path.parent == where.cache and not whole:
            ours = _OURS.get(path.name)
            _remove_from(path, [entry for entry in path.iterdir() if ours and ours.fullmatch(entry.name)])
        elif path != where.data / MARK:  # The mark identifies the folder until everything else is removed.
            _remove(path)
    stays = [path for path in _entries(where) if path != where.data / MARK and not _is_uvs(path, where)]
    (where.data / MARK).unlink(missing_ok=True)
    for folder in {where.cache, where.log, where.data}:
        with suppress(OSError):
            folder.rmdir()
    return stays


def _entries(where: Folders) -> Iterator[Path]:
    for folder in dict.fromkeys((where.cache, where.log, where.data)):
        if folder.is_dir():
            yield from sorted(folder.iterdir())


def _is_known(path: Path, where: Folders) -> bool:
    if path.name in _SYSTEMS:
        return True
    return (
        (path.parent == where.data and (path.name in DATA or path in where.environments))
        or (path.parent == where.data and path.name.startswith((where.paths.POINTER, trees.REMOVED)))
        or (path.parent == where.cache and path.name in CACHE)
        or (path.parent == where.log and LOG.fullmatch(path.name) is not None)
    )


def _is_checkpoint(path: Path) -> bool:
    """Return whether the path is a network's folder as Dioptre wrote it, a link, or only partly written."""
    if path.is_symlink() or not path.is_dir():
        return path.is_symlink()
    return path.name.startswith(".") or not any(path.iterdir()) or weights.unaltered(path)


def _remove_from(folder: Path, entries: list[Path]) -> None:
    """Remove these entries, and the folder if it becomes empty."""
    for entry in entries:
        _remove(entry)
    with suppress(OSError):
        folder.rmdir()


def _remove(path: Path) -> None:
    if not trees.remove(path):
        raise trees.in_use(path)
