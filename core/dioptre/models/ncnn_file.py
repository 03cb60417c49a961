"""Read the weights of a network stored for the ncnn runtime: a text `.param` and a binary `.bin`.

Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

_TEXT_MAGIC = "7767517"
_FLOAT16_TAG = 0x01306B47
_WITHOUT_WEIGHTS = frozenset(
    (
        "Input",
        "Split",
        "BinaryOp",
        "UnaryOp",
        "Swish",
        "Sigmoid",
        "ReLU",
        "Concat",
        "PixelShuffle",
        "Interp",
        "Eltwise",
    )
)


@dataclass(frozen=True, kw_only=True)
class NcnnLayer:
    """A layer with weights.

    Attributes:
        kind: type of the layer in ncnn.
        name: name of the layer.
        arrays: float32 arrays by name. A convolution has "weight" (O, I, kh, kw) and "bias" (O,), a PReLU "weight"
            (C,), a constant "data".
    """

    kind: str
    name: str
    arrays: dict[str, np.ndarray]


def read_ncnn(param: bytes, binary: bytes) -> list[NcnnLayer]:
    """Read all layers that have weights, in file order.

    Args:
        param: content of the `.param` file.
        binary: content of the `.bin` file.

    Raises:
        ValueError: a layer's type is unknown, or bytes are left over.
    """
    reader = _BinaryReader(binary)
    layers = []
    for kind, name, p in _parse(param.decode("utf-8")):
        arrays = {}
        if kind == "Convolution":
            outputs, width = int(p[0]), int(p[1])
            height, count = int(p.get(11, width)), int(p[6])
            weight = reader.tagged(count)
            arrays["weight"] = weight.reshape(outputs, count // (outputs * height * width), height, width)
            if p.get(5):
                arrays["bias"] = reader.float32(outputs)
        elif kind == "PReLU":
            arrays["weight"] = reader.float32(int(p[0]))
        elif kind == "MemoryData":
            shape = [int(p[i]) for i in (2, 1, 0) if p.get(i)]
            arrays["data"] = reader.float32(int(np.prod(shape))).reshape(shape)
        elif kind in _WITHOUT_WEIGHTS:
            continue
        else:
            raise ValueError(f"ncnn layer {name!r} is of type {kind!r}, whose weights are unknown here")
        layers.append(NcnnLayer(kind=kind, name=name, arrays=arrays))
    reader.finish()
    return layers


def _parse(text: str) -> list[tuple[str, str, dict[int, float]]]:
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if lines[0] != [_TEXT_MAGIC]:
        raise ValueError("this is not a text ncnn .param file")
    layers = []
    for words in lines[2:]:
        parameters = {}
        for assignment in words[4 + int(words[2]) + int(words[3]) :]:
            key, value = assignment.split("=", 1)
            if int(key) >= 0:  # negative keys hold array parameters, which are not needed
                parameters[int(key)] = float(value)
        layers.append((words[0], words[1], parameters))
    if len(layers) != int(lines[1][0]):
        raise ValueError(f"{len(layers)} layers in an ncnn .param file that announces {lines[1][0]}")
    return layers


class _BinaryReader:
    """Sequential reader of raw float32 arrays and of arrays preceded by a storage tag."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def float32(self, count: int) -> np.ndarray:
        values = np.frombuffer(self._data, "<f4", count, self._position)
        self._position += 4 * count
        return values

    def tagged(self, count: int) -> np.ndarray:
        (tag,) = struct.unpack_from("<I", self._data, self._position)
        self._position += 4
        if tag == 0:
            return self.float32(count)
        if tag == _FLOAT16_TAG:
            values = np.frombuffer(self._data, "<f2", count, self._position).astype(np.float32)
            self._position += (2 * count + 3) // 4 * 4  # the data is padded to a multiple of 4 bytes
            return values
        raise ValueError(f"unsupported ncnn storage tag {tag:#010x}")

    def finish(self) -> None:
        if self._position != len(self._data):
            raise ValueError(f"{len(self._data) - self._position} bytes of the ncnn .bin file are left over")
