"""Locations of Dioptre's files on Linux, macOS and Windows.

If `DIOPTRE_HOME` is set, it contains everything (`data`, `cache` and `log` below it), for tests and portable use.
`DIOPTRE_DATA_DIR`, `DIOPTRE_CACHE_DIR` and `DIOPTRE_LOG_DIR` set one folder each and take precedence. A plug-in's
copy of this package may contain `folders.json`, written at its installation: {"data": …, "cache": …, "log": …},
because an editor in a sandbox (Flatpak, snap) has a different home folder and would look in the wrong place, and
"python" if `dioptre plugin install` wrote it. In a Flatpak extension, it contains "python" only.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

POINTER = "environment.json"  # file in the data folder that names the active environment's folder
_ENVIRONMENT = re.compile(r"environment(-[0-9a-f]{12}(-\d+)?)?")


def data_dir() -> Path:
    """Return the folder for permanent files: environment, weights, added models, the worker's rendezvous file."""
    return _folder("data")


def cache_dir() -> Path:
    """Return the folder for deletable files: compiled programs, exact depth of 8-bit layers, cached results."""
    return _folder("cache")


def log_dir() -> Path:
    """Return the folder for the log files of the worker and the command line."""
    return _folder("log")


def environment_dir(data: Path | None = None) -> Path:
    """Return the active environment according to the pointer file in `data`; without one, the folder `environment`.

    An update creates a new folder and changes the pointer, because Windows cannot rename or delete files in use.
    """
    base = data or data_dir()
    name = _stored(base / POINTER, "environment")
    return base / (name if isinstance(name, str) and is_environment(name) else "environment")


def is_environment(name: str) -> bool:
    """Return whether `name` has the form of the installer's names for environment folders."""
    return _ENVIRONMENT.fullmatch(name) is not None


def interpreter(environment: Path) -> Path:
    """Return the path of the Python in a virtual environment."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def chosen_python() -> Path | None:
    """Return the Python that comes with the plug-in, if any: `dioptre plugin install`'s or an extension's."""
    return _installed_folder("python")


def _folder(kind: str) -> Path:
    if chosen := os.environ.get(f"DIOPTRE_{kind.upper()}_DIR"):
        return Path(chosen)
    if home := os.environ.get("DIOPTRE_HOME"):
        return Path(home) / kind
    if installed := _installed_folder(kind):
        return installed
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Dioptre"
        return base / kind
    if sys.platform == "darwin":
        library = Path.home() / "Library"
        return {
            "data": library / "Application Support" / "Dioptre",
            "cache": library / "Caches" / "Dioptre",
            "log": library / "Logs" / "Dioptre",
        }[kind]
    variable, fallback = {
        "data": ("XDG_DATA_HOME", ".local/share"),
        "cache": ("XDG_CACHE_HOME", ".cache"),
        "log": ("XDG_STATE_HOME", ".local/state"),
    }[kind]
    return Path(os.environ.get(variable) or Path.home() / fallback) / "dioptre"


def _installed_folder(kind: str) -> Path | None:
    folder = _stored(Path(__file__).parent / "folders.json", kind)
    return Path(folder) if isinstance(folder, str) else None


def _stored(file: Path, name: str) -> Any:
    """Return an entry of a JSON file; None if there is none, or if the file is damaged or none to read."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))[name] if file.is_file() else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
