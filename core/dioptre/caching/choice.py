"""Whether depth and subjects are kept, where, and how much of them."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dioptre_link.paths import cache_dir, data_dir

if TYPE_CHECKING:
    from dioptre.imaging.step_cache import StepCache

VARIABLE = "DIOPTRE_KEEP"
"""Environment variable: "0" keeps nothing, whatever the setting says."""

LIMIT_BYTES = 2 << 30  # about ten pictures of 24 megapixels
_OFF = ("0", "no", "off", "false")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Usage of the cache: number of results and their bytes."""

    count: int
    nbytes: int


def step_cache() -> StepCache:
    """The user's, or one that keeps nothing where it is switched off."""
    from dioptre.imaging.step_cache import NO_STEP_CACHE  # NumPy and JAX: the command line shows sizes without

    if not is_on():
        return NO_STEP_CACHE
    from .disk import DiskCache

    return DiskCache(folder(), limit_bytes=LIMIT_BYTES)


def folder() -> Path:
    return cache_dir() / "kept"


def is_on() -> bool:
    """Whether the environment and the user's setting allow to keep anything."""
    return os.environ.get(VARIABLE, "").strip().lower() not in _OFF and not _switch().exists()


def switch(*, on: bool) -> None:
    """Set the user's setting. Switching it off deletes what is kept."""
    if on:
        _switch().unlink(missing_ok=True)
        return
    _switch().parent.mkdir(parents=True, exist_ok=True)
    _switch().touch()
    clear()


def usage() -> Usage:
    sizes = []
    with suppress(OSError):
        for path in folder().iterdir():
            with suppress(OSError):
                sizes.append(path.stat().st_size)
    return Usage(count=len(sizes), nbytes=sum(sizes))


def clear() -> Usage:
    """Delete everything that is kept; what was there."""
    before = usage()
    shutil.rmtree(folder(), ignore_errors=True)
    return before


def _switch() -> Path:
    """An empty file that says no; the worker and every command look for it."""
    return data_dir() / "keep-nothing"
