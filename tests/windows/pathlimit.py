"""Windows' default limit on the length of paths, which Wine does not have; installed there as sitecustomize.

What Python opens, makes or renames is checked, not what native code does.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_MAX_PATH = 260
_MAX_FOLDER = 248  # room for a file name of 8.3
_EVENTS = {
    *("open", "os.mkdir", "os.rename", "os.listdir", "os.remove", "os.link", "os.symlink"),
    "shutil.copyfile",
}


def _limit(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS:
        return
    longest = _MAX_FOLDER if event == "os.mkdir" else _MAX_PATH
    for path in arguments[:2]:
        if isinstance(path, str) and not path.startswith("\\\\?\\") and _length(path) >= longest:
            raise FileNotFoundError(2, "This path is longer than Windows' limit", path)


def _length(path: str) -> int:
    return len(os.path.abspath(path))  # noqa: PTH100  (resolving would itself open files)


if sys.platform == "win32":
    sys.addaudithook(_limit)
