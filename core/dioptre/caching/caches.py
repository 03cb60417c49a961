"""Caches of step results: on disk, or in memory for as long as a client keeps a picture.

The disk cache evicts the least recently used results and recomputes damaged ones. An entry is a line with a
checksum, a line of JSON, then the planes' values. Checksums cover every byte, so a damaged file is never mistaken
for a result.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import IO, Any

import numpy as np

from dioptre.contract import StepCache, StepResult
from dioptre.imaging.numbers import is_finite
from dioptre_link import strict_json
from dioptre_link.files import is_private, keep_newest, open_regular, private_folder
from dioptre_link.language import incoming, outgoing

from .names import Names, digest_of_bytes

_MAGIC = b"dioptre-kept 1 "
_LONGEST_HEADER = 1 << 20
_MOST_VALUES = 1 << 32
_SPARE_BYTES = 1 << 30  # disk space that the cache leaves free for other programs
_SUFFIX = ".kept"
_log = logging.getLogger(__name__)
LARGEST_BYTES = 4 << 20
"""Maximum size of a cached result. Network outputs and previews are smaller than this."""
MOST_RESULTS = 24
"""Maximum number of cached results, enough for several points that a user clicks on."""


class DamagedError(Exception):
    """The file is not a cache entry, or has changed since it was written."""


def write(path: Path, result: StepResult) -> None:
    """Write `result` to `path` atomically, with mode 0600.

    Raises:
        OSError: the file cannot be written.
        TypeError, ValueError: `result.facts` cannot be stored as JSON.
    """
    planes = {name: np.ascontiguousarray(plane, np.float32) for name, plane in result.planes.items()}
    described = [
        {"name": name, "shape": plane.shape, "sha256": digest_of_bytes(plane.data)}
        for name, plane in planes.items()
    ]
    content = {"facts": outgoing(dict(result.facts)), "planes": described}
    header = json.dumps(content, allow_nan=False).encode("ascii") + b"\n"
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MAGIC + hashlib.sha256(header).hexdigest().encode("ascii") + b"\n" + header)
            for plane in planes.values():
                file.write(plane.data)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def read(path: Path) -> StepResult:
    """Read the result stored in `path`.

    Raises:
        DamagedError: the file is not a valid cache entry.
        OSError: the file does not exist, cannot be read, or is another user's.
    """
    with open_regular(path, own=True) as file:
        try:
            content = _header(file)
            planes = {str(plane["name"]): _plane(file, plane) for plane in content["planes"]}
            facts = incoming(content["facts"])
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DamagedError(str(path)) from error
        if file.read(1):
            raise DamagedError(str(path))
    return StepResult(planes=planes, facts=facts)


def _header(file: IO[bytes]) -> Any:
    first = file.readline(256)
    header = file.readline(_LONGEST_HEADER)
    expected = _MAGIC + hashlib.sha256(header).hexdigest().encode("ascii") + b"\n"
    if first != expected:
        raise DamagedError(file.name)
    return strict_json.parsed(header)


def _plane(file: IO[bytes], described: Any) -> np.ndarray:
    shape = described["shape"]
    count = math.prod(shape)
    if len(shape) not in (2, 3) or min(shape) < 1 or count > _MOST_VALUES:
        raise ValueError(described)
    plane = np.fromfile(file, np.float32, count)
    whole = plane.size == count and digest_of_bytes(plane.data) == described["sha256"]
    if not whole or not is_finite(plane):
        raise DamagedError(file.name)
    return plane.reshape(shape)


class _KeyedCache(StepCache):
    """A cache whose entries have a key made of the step and of everything that determines its result.

    Several threads may use it at once, and compute different steps at the same time.
    """

    def __init__(self) -> None:
        self._names = Names()
        self._busy = RLock()

    def result(
        self,
        step: str,
        given: Mapping[str, Any],
        compute: Callable[[], StepResult],
        *,
        makes: frozenset[str] | None = None,
    ) -> StepResult:
        """See `StepCache.result`."""
        with self._busy:
            key = self._names.key(step, given)
            result = self._read(key)
        made = None
        if result is None or (makes is not None and {*result.planes, *result.facts} != makes):
            result = made = compute()
        with self._busy:
            if made is not None:
                self._write(key, made)
            self._names.name_planes(key, result)
        return result

    def name(self, array: np.ndarray, name: str) -> None:
        """See `StepCache.name`."""
        with self._busy:
            self._names.name(array, name)

    def _read(self, key: str) -> StepResult | None:
        raise NotImplementedError

    def _write(self, key: str, result: StepResult) -> None:
        raise NotImplementedError


class DiskCache(_KeyedCache):
    """Cache that stores step results in `folder`, up to about `limit_bytes` in total."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        super().__init__()
        self._folder = folder
        self._limit_bytes = limit_bytes

    def _read(self, key: str) -> StepResult | None:
        path = self._path(key)
        if not is_private(self._folder):
            return None
        try:
            result = read(path)
            path.touch()  # marks the entry as used, because file systems record access times late or never
        except FileNotFoundError:
            return None
        except (OSError, ValueError, DamagedError) as error:
            _log.warning("a kept result is not usable and is computed again: %r", error)
            with suppress(OSError):
                path.unlink()
            return None
        return result

    def _write(self, key: str, result: StepResult) -> None:
        """Store `result` unless it is too large or not finite, or the disk is full. Errors are only logged."""
        nbytes = sum(plane.nbytes for plane in result.planes.values())
        if nbytes > self._limit_bytes // 2 or not all(is_finite(plane) for plane in result.planes.values()):
            return
        try:
            if not private_folder(self._folder) or shutil.disk_usage(self._folder).free < nbytes + _SPARE_BYTES:
                return
            write(self._path(key), result)
            keep_newest(self._folder, limit_bytes=self._limit_bytes)
        except (OSError, TypeError, ValueError):
            _log.warning("a result could not be kept", exc_info=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"


class MemoryCache(_KeyedCache):
    """Cache that stores step results in the dictionary `kept`, by key."""

    def __init__(self, kept: dict[str, StepResult]) -> None:
        super().__init__()
        self._kept = kept

    def _read(self, key: str) -> StepResult | None:
        if key in self._kept:
            self._kept[key] = self._kept.pop(key)  # now the newest
        return self._kept.get(key)

    def _write(self, key: str, result: StepResult) -> None:
        if sum(plane.nbytes for plane in result.planes.values()) <= LARGEST_BYTES:
            self._kept[key] = result
        while len(self._kept) > MOST_RESULTS:
            del self._kept[next(iter(self._kept))]
