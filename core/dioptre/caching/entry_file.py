"""File format of one cached result: a line with a checksum, a line of JSON, then the planes' values.

Checksums cover every byte, so a damaged file is never mistaken for a result.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from dioptre.contract import StepResult
from dioptre_link.language import Message

from .digests import digest_of_bytes

_MAGIC = b"dioptre-kept 1 "
_LONGEST_HEADER = 1 << 20
_MOST_VALUES = 1 << 32
_TEMPLATE = "template"


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
    content = {"facts": _outgoing(dict(result.facts)), "planes": described}
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
        OSError: the file does not exist or cannot be read.
    """
    with path.open("rb") as file:
        content = _header(file)
        try:
            planes = {str(plane["name"]): _plane(file, plane) for plane in content["planes"]}
            facts = _incoming(content["facts"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
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
    return json.loads(header)


def _plane(file: IO[bytes], described: Any) -> np.ndarray:
    height, width = described["shape"]
    if not 0 < height * width <= _MOST_VALUES:
        raise ValueError(described)
    plane = np.fromfile(file, np.float32, height * width)
    if plane.size != height * width or digest_of_bytes(plane.data) != described["sha256"]:
        raise DamagedError(file.name)
    return plane.reshape(height, width)


def _outgoing(value: Any) -> Any:
    """Convert facts to JSON types. Messages are stored untranslated; `_incoming` restores them."""
    if isinstance(value, Message):
        return {_TEMPLATE: value.to_wire()}
    if isinstance(value, dict):
        return {name: _outgoing(item) for name, item in value.items()}
    return [_outgoing(item) for item in value] if isinstance(value, (list, tuple)) else value


def _incoming(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_TEMPLATE}:
            return Message.from_wire(value[_TEMPLATE])
        return {name: _incoming(item) for name, item in value.items()}
    return [_incoming(item) for item in value] if isinstance(value, list) else value
