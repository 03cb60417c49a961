"""Packages that the user added to the environment, such as OpenVINO: they come along into a new one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

_OURS = {"dioptre", "pip", "setuptools", "wheel"}


def added(environment: Path, locks: Iterable[Path]) -> list[str]:
    """What the user asked pip for in `environment` beyond the lock files, as pinned requirements."""
    locked = set().union(_OURS, *(pinned(lock) for lock in locks))
    found = {
        _normal(package.metadata["Name"]): package.version
        for package in metadata.distributions(path=[str(folder) for folder in _site_packages(environment)])
        if package.metadata["Name"] and package.read_text("REQUESTED") is not None  # pip's mark
    }
    return [f"{name}=={version}" for name, version in sorted(found.items()) if name not in locked]


def pinned(lock: Path) -> dict[str, str]:
    """Name and requirement of each package in a lock file, without hashes; empty where there is no such file."""
    if not lock.is_file():
        return {}
    lines = (line for line in lock.read_text(encoding="utf-8").splitlines() if line[:1].isalnum())
    return {_normal(line.split("==")[0]): line.rstrip(" \\") for line in lines}


def _site_packages(environment: Path) -> list[Path]:
    return [*environment.glob("lib/python3*/site-packages"), *environment.glob("Lib/site-packages")]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
