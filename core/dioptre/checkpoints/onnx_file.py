"""Read the arrays and the order of operations of an ONNX file, without its runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_FIELD = descriptor_pb2.FieldDescriptorProto
# The fields that are read, as in onnx.proto: number, name, type (another message's name, or protobuf's), repeated.
_MESSAGES: Mapping[str, tuple[tuple[int, str, Any, bool], ...]] = {
    "TensorProto": (
        (1, "dims", _FIELD.TYPE_INT64, True),
        (2, "data_type", _FIELD.TYPE_INT32, False),
        (8, "name", _FIELD.TYPE_STRING, False),
        (9, "raw_data", _FIELD.TYPE_BYTES, False),
    ),
    "NodeProto": (
        (1, "input", _FIELD.TYPE_STRING, True),
        (2, "output", _FIELD.TYPE_STRING, True),
        (4, "op_type", _FIELD.TYPE_STRING, False),
    ),
    "GraphProto": ((1, "node", "NodeProto", True), (5, "initializer", "TensorProto", True)),
    "ModelProto": ((7, "graph", "GraphProto", False),),
}
_TYPES = {1: "<f4", 10: "<f2"}


@dataclass(frozen=True)
class OnnxFile:
    """The graph in an ONNX file."""

    graph: Any

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The floating-point constants by name, as float32."""
        return {
            each.name: np.frombuffer(each.raw_data, _TYPES[each.data_type]).reshape(each.dims).astype(np.float32)
            for each in self.graph.initializer
            if each.data_type in _TYPES
        }

    def convolutions(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield kernel (O, I, kh, kw) and bias of each convolution in the order of execution, norms folded in."""
        norms = {node.input[0]: node.input[1:] for node in self.graph.node if node.op_type == "BatchNormalization"}
        for node in self.graph.node:
            if node.op_type != "Conv":
                continue
            kernel, *more = (self.arrays[name] for name in node.input[1:])
            bias = more[0] if more else np.zeros(len(kernel), np.float32)
            if node.output[0] in norms:
                scale, shift, mean, variance = (self.arrays[name] for name in norms[node.output[0]])
                factor = scale / np.sqrt(variance + np.float32(1e-5))
                kernel, bias = kernel * factor[:, None, None, None], shift + (bias - mean) * factor
            yield kernel, bias


def read_onnx(content: bytes) -> OnnxFile:
    """Return the graph in the content of an ONNX file; raise ValueError if it is none."""
    model = onnx_model()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise ValueError("it is no ONNX file") from error
    return OnnxFile(model.graph)


def onnx_model() -> Any:
    """Return an empty message of ONNX's type `ModelProto`, with the fields that are read."""
    file = descriptor_pb2.FileDescriptorProto(name="onnx.proto", package="onnx", syntax="proto2")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for number, name, kind, repeated in fields:
            of = {"type_name": kind, "type": _FIELD.TYPE_MESSAGE} if kind in _MESSAGES else {"type": kind}
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            described.field.add(name=name, number=number, label=label, **of)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("onnx.ModelProto"))()
