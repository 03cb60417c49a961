"""Remove and replace files and folders that other programs may hold open.

On Windows an open file cannot be renamed or deleted, and virus scanners briefly open every new file.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .console import Failure

_TRIES = 20  # Number of attempts; virus scanners release a file within a second or two.
_PAUSE_S = 0.1
_TREE_PAUSES = 100  # Limit for all files of a folder together, because a running program holds hundreds of them.
REMOVED = ".dioptre-removed-"


def in_use(folder: Path) -> Failure:
    """Return the error to raise if `folder` cannot be removed."""
    return Failure(
        f"{folder} is in use by another program.",
        hint="Close the editors and terminals that use Dioptre, then run the same command again.",
    )


def remove(path: Path, *, tries: int = _TRIES) -> bool:
    """Delete a file, or a folder with all its contents.

    A folder is renamed first: if a program holds a file in it open, Windows refuses and the folder stays complete.

    Args:
        path: The file or folder.
        tries: Number of attempts on Windows, a tenth of a second apart.

    Returns:
        Whether `path` is gone.
    """
    if path.is_symlink() or path.is_file():
        return _patiently(path.unlink, tries=tries)
    for left in path.parent.glob(f"{REMOVED}{path.name}-*"):  # Left over from an interrupted removal.
        _remove_tree(left)
    if not path.exists():
        return True
    aside = path.with_name(f"{REMOVED}{path.name}-{os.getpid()}")
    if not _patiently(lambda: path.rename(aside), tries=tries):
        return False
    _remove_tree(aside)
    return not aside.exists()


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` once the block is done; raise Failure if `folder` exists."""
    if folder.exists():
        raise Failure(f"{folder} already exists.", hint="Choose a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield beside
        beside.chmod(0o755)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def read_json(path: Path) -> Any:
    """Return the JSON in a regular file; raise OSError or ValueError if it is damaged, a FIFO or a device."""
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def rename(source: Path, target: Path) -> None:
    """Rename `source` to `target`, replacing an existing file."""
    for tries_left in reversed(range(_TRIES if sys.platform == "win32" else 1)):
        try:
            source.replace(target)
        except PermissionError:
            if not tries_left:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _remove_tree(folder: Path) -> None:
    pauses = iter(range(_TREE_PAUSES))

    def again(function: Callable[..., Any], path: str, _error: object) -> None:
        """Retry an operation that failed in rmtree, after removing the read-only attribute."""

        def retry() -> None:
            os.chmod(path, stat.S_IRWXU)  # noqa: PTH101  (rmtree passes strings)
            function(path)

        _patiently(retry, pauses=pauses)

    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=again)
    else:
        shutil.rmtree(folder, onerror=again)


def _patiently(action: Callable[[], object], *, tries: int = _TRIES, pauses: Iterator[int] | None = None) -> bool:
    """Execute `action`, retrying on Windows while another program holds the file.

    Args:
        action: The operation.
        tries: Number of attempts.
        pauses: The pauses that are left to several operations together. Default: as many as attempts.

    Returns:
        Whether it succeeded.
    """
    left = iter(range(tries)) if pauses is None else pauses
    for _ in range(tries):
        try:
            action()
        except FileNotFoundError:
            return True
        except OSError:
            if sys.platform != "win32":
                raise
            if next(left, None) is None:
                return False
            time.sleep(_PAUSE_S)
        else:
            return True
    return False
