"""Settings of the result cache: whether it is on, its folder and its size limit."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dioptre_link.paths import cache_dir, data_dir

if TYPE_CHECKING:
    from dioptre.contract import StepCache

VARIABLE = "DIOPTRE_KEEP"
"""Environment variable; "0" (or "no", "off", "false") disables the cache regardless of the user's setting."""

LIMIT_BYTES = 2 << 30  # maximum size of the cache in bytes; enough for about ten 24-megapixel pictures
_OFF = ("0", "no", "off", "false")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Number and total size of the cached results."""

    count: int
    nbytes: int


def step_cache() -> StepCache:
    """Return the user's disk cache, or a cache that stores nothing if caching is off."""
    from dioptre.contract import NO_STEP_CACHE  # imports NumPy and JAX, which `usage` does not need

    if not is_on():
        return NO_STEP_CACHE
    from .caches import DiskCache

    return DiskCache(folder(), limit_bytes=LIMIT_BYTES)


def folder() -> Path:
    return cache_dir() / "kept"


def is_on() -> bool:
    """Return whether the environment and the user's setting both allow caching."""
    return os.environ.get(VARIABLE, "").strip().lower() not in _OFF and not _switch().exists()


def switch(*, on: bool) -> None:
    """Turn the user's cache setting on or off. Turning it off deletes all cached results."""
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
    """Delete all cached results and return the cache's usage before the deletion."""
    before = usage()
    shutil.rmtree(folder(), ignore_errors=True)
    return before


def _switch() -> Path:
    """Return the path of the empty file whose presence disables the cache, for the worker and for every command."""
    return data_dir() / "keep-nothing"
