"""The messages of the decoding process: a line of JSON, and the values of arrays after it.

Pickle is not used, so that a malicious file that has taken over the decoder cannot attack the parent. Everything is
checked on arrival, against the annotations of the dataclasses.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from io import BufferedIOBase
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from dioptre.contract import EmbeddedDepth
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message

from .formats.decoded import Decoded
from .picture import Colour

_DTYPES = ("uint8", "uint16", "float32")
_MAX_SIDE = 1 << 24
_SHA256 = re.compile(r"[0-9a-f]{64}")


class BadParcel(Exception):  # noqa: N818  (named as the state it reports)
    """A message from the decoding process is invalid."""


def described(arrays: Iterable[np.ndarray]) -> list[dict[str, Any]]:
    """Return each array's dtype and shape as JSON types."""
    return [{"dtype": array.dtype.name, "shape": list(array.shape)} for array in arrays]


def send(arrays: Iterable[np.ndarray], stream: BufferedIOBase) -> None:
    """Write the values of arrays, by rows, so that turned pictures are not copied as a whole."""
    for array in arrays:
        for row in array:
            stream.write(np.ascontiguousarray(row).data)
    stream.flush()


def received(described: list[dict[str, Any]], stream: BufferedIOBase) -> list[np.ndarray]:
    """Read arrays that `send` wrote; raise BadParcel if they are of no known kind or the stream ends before."""
    arrays = []
    for each in described:
        shape = tuple(each["shape"])
        sane = all(type(side) is int and 0 <= side <= _MAX_SIDE for side in shape) and len(shape) in (2, 3)
        if not sane or each["dtype"] not in _DTYPES:
            raise BadParcel("an array of no known kind")
        array = np.empty(shape, each["dtype"])
        if stream.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:
            raise BadParcel("an incomplete array")
        arrays.append(array)
    return arrays


def packed(value: Any, arrays: list[np.ndarray]) -> Any:
    """Convert a value to JSON types; arrays are appended to `arrays` and become their position in it."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return len(arrays) - 1
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Message):
        return value.to_wire()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [packed(each, arrays) for each in value]
    if is_dataclass(value):
        return {field.name: packed(getattr(value, field.name), arrays) for field in fields(value)}
    return value


def unpacked(kind: Any, content: Any, arrays: list[np.ndarray]) -> Any:
    """Convert JSON types to a value of the kind that an annotation states; raise BadParcel if they are invalid."""
    try:
        value = _unpacked(kind, content, arrays)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise BadParcel(str(error)) from error
    if (isinstance(value, Decoded) and not _is_picture(value)) or (
        isinstance(value, EmbeddedDepth)
        and any(array.ndim != 2 or array.dtype != np.float32 or not array.size for array in arrays)
    ):
        raise BadParcel("arrays that do not fit")
    return value


def _unpacked(kind: Any, content: Any, arrays: list[np.ndarray]) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if content is None else _unpacked(arguments[0], content, arrays)
    if origin in (list, tuple):
        if not isinstance(content, list):
            raise TypeError("no list")
        some = origin is list or arguments[-1] is Ellipsis
        kinds = [arguments[0]] * len(content) if some else arguments
        return origin(_unpacked(each, value, arrays) for each, value in zip(kinds, content, strict=True))
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**{name: _unpacked(each, content[name], arrays) for name, each in _annotations(kind).items()})
    if kind is np.ndarray:
        return arrays[content]
    if kind is bytes:
        return base64.b64decode(content, validate=True)
    if kind is str:
        return content if isinstance(content, str) else Message.from_wire(content)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(content)
    if type(content) is not kind and not (kind is float and type(content) is int):
        raise TypeError(f"no {kind}")
    return kind(content)


@cache
def _annotations(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _is_picture(decoded: Decoded) -> bool:
    codes, gains = decoded.codes, decoded.gain_map
    channels = {Colour.GREY: 1, Colour.CMYK: 4}.get(decoded.source.colour, 3) + decoded.source.alpha
    if codes.ndim != 3 or not codes.size or codes.shape[2] != channels or not _SHA256.fullmatch(decoded.sha256):
        return False
    return gains is None or (
        gains.codes.ndim == 3
        and gains.codes.shape[2] in (1, 3)
        and gains.codes.dtype == np.uint8
        and gains.codes.size > 0
    )


def of_error(error: DioptreError) -> dict[str, Any]:
    """Convert an error to JSON types."""
    return {"code": error.code, "message": packed(error.message, []), "hint": packed(error.hint, [])}


def to_error(content: dict[str, Any], kinds: dict[str, type[DioptreError]]) -> DioptreError:
    """Convert JSON types to an error; `kinds` contains the class for each code."""
    code, message, hint = (unpacked(str, content[name], []) for name in ("code", "message", "hint"))
    return kinds.get(code, DioptreError)(message, hint=hint, code=code[:40])
