"""On-disk cache of step results, which evicts the least recently used ones and recomputes damaged ones."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.contract import StepResult
from dioptre.imaging.numbers import is_finite
from dioptre_link.cache import keep_newest

from . import entry_file
from .names import Names

_SPARE_BYTES = 1 << 30  # disk space that the cache leaves free for other programs
_SUFFIX = ".kept"

_log = logging.getLogger(__name__)


class DiskCache:
    """Cache that stores step results in `folder`, up to about `limit_bytes` in total. Not thread-safe."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._names = Names()

    def result(self, step: str, given: Mapping[str, Any], compute: Callable[[], StepResult]) -> StepResult:
        """See `StepCache.result`."""
        key = self._names.key(step, given)
        path = self._folder / f"{key}{_SUFFIX}"
        result = self._read(path)
        if result is None:
            result = compute()
            self._write(path, result)
        self._names.name_planes(key, result)
        return result

    def name(self, array: np.ndarray, name: str) -> None:
        """See `StepCache.name`."""
        self._names.name(array, name)

    def _read(self, path: Path) -> StepResult | None:
        try:
            result = entry_file.read(path)
            path.touch()  # marks the entry as used, because file systems record access times late or never
        except FileNotFoundError:
            return None
        except (OSError, ValueError, entry_file.DamagedError) as error:
            _log.warning("a kept result is not usable and is computed again: %r", error)
            with suppress(OSError):
                path.unlink()
            return None
        return result

    def _write(self, path: Path, result: StepResult) -> None:
        """Store `result` unless it is too large or not finite, or the disk is full. Errors are only logged."""
        nbytes = sum(plane.nbytes for plane in result.planes.values())
        if nbytes > self._limit_bytes // 2 or not all(is_finite(plane) for plane in result.planes.values()):
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            if shutil.disk_usage(self._folder).free < nbytes + _SPARE_BYTES:
                return
            entry_file.write(path, result)
            keep_newest(self._folder, limit_bytes=self._limit_bytes)
        except (OSError, TypeError, ValueError):
            _log.warning("a result could not be kept", exc_info=True)
