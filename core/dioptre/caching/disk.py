"""The step cache in a folder: the least recently used goes first, and whatever is damaged is computed again."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.imaging.numbers import is_finite
from dioptre.imaging.step_cache import StepResult
from dioptre_link.cache import keep_newest

from . import entry_file
from .digests import digest_of_array
from .software import computing_setup

_SPARE_BYTES = 1 << 30  # of disk space that is left to others
_SUFFIX = ".kept"

_log = logging.getLogger(__name__)


class DiskCache:
    """Results of steps in `folder`, at most about `limit_bytes` of them. For one thread at a time."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._names: dict[int, tuple[weakref.ref[np.ndarray], str]] = {}

    def name(self, array: np.ndarray, name: str) -> None:
        """As `StepCache.name`."""
        self._names = {key: known for key, known in self._names.items() if known[0]() is not None}
        self._names[id(array)] = (weakref.ref(array), name)

    def result(self, step: str, given: Mapping[str, Any], compute: Callable[[], StepResult]) -> StepResult:
        """As `StepCache.result`."""
        key = self._key(step, given)
        path = self._folder / f"{key}{_SUFFIX}"
        result = self._read(path)
        if result is None:
            result = compute()
            self._write(path, result)
        for plane_name, plane in result.planes.items():
            self.name(plane, f"{key} {plane_name}")
        return result

    def _key(self, step: str, given: Mapping[str, Any]) -> str:
        text = json.dumps([step, computing_setup(), self._identified(dict(given))], sort_keys=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def _identified(self, value: Any) -> Any:
        """`value` with the arrays' names in their places."""
        if isinstance(value, np.ndarray):
            known = self._names.get(id(value))
            return known[1] if known is not None and known[0]() is value else digest_of_array(value)
        if isinstance(value, dict):
            return {key: self._identified(item) for key, item in value.items()}
        return [self._identified(item) for item in value] if isinstance(value, (list, tuple)) else value

    def _read(self, path: Path) -> StepResult | None:
        try:
            result = entry_file.read(path)
            path.touch()  # file systems note reading late, or never
        except FileNotFoundError:
            return None
        except (OSError, ValueError, entry_file.DamagedError) as error:
            _log.warning("a kept result is not usable and is computed again: %r", error)
            with suppress(OSError):
                path.unlink()
            return None
        return result

    def _write(self, path: Path, result: StepResult) -> None:
        """Keep `result`; where that cannot be, the picture is none the worse."""
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
