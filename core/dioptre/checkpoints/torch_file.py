"""Read a PyTorch checkpoint (`torch.save`, the zip format since 1.6) without PyTorch and without unpickling.

The structure of a checkpoint is a pickle, which can run arbitrary code when it is loaded. Here `pickletools` splits
it into instructions, and a small interpreter with an allow-list rebuilds dictionaries, lists, numbers, strings and
descriptions of tensors. It imports nothing and calls nothing, and refuses every other instruction and name.
"""

from __future__ import annotations

import math
import pickletools
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dioptre_link.language import Message

from .card import WeightsError

MAX_STRUCTURE_BYTES = 16 << 20  # maximum size of the pickle; a network of 350 million values needs 100 kB
MAX_DIMENSIONS = 8

_DTYPES = {
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "HalfStorage": "f2",
    "BFloat16Storage": "bf16",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_NAMES = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    *(("torch", storage) for storage in _DTYPES),
}


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """Location of a tensor's values in the archive.

    Attributes:
        storage: key of the storage, which names its entry in the archive.
        dtype: NumPy code of the stored type, or "bf16".
        values: number of values in the whole storage.
        offset: position of the first value, counted in values.
        shape: the tensor's shape.
        strides: step along each axis, counted in values.
    """

    storage: str
    dtype: str
    values: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Name:
    """A global name in the pickle. It is only compared with the allow-list and never looked up."""

    module: str
    name: str


@dataclass(frozen=True, kw_only=True)
class _Storage:
    key: str
    dtype: str
    values: int


class _Mark:
    """The MARK of the pickle machine, which is pushed onto the stack to delimit items."""


@dataclass(frozen=True, kw_only=True)
class TorchFile:
    """A PyTorch checkpoint.

    Attributes:
        path: the file.
        tree: structure of the checkpoint, with a `Tensor` in place of each tensor.
        prefix: top folder inside the archive.
    """

    path: Path
    tree: Any
    prefix: str

    def arrays(self, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the name and values of each tensor in turn, with floating-point values converted to float32.

        Raises:
            WeightsError: the file does not hold the values that its structure describes.
        """
        with zipfile.ZipFile(self.path) as archive:
            for name, tensor in tensors.items():
                yield name, _values(archive, f"{self.prefix}/data/{tensor.storage}", tensor, origin=self.path.name)


def read_torch(path: Path) -> TorchFile:
    """Read the structure of a checkpoint.

    Raises:
        WeightsError: the file is not a checkpoint, or uses an instruction or a name outside the allow-list.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info for info in archive.infolist() if info.filename.endswith("/data.pkl")]
            if len(names) != 1:
                raise _refused(path, Message("it has no data.pkl"))
            if names[0].file_size > MAX_STRUCTURE_BYTES:
                raise _refused(path, Message("its structure has {count} bytes", count=names[0].file_size))
            prefix = names[0].filename.removesuffix("/data.pkl")
            _check_byteorder(archive, prefix, path)
            content = archive.read(names[0])
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _refused(path, _damaged(error)) from error
    try:
        tree = _Machine().run(content)
    # pickletools warns of unusual escapes; this matters only where warnings are turned into errors.
    except (_NotAllowed, ValueError, LookupError, TypeError, struct.error, OverflowError, Warning) as error:
        why = Message("it contains something that Dioptre does not accept ({detail})", detail=error)
        raise _refused(path, why) from error
    return TorchFile(path=path, tree=tree, prefix=prefix)


def _check_byteorder(archive: zipfile.ZipFile, prefix: str, path: Path) -> None:
    """Refuse files that are not little-endian.

    Files from before PyTorch 2.1 do not record their byte order; they are little-endian.
    """
    name = f"{prefix}/byteorder"
    if name in archive.namelist() and archive.getinfo(name).file_size < 64:
        order = archive.read(name).decode("ascii", "replace")
        if order != "little" or sys.byteorder != "little":
            raise _refused(path, Message("it is {order}-endian", order=order))


def _damaged(error: Exception) -> Message:
    return Message("it is damaged ({detail})", detail=str(error).rstrip("."))


def _refused(path: Path, why: Message) -> WeightsError:
    return WeightsError(
        "Dioptre cannot read {file} as a PyTorch checkpoint: {why}.",
        hint="Download the file again from its publisher and compare its SHA-256.",
        file=path.name,
        why=why,
    )


class _NotAllowed(Exception):  # noqa: N818  (the name is clear without "Error")
    """The pickle contains an instruction or a name that checkpoints do not need."""


@dataclass
class _Machine:
    """A pickle machine limited to the instructions that a checkpoint of tensors, numbers and strings needs."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def run(self, content: bytes) -> Any:
        """Return the object that the pickle describes.

        Raises:
            _NotAllowed: an instruction or a name is outside the allow-list.
            Exception: the pickle is malformed; `read_torch` lists the possible types.
        """
        for opcode, argument, _position in pickletools.genops(content):
            name = opcode.name
            if name == "STOP":
                (value,) = self.stack
                return _plain(value)
            if name in _PUSHES_ARGUMENT:
                self.stack.append(argument)
            elif (step := _STEPS.get(name)) is not None:
                step(self, argument)
            else:
                raise _NotAllowed(f"instruction {name}")
        raise _NotAllowed("the structure ends early")

    def popped(self) -> list[Any]:
        """Remove the last mark and everything above it from the stack, and return the items above it."""
        at = len(self.stack) - 1
        while not isinstance(self.stack[at], _Mark):
            at -= 1
            if at < 0:
                raise _NotAllowed("a missing mark")
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items


def _push(make: Callable[[], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _argument: machine.stack.append(make())


def _global(machine: _Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    if (module, name) not in _NAMES:
        raise _NotAllowed(f"the name {module[:40]}.{name[:40]}")
    machine.stack.append(_Name(module, name))


def _reduce(machine: _Machine, _argument: Any) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    if not isinstance(function, _Name) or not isinstance(arguments, tuple):
        raise _NotAllowed("a call of something else")
    if function.name == "OrderedDict" and arguments == ():
        machine.stack.append({})
    elif function.name == "_rebuild_tensor_v2":
        machine.stack.append(_tensor(*arguments[:4]))
    elif function.name == "_rebuild_parameter" and arguments and isinstance(arguments[0], Tensor):
        machine.stack.append(arguments[0])
    else:
        raise _NotAllowed(f"a call of {function.name}")


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    if not isinstance(storage, _Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise _NotAllowed("a tensor without storage")
    numbers = (offset, *shape, *strides)
    if not all(type(number) is int and number >= 0 for number in numbers) or len(shape) != len(strides):
        raise _NotAllowed("a tensor of impossible shape")
    if len(shape) > MAX_DIMENSIONS:
        raise _NotAllowed(f"a tensor of {len(shape)} dimensions")
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if 0 not in shape and (last >= storage.values or math.prod(shape) > storage.values):
        raise _NotAllowed("a tensor larger than its storage")
    return Tensor(
        storage=storage.key, dtype=storage.dtype, values=storage.values, offset=offset, shape=shape, strides=strides
    )


def _persistent(machine: _Machine, _argument: Any) -> None:
    """Replace the tuple ("storage", type, key, device, number of values) on the stack with a `_Storage`."""
    match machine.stack.pop():
        case ("storage", _Name(module="torch", name=kind), str(key), str(_), int(values)) if (
            kind in _DTYPES and key.isascii() and key.isdecimal() and values >= 0
        ):
            machine.stack.append(_Storage(key=key, dtype=_DTYPES[kind], values=values))
        case _:
            raise _NotAllowed("an unknown storage")


def _set_item(machine: _Machine, _argument: Any) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _update(machine, [key, value])


def _set_items(machine: _Machine, _argument: Any) -> None:
    _update(machine, machine.popped())


def _update(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, dict) or len(items) % 2:
        raise _NotAllowed("items of something else")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, (str, int)):
            raise _NotAllowed("a key that is not text")
        target[key] = value


def _append(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, list):
        raise _NotAllowed("items of something else")
    target.extend(items)


def _build(machine: _Machine, _argument: Any) -> None:
    """Drop the state of an OrderedDict: it holds the module's version numbers, which are not needed."""
    state = machine.stack.pop()
    if not isinstance(state, dict) or not isinstance(machine.stack[-1], dict):
        raise _NotAllowed("a state of something else")


def _tuple(length: int) -> Callable[[_Machine, Any], None]:
    def step(machine: _Machine, _argument: Any) -> None:
        if len(machine.stack) < length:
            raise _NotAllowed("too short a stack")
        items = tuple(machine.stack[len(machine.stack) - length :])
        del machine.stack[len(machine.stack) - length :]
        machine.stack.append(items)

    return step


def _put(machine: _Machine, argument: int) -> None:
    machine.memo[argument] = machine.stack[-1]


_PUSHES_ARGUMENT = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"),
}
_STEPS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, argument: None,
    "FRAME": lambda machine, argument: None,
    "MARK": _push(_Mark),
    "NONE": _push(lambda: None),
    "NEWTRUE": _push(lambda: True),
    "NEWFALSE": _push(lambda: False),
    "EMPTY_DICT": _push(dict),
    "EMPTY_LIST": _push(list),
    "EMPTY_TUPLE": _push(tuple),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.popped())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": lambda machine, _: _put(machine, len(machine.memo)),
    "BINGET": lambda machine, argument: machine.stack.append(machine.memo[argument]),
    "LONG_BINGET": lambda machine, argument: machine.stack.append(machine.memo[argument]),
    "GLOBAL": _global,
    "REDUCE": _reduce,
    "BINPERSID": _persistent,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "APPEND": lambda machine, _: _append(machine, [machine.stack.pop()]),
    "APPENDS": lambda machine, _: _append(machine, machine.popped()),
    "BUILD": _build,
}


def _plain(value: Any) -> Any:
    """Return `value`; raise _NotAllowed if it holds anything but containers, numbers, strings and tensors."""
    waiting, seen = [value], set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, (dict, list, tuple)):
            if id(one) in seen:
                continue
            seen.add(id(one))
            waiting.extend(one.values() if isinstance(one, dict) else one)
        elif not (one is None or isinstance(one, (bool, int, float, str, Tensor))):
            raise _NotAllowed(f"a {type(one).__name__.lstrip('_').lower()} among the values")
    return value


def _values(archive: zipfile.ZipFile, name: str, tensor: Tensor, *, origin: str) -> np.ndarray:
    half = tensor.dtype == "bf16"
    dtype = np.dtype("<u2" if half else tensor.dtype).newbyteorder("<")
    try:
        info = archive.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != tensor.values * dtype.itemsize:
            raise ValueError(f"{name} has {info.file_size} bytes for {tensor.values} values")
        stored = np.frombuffer(archive.read(info), dtype)
    except (KeyError, ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise _refused(Path(origin), _damaged(error)) from error
    strides = tuple(stride * dtype.itemsize for stride in tensor.strides)
    view = np.lib.stride_tricks.as_strided(stored[tensor.offset :], tensor.shape, strides, writeable=False)
    if half:  # bfloat16 is the upper half of a float32
        return (np.ascontiguousarray(view).astype(np.uint32) << 16).view(np.float32)
    return np.ascontiguousarray(view, dtype=np.float32 if dtype.kind == "f" else dtype.newbyteorder("="))
