"""The messages of the decoding process: a line of JSON, and arrays in a file that both processes have mapped.

Pickle is not used, so that a malicious file that has taken over the decoder cannot attack the parent. Everything is
checked on arrival.
"""

from __future__ import annotations

import base64
import mmap
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from dioptre.contract import EmbeddedDepth
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message

from .decoded import Decoded
from .gain_map import PARAMETERS, GainMap
from .picture import Colour, Format, Source

_DTYPES = ("uint8", "uint16", "float32")
_MAX_SIDE = 1 << 24
_BLOBS = ("icc", "exif", "xmp", "photoshop")
_ALIGNED = 64
_SHA256 = re.compile(r"[0-9a-f]{64}")


class BadParcel(Exception):  # noqa: N818  (named as the state it reports)
    """A message from the decoding process is invalid."""


def layout(arrays: Iterable[np.ndarray]) -> tuple[list[dict[str, Any]], int]:
    """Return each array's dtype, shape and position as JSON types, and the total size in bytes."""
    described, at = [], 0
    for array in arrays:
        described.append({"dtype": array.dtype.name, "shape": list(array.shape), "at": at})
        at += -(-array.nbytes // _ALIGNED) * _ALIGNED
    return described, at


def put(arrays: Iterable[np.ndarray], described: list[dict[str, Any]], mapped: mmap.mmap) -> None:
    """Copy arrays to their positions in the mapped file."""
    for array, place in zip(arrays, described, strict=True):
        target = np.ndarray(array.shape, array.dtype, buffer=mapped, offset=place["at"])
        np.copyto(target, array)


def arrays_in(described: Any, mapped: mmap.mmap) -> list[np.ndarray]:
    """Return views of the arrays in the mapped file; raise BadParcel if they do not fit in it."""
    found = []
    for place in _list(described):
        shape, at = tuple(_list(place["shape"])), place["at"]
        sane = all(type(side) is int and 0 <= side <= _MAX_SIDE for side in shape) and len(shape) in (2, 3)
        if not sane or place["dtype"] not in _DTYPES or type(at) is not int or at < 0:
            raise BadParcel("an array of no known kind")
        dtype = np.dtype(place["dtype"])
        if at + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize > len(mapped):
            raise BadParcel("an array beyond its file")
        found.append(np.ndarray(shape, dtype, buffer=mapped, offset=at))
    return found


def of_source(source: Source) -> dict[str, Any]:
    """Convert a file's properties to JSON types."""
    found: dict[str, Any] = {}
    for field in fields(Source):
        value = getattr(source, field.name)
        if field.name in _BLOBS:
            value = None if value is None else base64.b64encode(value).decode("ascii")
        found[field.name] = value.value if isinstance(value, Format | Colour) else value
    return found


def to_source(content: Any) -> Source:
    """Convert JSON types to a file's properties; raise BadParcel if they are invalid."""
    values: dict[str, Any] = {}
    try:
        for field in fields(Source):
            value = content[field.name]
            if field.name in _BLOBS:
                value = None if value is None else base64.b64decode(value, validate=True)
            values[field.name] = value
        values["format"], values["colour"] = Format(values["format"]), Colour(values["colour"])
        values["quantisation"] = tuple(tuple(int(v) for v in table) for table in values["quantisation"])
        values["texts"] = tuple((str(keyword), str(text)) for keyword, text in values["texts"])
        if values["resolution_dpi"] is not None:
            across, along = values["resolution_dpi"]
            values["resolution_dpi"] = (float(across), float(along))
        for name in ("bits", "packed_bits", "hdr_transfer", "orientation"):
            values[name] = int(values[name])
        for name in ("floating", "alpha", "lossless", "credentials"):
            values[name] = bool(values[name])
        values["compression"] = str(values["compression"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadParcel("no description of a file") from error
    return Source(**values)


def of_decoded(decoded: Decoded) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Convert a decoded file to JSON types and arrays."""
    content = {
        "source": of_source(decoded.source),
        "premultiplied": decoded.premultiplied,
        "sha256": decoded.sha256,
        "messages": [_words(message) for message in decoded.messages],
    }
    gains = decoded.gain_map
    if gains is None:
        return content, [decoded.codes]
    content["gain_map"] = {name: getattr(gains, name) for name in PARAMETERS}
    return content, [decoded.codes, gains.codes]


def to_decoded(content: Mapping[str, Any], arrays: list[np.ndarray]) -> Decoded:
    """Convert JSON types and arrays to a decoded file; raise BadParcel if they are invalid."""
    if not 1 <= len(arrays) <= 2 or arrays[0].ndim != 3 or not arrays[0].size:
        raise BadParcel("no picture")
    source = to_source(content.get("source"))
    channels = {Colour.GREY: 1, Colour.CMYK: 4}.get(source.colour, 3) + source.alpha
    if arrays[0].shape[2] != channels:
        raise BadParcel("channels that do not fit")
    return Decoded(
        codes=arrays[0],
        source=source,
        premultiplied=bool(content.get("premultiplied")),
        sha256=_sha256(content.get("sha256")),
        messages=[_message(words) for words in _list(content.get("messages"))],
        gain_map=None if len(arrays) == 1 else _gain_map(content.get("gain_map"), arrays[1]),
    )


def _gain_map(content: Any, codes: np.ndarray) -> GainMap:
    if codes.ndim != 3 or codes.shape[2] not in (1, 3) or codes.dtype != np.uint8 or not codes.size:
        raise BadParcel("no gain map")
    try:
        values = {name: tuple(float(value) for value in _list(content[name])) for name in PARAMETERS}
    except (KeyError, TypeError, ValueError) as error:
        raise BadParcel("no gain map") from error
    if any(len(value) != (2 if name == "headroom" else 3) for name, value in values.items()):
        raise BadParcel("no gain map")
    return GainMap(codes=codes.copy(), **values)  # type: ignore[arg-type]  # their lengths are checked


def _sha256(value: Any) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise BadParcel("no checksum")
    return value


def of_embedded(depth: EmbeddedDepth | None) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Convert a camera's depth map, if any, to JSON types and arrays."""
    if depth is None:
        return {"found": False}, []
    arrays = [depth.disparity] if depth.confidence is None else [depth.disparity, depth.confidence]
    return {"found": True, "range": depth.range_per_m, "kind": depth.kind}, arrays


def to_embedded(content: Mapping[str, Any], arrays: list[np.ndarray]) -> EmbeddedDepth | None:
    """Convert JSON types and arrays to a camera's depth map; raise BadParcel if they are invalid."""
    if not content.get("found"):
        return None
    if not 1 <= len(arrays) <= 2 or any(array.ndim != 2 or array.dtype != np.float32 for array in arrays):
        raise BadParcel("no depth")
    try:
        limits = content["range"]
        range_per_m = None if limits is None else (float(limits[0]), float(limits[1]))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadParcel("no range") from error
    own = [array.copy() for array in arrays]  # copied, because the shared file will be overwritten
    return EmbeddedDepth(
        disparity=own[0],
        range_per_m=range_per_m,
        confidence=own[1] if len(own) > 1 else None,
        kind=str(content.get("kind", ""))[:80],
    )


def of_error(error: DioptreError) -> dict[str, Any]:
    """Convert an error to JSON types."""
    return {"code": error.code, "message": _words(error.message), "hint": _words(error.hint)}


def to_error(content: Any, kinds: Mapping[str, type[DioptreError]]) -> DioptreError:
    """Convert JSON types to an error; `kinds` contains the class for each code."""
    if not isinstance(content, dict):
        raise BadParcel("no error")
    code = str(content.get("code", ""))[:40]
    message, hint = _message(content.get("message")), _message(content.get("hint"))
    return kinds.get(code, DioptreError)(message, hint=hint, code=code)


def _words(text: str) -> Any:
    return text.to_wire() if isinstance(text, Message) else text


def _message(content: Any) -> str:
    if isinstance(content, str):
        return content
    try:
        return Message.from_wire(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadParcel("no message") from error


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadParcel("no list")
    return value
