"""The messages between an editor (or any other client) and the worker, and their validation.

A message is one line: a JSON object in UTF-8 with a `type`, at most `MAX_MESSAGE_BYTES` long. `decode` accepts
every message that a side may send and checks names, types and ranges; its result needs no further checks. Pixels
are never part of these objects: they are files in an exchange folder, with rows without padding, referenced by
plain file names.

Conversation::

    client                                  worker
    hello(protocol, token, client)     ->
                                       <-   hello(protocol, version, folder, nonce_file)  or error(code="version")
    share(nonce, answer_file, answer)  ->                          both proved to see the same folder, or not
                                       <-   shared(ok)
    store  submit                      ->
                                       <-   progress…  then one of result | error | cancelled
    networks()                         ->
                                       <-   networks(networks)
    fetch(job, network)                ->
                                       <-   progress…  then one of result (without layers) | error | cancelled
    ready(setup, operations)           ->                              a command line is about to send a job
                                       <-   ready(usable)
    follow(job, steps, inputs, …)      ->
                                       <-   progress…  then one of result (float32) | error
    cancel(job)  forget                ->
    shutdown(when_idle)                ->
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from . import strict_json
from .errors import DioptreError
from .language import Message
from .metres import DepthMetres
from .networks import Network
from .operation import Role
from .recipe import MOST_STEPS

PROTOCOL = 3
"""Version of the protocol; increase it with every change that older clients or workers would misunderstand."""

MAX_MESSAGE_BYTES = 1 << 20  # a `submit` with every option is under 10 kB, one with many strokes under 100 kB
MAX_SIDE_PX = 1 << 18  # maximum width and height of a picture, the same as in GIMP
MAX_BUFFER_BYTES = 1 << 36  # 64 GiB, more than any real picture; absurd sizes are rejected before any arithmetic

DTYPES = {"u8": 1, "u16": 2, "f16": 2, "f32": 4}
"""Bytes per sample. Integers use their full range (255 or 65535 is 1.0), floats nominally [0, 1]. Native order."""

ORDERS = ("rgb", "bgr")
ENCODINGS = ("srgb", "linear")

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # lone surrogates cannot be written to logs or file names
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}(\.raw)?", re.ASCII)


class WireError(DioptreError):
    """The other side sent an invalid message."""

    code = "protocol"


@dataclass(frozen=True)
class PixelFormat:
    """The format of a pixel in a buffer, chosen so that editors can pass their pixels without conversion.

    Attributes:
        dtype: "u8", "u16", "f16" or "f32", in native byte order.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. Alpha is straight and comes last.
        order: "rgb", or "bgr" for Krita's 8- and 16-bit integer colours (blue first; with 3 or 4 channels).
        encoding: "srgb" for sRGB-encoded or "linear" for linear-light values, both with sRGB primaries. It is
            ignored for depth, selections and alpha, which are never encoded.
    """

    dtype: str = "f32"
    channels: int = 4
    order: str = "rgb"
    encoding: str = "srgb"

    def __post_init__(self) -> None:
        _check(self.dtype in DTYPES, f"dtype {self.dtype!r} is none of {', '.join(DTYPES)}")
        _check(type(self.channels) is int and 1 <= self.channels <= 4, f"channels {self.channels!r} is not 1 to 4")
        _check(self.order in ORDERS, f"order {self.order!r} is none of {', '.join(ORDERS)}")
        _check(self.encoding in ENCODINGS, f"encoding {self.encoding!r} is none of {', '.join(ENCODINGS)}")

    @property
    def pixel_bytes(self) -> int:
        return DTYPES[self.dtype] * self.channels


@dataclass(frozen=True)
class Pixels:
    """A picture in a file of the exchange folder: `height` rows of `width` pixels, without padding."""

    file: str
    width: int
    height: int
    format: PixelFormat

    def __post_init__(self) -> None:
        check_name(self.file)
        for side in (self.width, self.height):
            _check(type(side) is int and 1 <= side <= MAX_SIDE_PX, f"a side of {side!r} pixels")
        _check(self.nbytes <= MAX_BUFFER_BYTES, f"a picture of {self.nbytes} bytes")

    @property
    def row_bytes(self) -> int:
        return self.width * self.format.pixel_bytes

    @property
    def nbytes(self) -> int:
        return self.row_bytes * self.height

    def to_dict(self) -> dict[str, Any]:
        return {"file": self.file, "width": self.width, "height": self.height, **asdict(self.format)}

    @staticmethod
    def from_dict(fields: Any) -> Pixels:
        checked = _fields(fields, _PIXELS, "pixels")
        pixel_format = PixelFormat(**{name: checked[name] for name in ("dtype", "channels", "order", "encoding")})
        return Pixels(checked["file"], checked["width"], checked["height"], pixel_format)


def check_name(name: str) -> str:
    """Return `name` if it is a valid name for a file or for stored pixels; raise WireError otherwise."""
    _check(isinstance(name, str) and _NAME.fullmatch(name) is not None, f"{str(name)[:80]!r} is not a plain name")
    return name


def encode(message: Mapping[str, Any]) -> bytes:
    """Encode a message as one line; raise WireError if it is too long, ValueError for NaN or infinity."""
    message = {name: _outgoing(value) for name, value in message.items()}
    line = json.dumps(message, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
    _check(len(line) <= MAX_MESSAGE_BYTES, f"a message of {len(line)} bytes")
    return line


def _outgoing(value: Any) -> Any:
    """Prepare a value for JSON; messages keep their templates, for the receiver to translate."""
    if isinstance(value, Message):
        return value.to_wire()
    return [_outgoing(item) for item in value] if isinstance(value, list) else value


def decode(line: bytes, *, sender: str) -> dict[str, Any]:
    """Decode and check a message that `sender` ("client" or "worker") may send; raise WireError if invalid."""
    _check(len(line) <= MAX_MESSAGE_BYTES, f"a message of more than {MAX_MESSAGE_BYTES} bytes")
    try:
        message = strict_json.parsed(line)
    except ValueError as error:
        raise WireError("The other side sent an invalid message: {line}.", line=repr(line[:60])) from error
    _check(isinstance(message, dict), "a message that is not an object")
    kind = message.pop("type", None)
    known = MESSAGES[sender]
    _check(isinstance(kind, str) and kind in known, f"an unknown message {str(kind)[:40]!r}")
    return {"type": kind, **_fields(message, known[kind], kind)}


def decode_hello(line: bytes) -> dict[str, Any] | None:
    """Decode a client's first message in any protocol version: protocol, token and client; None if invalid.

    These fields, and the answer `error`, are the same in all protocol versions.
    """
    try:
        message = strict_json.parsed(line)
        if message["type"] != "hello":
            return None
        return _fields({name: message.get(name) for name in _HELLO}, _HELLO, "hello")
    except (ValueError, TypeError, KeyError, AttributeError, WireError):
        return None


def _check(holds: object, what: str) -> None:
    if not holds:
        raise WireError(
            "Invalid message: {what}.", hint="The plug-in and the worker must have the same version.", what=what
        )


# -- fields ------------------------------------------------------------------------------------------------------

_Parse = Callable[[Any], Any]
_MISSING = object()


@dataclass(frozen=True)
class _Optional:
    """A field that may be omitted or null; its value is then `default`."""

    parse: _Parse
    default: Any = None


def _fields(value: Any, known: Mapping[str, _Parse | _Optional], where: str) -> dict[str, Any]:
    _check(isinstance(value, dict), f"{where}: not an object")
    for name in value:
        _check(name in known, f"{where}: unknown field {str(name)[:40]!r}")
    checked = {}
    for name, field in known.items():
        given = value.get(name, _MISSING)
        if isinstance(field, _Optional):
            checked[name] = field.default if given is _MISSING or given is None else field.parse(given)
        else:
            _check(given is not _MISSING, f"{where}: {name} is missing")
            checked[name] = field(given)
    return checked


def _text(value: Any) -> str:
    fine = isinstance(value, str) and (value.isascii() or not _LONE_SURROGATE.search(value))
    _check(fine, f"{str(value)[:40]!r} is not text")
    return str(value)


def _message(value: Any) -> str:
    """Parse plain text, or a template with its values."""
    if not isinstance(value, dict):
        return _text(value)
    try:
        return _checked(Message.from_wire(_fields(value, _TEMPLATE, "message")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WireError("Invalid message: {value}.", value=repr(str(value)[:40])) from error


def _checked(message: Message) -> Message:
    _text(str(message))
    return message


def _flag(value: Any) -> bool:
    _check(isinstance(value, bool), f"{str(value)[:40]!r} is not true or false")
    return bool(value)


def _integer(low: int, high: int) -> _Parse:
    def parse(value: Any) -> int:
        _check(type(value) is int and low <= value <= high, f"{str(value)[:40]!r} is not from {low} to {high}")
        return int(value)

    return parse


def _fraction(value: Any) -> float:
    number = type(value) in (int, float) and 0 <= value <= 1
    _check(number, f"{str(value)[:40]!r} is not a share from 0 to 1")
    return float(value)


def _number(value: Any) -> float:
    _check(type(value) in (int, float), f"{str(value)[:40]!r} is not a number")
    return float(value)


def _pair(value: Any) -> tuple[float, float]:
    _check(isinstance(value, list) and len(value) == 2, f"{str(value)[:40]!r} is not a pair of numbers")
    return _number(value[0]), _number(value[1])


def _object(value: Any) -> dict[str, Any]:
    _check(isinstance(value, dict), f"{str(value)[:40]!r} is not an object")
    return dict(value)


def _list_of(parse: _Parse, limit: int) -> _Parse:
    def parse_all(value: Any) -> tuple[Any, ...]:
        _check(isinstance(value, list) and len(value) <= limit, f"not a list of at most {limit}")
        return tuple(parse(item) for item in value)

    return parse_all


def _map_of(parse: _Parse, limit: int = 32) -> _Parse:
    def parse_all(value: Any) -> dict[str, Any]:
        _check(isinstance(value, dict) and len(value) <= limit, f"not an object of at most {limit} fields")
        return {key: parse(item) for key, item in value.items()}

    return parse_all


def _role(value: Any) -> Role:
    _check(isinstance(value, str) and value in {role.value for role in Role}, f"{str(value)[:40]!r} is not a role")
    return Role(value)


def _keep(value: Any) -> dict[Role, str]:
    names: dict[str, str] = _map_of(check_name, len(Role))(value)
    return {_role(role): name for role, name in names.items()}


def _job_input(value: Any) -> Pixels | str:
    """Parse an input of a job: pixels in a file, or {"stored": name}."""
    if isinstance(value, dict) and "stored" in value:
        return str(_fields(value, {"stored": check_name}, "input")["stored"])
    return Pixels.from_dict(value)


def _format(value: Any) -> PixelFormat:
    return PixelFormat(**_fields(value, _FORMAT, "format"))


def _depth_metres(value: Any) -> DepthMetres:
    metres = DepthMetres.from_dict(_object(value))
    if metres is None:
        raise WireError("Invalid message: {value}.", value=repr(str(value)[:80]))
    return metres


def _network(value: Any) -> Network:
    return Network(**_fields(value, _NETWORK, "network"))


_FORMAT: dict[str, _Parse | _Optional] = {
    "dtype": _text,
    "channels": _integer(1, 4),
    "order": _text,
    "encoding": _text,
}
_PIXELS: dict[str, _Parse | _Optional] = {
    "file": check_name,
    "width": _integer(1, MAX_SIDE_PX),
    "height": _integer(1, MAX_SIDE_PX),
    **_FORMAT,
}
_JOB = _integer(1, 2**53)
_LAYER = {"name": _text, "role": _role, "visible": _flag, "pixels": Pixels.from_dict}
_NETWORK: dict[str, _Parse | _Optional] = {
    "id": _text,
    "title": _text,
    "kind": _text,
    "installed": _flag,
    "download_bytes": _integer(0, 2**40),
    "licence": _text,
    "licence_doubts": _text,
}
_TEMPLATE: dict[str, _Parse | _Optional] = {"template": _text, "values": _object}
_ERROR: dict[str, _Parse | _Optional] = {"code": _text, "message": _message, "hint": _Optional(_message, "")}

_HELLO: dict[str, _Parse | _Optional] = {"protocol": _integer(0, 10**6), "token": _text, "client": _text}

MESSAGES: dict[str, dict[str, dict[str, _Parse | _Optional]]] = {
    "client": {
        "hello": _HELLO,
        "share": {"nonce": _text, "answer_file": _Optional(check_name), "answer": _text},
        "store": {"name": check_name, "input": _text, "pixels": Pixels.from_dict},
        "forget": {"name": check_name},
        "submit": {
            "job": _JOB,
            "operation": _text,
            "options": _object,
            "inputs": _map_of(_job_input, 8),
            "colour_format": _Optional(_format, PixelFormat()),
            "depth_dtype": _Optional(_text, "f32"),
            "roles": _Optional(_list_of(_role, len(Role))),
            "keep": _Optional(_keep, {}),
            "preview_px": _Optional(_integer(16, 8192)),
            "draft": _Optional(_flag, False),
            "supersede": _Optional(check_name),
            "opened_file": _Optional(_text),
            "depth_metres": _Optional(_depth_metres),
        },
        "cancel": {"job": _JOB},
        "expect": {"operation": _text},
        "networks": {},
        "fetch": {"job": _JOB, "network": _text},
        "export": {
            "job": _JOB,
            "file": _text,
            "picture": Pixels.from_dict,
            "disparity": Pixels.from_dict,
            "depth_metres": _Optional(_depth_metres),
        },
        "shutdown": {"when_idle": _flag},
        "ready": {"setup": _text, "operations": _list_of(_text, MOST_STEPS)},
        "follow": {
            "job": _JOB,
            "steps": _list_of(_object, MOST_STEPS),
            "inputs": _map_of(Pixels.from_dict, 8),
            "range_per_m": _Optional(_pair),
            "embedded_range_per_m": _Optional(_pair),
            "embedded_kind": _Optional(_message),
            "focal_diagonals": _Optional(_number),
            "focal_source": _Optional(_message),
            "all_layers": _flag,
        },
    },
    "worker": {
        "hello": {
            "protocol": _integer(0, 10**6),
            "version": _text,
            "pid": _integer(1, 2**31),
            "folder": _text,
            "nonce_file": check_name,
            "log": _text,
        },
        "shared": {"ok": _flag},
        "ready": {"usable": _flag},
        "stored": {"name": check_name},
        "networks": {"networks": _list_of(_network, 64)},
        "progress": {"job": _JOB, "fraction": _fraction, "phase": _message},
        "result": {
            "job": _JOB,
            "layers": _list_of(lambda value: _fields(value, _LAYER, "layer"), 16),
            "values": _object,
            "messages": _list_of(_message, 64),
            "models": _map_of(_text),
            "precision": _Optional(_text, ""),
        },
        "cancelled": {"job": _JOB, "reason": _message},
        "error": {"job": _Optional(_JOB), "protocol": _Optional(_integer(0, 10**6)), **_ERROR},
    },
}
