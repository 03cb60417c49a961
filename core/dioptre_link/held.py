"""Files that another program may hold open for a moment: on Windows these can be neither replaced nor deleted."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

TRIES = 200  # two seconds: another program reads a small file, or a virus scanner a new one
_PAUSE_S = 0.01


def replace(source: Path, target: Path) -> None:
    """Rename `source` to `target`, in place of a file there. Raises OSError when that stays impossible."""
    _patiently(lambda: os.replace(source, target))  # noqa: PTH105


def unlink(path: Path) -> None:
    """Delete a file; harmless when there is none. Raises OSError when that stays impossible."""
    _patiently(lambda: path.unlink(missing_ok=True))


def _patiently(action: Callable[[], object]) -> None:
    for tries_left in reversed(range(TRIES if sys.platform == "win32" else 1)):
        try:
            action()
        except PermissionError:
            if not tries_left:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
