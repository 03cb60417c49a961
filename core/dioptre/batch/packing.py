"""Encode an outcome as bytes: JSON followed by the files. Unlike a pickle, it cannot execute code when read."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from dioptre_link.errors import DioptreError

from .work import Failed, Made, Outcome

_LENGTH = struct.Struct(">Q")
_MAX_JSON = 1 << 24


class BadOutcomeError(DioptreError):
    """A worker sent an invalid outcome."""

    code = "bad-outcome"

    def __init__(self) -> None:
        super().__init__(
            "A worker sent an invalid result.",
            hint="Check who can join the scheduler, and install the same version of Dioptre on every machine.",
        )


def packed(outcome: Outcome) -> bytes:
    """Encode an outcome as bytes."""
    if isinstance(outcome, Failed):
        return _joined({"failed": {"code": outcome.code, "message": outcome.message, "hint": outcome.hint}}, [])
    names = list(outcome.files)
    blobs = [*(outcome.files[name] for name in names), outcome.before, outcome.after]
    content = {
        "files": names,
        "models": dict(outcome.models),
        "values": dict(outcome.values),
        "messages": list(outcome.messages),
    }
    return _joined(content, blobs)


def unpacked(data: bytes) -> Outcome:
    """Decode an outcome; raise BadOutcomeError if the bytes are invalid or name a file outside the folder."""
    try:
        return _unpacked(memoryview(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise BadOutcomeError from error


def _unpacked(data: memoryview) -> Outcome:
    (length,) = _LENGTH.unpack_from(data)
    if length > _MAX_JSON:
        raise ValueError("too long")
    at = _LENGTH.size + length
    content = json.loads(bytes(data[_LENGTH.size : at]))
    if "failed" in content:
        fields = content["failed"]
        return Failed(code=_text(fields["code"]), message=_text(fields["message"]), hint=_text(fields["hint"]))
    blobs = []
    for size in content["sizes"]:
        if type(size) is not int or not 0 <= size <= len(data) - at:
            raise ValueError("cut off")
        blobs.append(bytes(data[at : at + size]))
        at += size
    *files, before, after = blobs
    names = [_plain(name) for name in content["files"]]
    return Made(
        files=dict(zip(names, files, strict=True)),
        before=before,
        after=after,
        models={_text(name): _text(checksum) for name, checksum in content["models"].items()},
        values=dict(content["values"]),
        messages=tuple(_text(message) for message in content["messages"]),
    )


def _joined(content: Mapping[str, Any], blobs: list[bytes]) -> bytes:
    head = json.dumps({**content, "sizes": [len(blob) for blob in blobs]}).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *blobs])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _plain(name: Any) -> str:
    """Return a file name; raise ValueError if it contains a folder, which only the batch may choose."""
    text = _text(name)
    plain = text == PurePosixPath(text).name == PureWindowsPath(text).name
    if not plain or not text or text.startswith(".") or "\0" in text:
        raise ValueError("a file elsewhere")
    return text
