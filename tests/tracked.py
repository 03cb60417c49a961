"""The files of the checkout that belong to it, without what users and programs leave there (such as `out`)."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@cache
def tracked(pattern: str = "**") -> tuple[Path, ...]:
    """Return the tracked files that match a glob; in an unpacked archive, all files that are not hidden or ignored.

    Args:
        pattern: a glob from the root of the checkout; `**` matches any number of folders.
    """
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--", f":(glob){pattern}"]
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if listed:
            return tuple(sorted(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()))
    left = {"__pycache__", "build", "dist", "out", "dioptre-out", "site"}
    found = (path for path in ROOT.glob(pattern) if path.is_file())
    return tuple(
        path
        for path in sorted(found)
        if not any(part in left or part.startswith(".") for part in path.relative_to(ROOT).parts)
    )
