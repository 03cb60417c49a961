"""Check the names of files before they are written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .. import problems

_DEVICES = frozenset(
    ("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *(f"{name}{n}" for name in ("COM", "LPT") for n in range(10)))
)


def check_free(path: Path, *, force: bool) -> None:
    """Raise FileExists if `path` exists and `force` is off, or UnwritableFile if it is a folder."""
    check_name(path)
    try:
        if path.is_dir():
            raise problems.UnwritableFile(
                "{file} is a folder.", hint="Specify a file or another output folder.", file=problems.shown(path)
            )
        taken = os.path.lexists(path)
    except OSError as error:
        raise problems.writing(error, path) from error
    if taken and not force:
        raise already_exists(path)


def check_name(path: Path) -> None:
    """Raise UnwritableFile if the system does not support such a name."""
    try:
        encoded = os.fsencode(path.name)
    except ValueError as error:
        raise problems.writing(error, path) from error
    refused = not path.name or b"\0" in encoded or len(encoded) > 255
    if refused or (sys.platform == "win32" and not _windows_takes(path.name)):
        raise problems.writing(ValueError("name"), path)


def _windows_takes(name: str) -> bool:
    """Return whether Windows allows a file name; it forbids some characters and the names of devices."""
    device = name.partition(".")[0].rstrip(" ").upper() in _DEVICES
    return not device and name[-1] not in ". " and not any(c in '<>:"|?*' or c < " " for c in name)


def already_exists(path: Path) -> problems.FileExists:
    """Return the error for a file that may not be replaced."""
    return problems.FileExists(
        "{file} already exists.",
        hint="Use --force to replace it, or choose another folder.",
        file=problems.shown(path),
    )
