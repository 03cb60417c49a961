"""Reference: the port of IS-Net matches ONNX's own evaluation of the original's graph on random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flax import nnx

from dioptre.checkpoints.blueprint import fill
from dioptre.checkpoints.onnx_file import read_onnx
from dioptre.models.is_net import Channels, IsNetConfig
from dioptre.models.is_net.convert import values_of
from dioptre.models.is_net.module import IsNet

pytestmark = pytest.mark.reference

WIDE = IsNetConfig()
NARROW = IsNetConfig(
    encoder=tuple((max(inner // 8, 2), outer // 8) for inner, outer in WIDE.encoder),
    decoder=tuple((max(inner // 8, 2), outer // 8) for inner, outer in WIDE.decoder),
    stem=WIDE.stem // 8,
)
TOLERANCE = 2e-5  # as a fraction of the output's range; measured: 2e-6


class Graph:
    """A graph in ONNX, written after the code of IS-Net's authors."""

    def __init__(self, seed: int) -> None:
        self.helper = pytest.importorskip("onnx", reason="NOT CHECKED against ONNX: it is not installed").helper
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, values: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        kind = self.helper.np_dtype_to_tensor_dtype(values.dtype)
        self.constants.append(self.helper.make_tensor(name, kind, values.shape, values.tobytes(), raw=True))
        return name

    def conv(self, x: str, inputs: int, outputs: int, *, dilation: int = 1, stride: int = 1) -> str:
        scale = np.sqrt(2 / (9 * inputs))
        kernel = self.constant(self.rng.normal(0, scale, (outputs, inputs, 3, 3)).astype(np.float32))
        bias = self.constant(self.rng.normal(0, 0.1, outputs).astype(np.float32))
        how = {"pads": [dilation] * 4, "dilations": [dilation] * 2, "strides": [stride] * 2}
        return self.add("Conv", x, kernel, bias, kernel_shape=[3, 3], **how)

    def rebnconv(self, x: str, inputs: int, outputs: int, dilation: int = 1) -> str:
        return self.add("Relu", self.conv(x, inputs, outputs, dilation=dilation))

    def pool(self, x: str) -> str:
        return self.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def doubled(self, x: str) -> str:
        scales = self.constant(np.float32([1, 1, 2, 2]))
        how = {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}
        return self.add("Resize", x, "", scales, **how)

    def rsu(self, x: str, inputs: int, channels: Channels, depth: int) -> str:
        inner, outer = channels
        entered = self.rebnconv(x, inputs, outer)
        levels = [self.rebnconv(entered, outer, inner)]
        for _ in range(depth - 2):
            levels.append(self.rebnconv(self.pool(levels[-1]), inner, inner))
        level = self.rebnconv(levels[-1], inner, inner, 2)
        for i in reversed(range(depth - 1)):
            joint = self.add("Concat", level, levels[i], axis=1)
            level = self.rebnconv(joint, 2 * inner, inner if i else outer)
            level = self.doubled(level) if i else level
        return self.add("Add", level, entered)

    def rsu4f(self, x: str, inputs: int, channels: Channels) -> str:
        inner, outer = channels
        entered = self.rebnconv(x, inputs, outer)
        first = self.rebnconv(entered, outer, inner)
        second = self.rebnconv(first, inner, inner, 2)
        third = self.rebnconv(second, inner, inner, 4)
        level = self.rebnconv(third, inner, inner, 8)
        level = self.rebnconv(self.add("Concat", level, third, axis=1), 2 * inner, inner, 4)
        level = self.rebnconv(self.add("Concat", level, second, axis=1), 2 * inner, inner, 2)
        level = self.rebnconv(self.add("Concat", level, first, axis=1), 2 * inner, outer)
        return self.add("Add", level, entered)

    def whole(self, config: IsNetConfig) -> bytes:
        def stage(x: str, inputs: int, channels: Channels, level: int) -> str:
            return self.rsu(x, inputs, channels, 7 - level) if level < 4 else self.rsu4f(x, inputs, channels)

        level, width, skips = self.conv("x", 3, config.stem, stride=2), config.stem, []
        for i, channels in enumerate(config.encoder):
            level = stage(level if i == 0 else self.pool(level), width, channels, i)
            width = channels[1]
            skips.append((level, width))
        features = [skips[-1]]
        for i in reversed(range(5)):
            joint = self.add("Concat", self.doubled(level), skips[i][0], axis=1)
            level = stage(joint, width + skips[i][1], config.decoder[i], i)
            width = config.decoder[i][1]
            features.insert(0, (level, width))
        sides = [self.conv(feature, channels, 1) for feature, channels in features]
        result = self.add("Sigmoid", self.doubled(sides[0]))
        info = self.helper.make_tensor_value_info
        ends = info("x", 1, [1, 3, None, None]), info(result, 1, [1, 1, None, None])
        graph = self.helper.make_graph(self.nodes, "is-net", [ends[0]], [ends[1]], self.constants)
        model = self.helper.make_model(graph, opset_imports=[self.helper.make_opsetid("", 15)], ir_version=8)
        content: bytes = model.SerializeToString()
        return content


@pytest.mark.parametrize("size", [(64, 128), (128, 64)])
def test_output_equals_that_of_onnx(size: tuple[int, int]) -> None:
    reference = pytest.importorskip("onnx.reference", reason="NOT CHECKED against ONNX: it is not installed")
    content = Graph(5).whole(NARROW)
    session = reference.ReferenceEvaluator(content)
    picture = np.random.default_rng(7).uniform(-0.5, 0.5, (1, *size, 3)).astype(np.float32)
    (expected,) = session.run(None, {"x": picture.transpose(0, 3, 1, 2)})
    values = values_of(read_onnx(content))
    network = fill(lambda rngs: IsNet(NARROW, rngs=rngs), values, origin="test")
    found = np.asarray(nnx.jit(network)(picture))
    assert np.ptp(expected) > 0.1
    assert np.abs(found[..., 0] - expected[:, 0]).max() <= TOLERANCE * np.ptp(expected)
