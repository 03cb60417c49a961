"""Replace and delete files that another program may have open; on Windows, both fail while a file is open."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

TRIES = 200  # maximum number of tries; they last 2 s, enough for a virus scanner to read a small file
_PAUSE_S = 0.01


def replace(source: Path, target: Path) -> None:
    """Rename `source` to `target`, replacing an existing file; raise OSError if that remains impossible."""
    _patiently(lambda: os.replace(source, target))  # noqa: PTH105


def unlink(path: Path) -> None:
    """Delete a file if it exists; raise OSError if that remains impossible."""
    _patiently(lambda: path.unlink(missing_ok=True))


def _patiently(action: Callable[[], object]) -> None:
    """Run an action; on Windows, repeat it as long as access is denied."""
    for tries_left in reversed(range(TRIES if sys.platform == "win32" else 1)):
        try:
            action()
        except PermissionError:
            if not tries_left:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
