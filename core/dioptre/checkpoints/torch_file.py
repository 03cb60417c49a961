"""Read a PyTorch checkpoint (`torch.save`, the zip format since 1.6) without PyTorch.

The structure of a checkpoint is a pickle, which can call any function when it is loaded. Here a restricted
`pickle.Unpickler` imports nothing, knows a few names, and rebuilds dictionaries, lists, numbers, strings and
descriptions of tensors. Before it starts, the instructions are compared with those that `torch.save` writes.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import struct
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dioptre_link.language import Message

from .card import WeightsError

MAX_STRUCTURE_BYTES = 16 << 20  # maximum size of the pickle; a network of 350 million values needs 100 kB
MAX_TUPLES = 10_000  # Python hashes nested tuples recursively, on the stack of C; 1,000 tensors need 4,000 tuples
MAX_DIMENSIONS = 8
_MOST = 1 << 40  # largest side, stride or offset; NumPy's own limits are not far above
_ZIP_DAMAGES = (OSError, KeyError, zipfile.BadZipFile, EOFError, RuntimeError, ValueError, struct.error)

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
_INSTRUCTIONS = {
    *("PROTO", "FRAME", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET"),
}


class Tensor(NamedTuple):
    """Location of a tensor's values in the archive; immutable, so that no instruction can change it later.

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
        total = sum(math.prod(tensor.shape) for tensor in tensors.values())
        if total > self.path.stat().st_size:  # tensors may share a storage, but not so often that they fill memory
            raise _refused(self.path, Message("it announces {count} values", count=total))
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
            content = _entry(archive, names[0].filename)
    except _ZIP_DAMAGES as error:
        raise _refused(path, _damaged(error)) from error
    try:
        _check_instructions(content)
        tree = _Unpickler(io.BytesIO(content)).load()
        _check_values(tree)
    # pickletools warns of unusual escapes; this matters only where warnings are turned into errors.
    except (
        *(pickle.UnpicklingError, struct.error, ValueError, LookupError, TypeError, AttributeError, EOFError),
        *(OverflowError, Warning),
    ) as error:
        why = Message("it contains something that Dioptre does not accept ({detail})", detail=error)
        raise _refused(path, why) from error
    return TorchFile(path=path, tree=tree, prefix=prefix)


def _check_byteorder(archive: zipfile.ZipFile, prefix: str, path: Path) -> None:
    """Refuse files that are not little-endian.

    Files from before PyTorch 2.1 do not record their byte order; they are little-endian.
    """
    name = f"{prefix}/byteorder"
    if name in archive.namelist() and archive.getinfo(name).file_size < 64:
        order = _entry(archive, name).decode("ascii", "replace")
        if order != "little" or sys.byteorder != "little":
            raise _refused(path, Message("it is {order}-endian", order=order))


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return an entry's bytes; raise ValueError for a compressed one, which PyTorch does not write."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    return archive.read(name)


def _damaged(error: Exception) -> Message:
    return Message("it is damaged ({detail})", detail=str(error).rstrip("."))


def _refused(path: Path, why: Message) -> WeightsError:
    return WeightsError(
        "Dioptre cannot read {file} as a PyTorch checkpoint: {why}.",
        hint="Download the file again from its publisher and compare its SHA-256.",
        file=path.name,
        why=why,
    )


def _check_instructions(content: bytes) -> None:
    """Refuse what a checkpoint does not need, and what makes the unpickler use up memory or the stack."""
    tuples = 0
    for opcode, argument, _position in pickletools.genops(content):
        if opcode.name not in _INSTRUCTIONS:
            raise pickle.UnpicklingError(f"instruction {opcode.name}")
        # The unpickler's list of objects would grow to this length.
        if opcode.name.endswith("BINPUT") and isinstance(argument, int) and argument > len(content):
            raise pickle.UnpicklingError(f"entry {argument}")
        tuples += opcode.name.startswith("TUPLE")
    if tuples > MAX_TUPLES:
        raise pickle.UnpicklingError(f"{tuples} tuples")


class _Dictionary(dict[Any, Any]):
    """An OrderedDict without its state, which holds the module's version numbers."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Drop the state."""


class _Rebuild:
    """The function `_rebuild_tensor_v2` or `_rebuild_parameter`. It has no attributes that a pickle could set."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> Tensor:
        match arguments:
            case (Tensor() as tensor, *_):
                return tensor
            case (_Storage() as storage, int(offset), tuple(shape), tuple(strides), *_):
                return _tensor(storage, offset, shape, strides)
            case _:
                raise pickle.UnpicklingError("a tensor without storage")


class _Storage(NamedTuple):
    key: str
    dtype: str
    values: int


class _Unpickler(pickle.Unpickler):  # noqa: S301  (it resolves an allow-list of names)
    """An unpickler that resolves the names of a checkpoint to the harmless objects above."""

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the stand-in of a name, which is not imported."""
        match module, name:
            case "collections", "OrderedDict":
                return _Dictionary
            case "torch._utils", "_rebuild_tensor_v2" | "_rebuild_parameter":
                return _Rebuild()
            case "torch", _ if name in _DTYPES:
                return _DTYPES[name]
            case _:
                raise pickle.UnpicklingError(f"the name {module[:40]}.{name[:40]}")

    def persistent_load(self, pid: Any, /) -> _Storage:
        """Return the storage that ("storage", type, key, device, number of values) describes."""
        match pid:
            case ("storage", str(dtype), str(key), str(_), int(values)) if (
                dtype in _DTYPES.values() and key.isascii() and key.isdecimal() and values >= 0
            ):
                return _Storage(key, dtype, values)
            case _:
                raise pickle.UnpicklingError("an unknown storage")


def _tensor(storage: _Storage, offset: int, shape: tuple[Any, ...], strides: tuple[Any, ...]) -> Tensor:
    numbers = (offset, *shape, *strides)
    if not all(type(number) is int and 0 <= number <= _MOST for number in numbers) or len(shape) != len(strides):
        raise pickle.UnpicklingError("a tensor of impossible shape")
    if len(shape) > MAX_DIMENSIONS:
        raise pickle.UnpicklingError(f"a tensor of {len(shape)} dimensions")
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if 0 not in shape and (last >= storage.values or math.prod(shape) > storage.values):
        raise pickle.UnpicklingError("a tensor larger than its storage")
    return Tensor(storage.key, storage.dtype, storage.values, offset, shape, strides)


def _check_values(tree: Any) -> None:
    """Refuse a tree that holds anything but containers with names, numbers, strings and tensors."""
    waiting, seen = [tree], set[int]()
    while waiting:
        value = waiting.pop()
        if value is None or isinstance(value, (bool, int, float, str, Tensor)) or id(value) in seen:
            continue
        seen.add(id(value))
        if type(value) in (dict, _Dictionary) and all(isinstance(key, (str, int)) for key in value):
            waiting.extend(value.values())
        elif type(value) in (list, tuple):
            waiting.extend(value)
        else:
            raise pickle.UnpicklingError(f"a {type(value).__name__.lstrip('_').lower()} among the values")


def _values(archive: zipfile.ZipFile, name: str, tensor: Tensor, *, origin: str) -> np.ndarray:
    half = tensor.dtype == "bf16"
    dtype = np.dtype("<u2" if half else tensor.dtype).newbyteorder("<")
    try:
        size = archive.getinfo(name).file_size
        if size != tensor.values * dtype.itemsize:
            raise ValueError(f"{name} has {size} bytes for {tensor.values} values")
        stored = np.frombuffer(_entry(archive, name), dtype)
        strides = tuple(stride * dtype.itemsize for stride in tensor.strides)
        view = np.lib.stride_tricks.as_strided(stored[tensor.offset :], tensor.shape, strides, writeable=False)
    except _ZIP_DAMAGES as error:
        raise _refused(Path(origin), _damaged(error)) from error
    if half:  # bfloat16 is the upper half of a float32
        return (np.ascontiguousarray(view).astype(np.uint32) << 16).view(np.float32)
    return np.ascontiguousarray(view, dtype=np.float32 if dtype.kind == "f" else dtype.newbyteorder("="))
