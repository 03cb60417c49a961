"""Windows' default limit on path lengths, which Wine lacks; installed there as sitecustomize.

It checks the paths that Python opens, creates or renames, but not those used by native code.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_MAX_PATH = 260
_MAX_FOLDER = 248  # Maximum length of a folder's path, which leaves space for a file name in 8.3 format.
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
