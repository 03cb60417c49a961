"""Optional packages: the extras in `NAMES`, and packages that the user added with pip.

Both are carried over to a new environment. `extras.json` in the data folder lists the chosen extras.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from . import trees
from .console import Failure

NAMES = ("exr", "gpu", "mp4")  # Each extra has its own lock file.
RECORD = "extras.json"
_OURS = {"dioptre", "pip", "setuptools", "wheel"}
# Files that exist if a GPU driver is installed; the last exists in the Windows Subsystem for Linux.
_DRIVER_SIGNS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")


def chosen(data: Path) -> tuple[str, ...]:
    """Return the extras that the user chose, in the order of NAMES."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        listed = trees.read_json(data / RECORD)["extras"]
        return tuple(name for name in NAMES if name in listed)
    return ()


def choose(data: Path, changes: Mapping[str, bool]) -> None:
    """Add (True) or remove (False) extras.

    Raises:
        Failure: An extra cannot work on this machine.
    """
    for name, add in changes.items():
        if add and name == "gpu":
            _refuse_gpu()
    before = chosen(data)
    names = [name for name in NAMES if changes.get(name, name in before)]
    if not names and not (data / RECORD).exists():
        return
    part = data / f"{RECORD}.part"
    part.write_text(json.dumps({"extras": names}) + "\n", encoding="utf-8")
    trees.rename(part, data / RECORD)


def _refuse_gpu() -> None:
    if sys.platform != "linux":
        raise Failure(
            "JAX supports graphics cards only on Linux.",
            hint="Dioptre uses the processor. In the Windows Subsystem for Linux, --gpu works.",
        )
    if not any(Path(sign).exists() for sign in _DRIVER_SIGNS):
        raise Failure(
            "No driver for an NVIDIA graphics card is loaded.",
            hint="Install NVIDIA's driver, version 525 or later, restart, then run the same command again.",
        )


def added(environment: Path, locks: Iterable[Path]) -> list[str]:
    """Return the packages that the user installed in addition to the lock files, as pinned requirements."""
    locked = set().union(_OURS, *(pinned(lock) for lock in locks))
    found = {
        _normal(package.metadata["Name"]): package.version
        for package in metadata.distributions(path=[str(folder) for folder in _site_packages(environment)])
        # pip marks explicitly requested packages with this file.
        if package.metadata["Name"] and package.read_text("REQUESTED") is not None
    }
    return [f"{name}=={version}" for name, version in sorted(found.items()) if name not in locked]


def pinned(lock: Path) -> dict[str, str]:
    """Return each package's name and requirement in a lock file, without hashes; empty if there is no such file."""
    if not lock.is_file():
        return {}
    lines = (line for line in lock.read_text(encoding="utf-8").splitlines() if line[:1].isalnum())
    return {_normal(line.split("==")[0]): line.rstrip(" \\") for line in lines}


def _site_packages(environment: Path) -> list[Path]:
    return [*environment.glob("lib/python3*/site-packages"), *environment.glob("Lib/site-packages")]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
