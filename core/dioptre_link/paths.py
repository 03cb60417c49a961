"""Where Dioptre keeps its files, on Linux, macOS and Windows.

`DIOPTRE_HOME`, where set, holds everything (`data`, `cache` and `log` beneath it): for tests and portable use.
`DIOPTRE_DATA_DIR`, `DIOPTRE_CACHE_DIR` and `DIOPTRE_LOG_DIR` set one folder each and come first. A plug-in's copy
of this package may carry `folders.json` ({"data": …, "cache": …, "log": …}, and "python" from `dioptre plugin
install`), written when it was installed: an editor in a sandbox (Flatpak, snap) has another home and would look
elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

POINTER = "environment.json"  # in the data folder: {"environment": the folder that is in use}
_ENVIRONMENT = re.compile(r"environment(-[0-9a-f]{12}(-\d+)?)?")


def data_dir() -> Path:
    """Environment, weights, added models, the worker's rendezvous file: what must last."""
    return _folder("data")


def cache_dir() -> Path:
    """Compiled programs, depth maps beside 8-bit layers, kept depth and subjects: may be deleted at any time."""
    return _folder("cache")


def log_dir() -> Path:
    """Log files of the worker and the command line."""
    return _folder("log")


def environment_dir(data: Path | None = None) -> Path:
    """The environment that the installer's pointer in `data` names; `environment` where there is no pointer.

    An update makes a new folder and changes the pointer, because Windows neither renames nor deletes what runs.
    """
    base = data or data_dir()
    try:
        name = json.loads((base / POINTER).read_text(encoding="utf-8"))["environment"]
    except (OSError, ValueError, KeyError, TypeError):
        name = ""
    return base / (name if isinstance(name, str) and is_environment(name) else "environment")


def is_environment(name: str) -> bool:
    """Whether the installer gives environments such a name."""
    return _ENVIRONMENT.fullmatch(name) is not None


def interpreter(environment: Path) -> Path:
    """The Python of a virtual environment."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def chosen_python() -> Path | None:
    """The Python that runs the worker where `dioptre plugin install` named one: pip's, pipx's or uv's."""
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
    try:
        folders = json.loads((Path(__file__).parent / "folders.json").read_text(encoding="utf-8"))
        return Path(folders[kind])
    except (OSError, ValueError, KeyError, TypeError):
        return None
