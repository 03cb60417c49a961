"""Build the depth network as an OpenVINO graph with the same weights.

Constants are folded beforehand: the norms' scales and biases, the scale of the attention and the LayerScales are
multiplied into the adjacent matrices, and the positions are resized to the grid. The head works on (n, c, h, w),
which is the preferred layout of OpenVINO.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import openvino
from jaxtyping import Float32
from openvino import opset13 as ops

from .module import DepthAnything, Fusion, Head, Residual
from .resampling import resize_cubic


def build(network: DepthAnything, example: Float32[np.ndarray, "n H W 3"]) -> openvino.Model:
    """Build the graph for pictures of the example's shape.

    Its input (n, H, W, 3) and output (n, H, W) are the same as the network's.
    """
    parameter = ops.parameter(example.shape, np.float32)
    features, grid = _backbone(network.backbone, parameter, example.shape)
    made = _head(network.head, features, grid, (example.shape[1], example.shape[2]))
    model = openvino.Model([made], [parameter], "depth")
    model.validate_nodes_and_infer_types()
    return model


def _array(value: Any) -> np.ndarray:
    return np.asarray(value[...], np.float32)


def _backbone(backbone: Any, x: Any, shape: tuple[int, ...]) -> tuple[list[Any], tuple[int, int]]:
    """Return the normalised patch tokens (n, t, c) of the tapped blocks, and the grid of patches."""
    config = backbone.config
    n, side = shape[0], config.patch_px
    rows, columns = shape[1] // side, shape[2] // side
    positions = _array(backbone.positions).reshape(config.grid, config.grid, -1)
    if (rows, columns) != (config.grid, config.grid):
        positions = np.asarray(resize_cubic(jnp.asarray(positions), (rows, columns), offset=config.position_offset))
    patches = _reshaped(x, (n, rows, side, columns, side, 3))
    patches = _reshaped(_transposed(patches, (0, 1, 3, 2, 4, 5)), (n, rows * columns, 3 * side**2))
    bias = _array(backbone.patch.bias) + positions.reshape(rows * columns, -1)
    first = _array(backbone.class_token) + _array(backbone.class_position)
    first = np.broadcast_to(first, (n, 1, config.width))
    tokens = ops.concat([ops.constant(first), _linear(patches, _array(backbone.patch.kernel), bias)], 1)
    stacked = backbone.blocks
    taps = []
    for number in range(config.blocks):
        tokens = _block(stacked, number, tokens, (n, rows * columns + 1, config.width), config)
        if number in config.taps:
            scale, bias = _array(backbone.norm.scale), _array(backbone.norm.bias)
            kept = ops.slice(tokens, [1], [rows * columns + 1], [1], [1])
            taps.append(_added(ops.multiply(_normed(kept, config.last_epsilon), ops.constant(scale)), bias))
    return taps, (rows, columns)


def _block(stacked: Any, number: int, tokens: Any, shape: tuple[int, int, int], config: Any) -> Any:
    def of(value: Any) -> np.ndarray:
        return np.asarray(_array(value)[number])

    def behind_norm(norm: Any, linear: Any) -> tuple[np.ndarray, np.ndarray]:
        kernel = of(linear.kernel)
        return of(norm.scale)[:, None] * kernel, of(norm.bias) @ kernel + of(linear.bias)

    n, count, width = shape
    heads = config.heads
    each = width // heads
    kernel, bias = behind_norm(stacked.norm1, stacked.attention.qkv)
    kernel, bias = kernel.copy(), bias.copy()
    kernel[:, :width] *= each**-0.5
    bias[:width] *= each**-0.5
    joined = _reshaped(_linear(_normed(tokens, config.epsilon), kernel, bias), (n, count, 3, heads, each))
    split = ops.split(_transposed(joined, (2, 0, 3, 1, 4)), 0, 3)
    query, key, value = (_reshaped(split.output(part), (n, heads, count, each)) for part in range(3))
    weights = ops.softmax(ops.matmul(query, key, False, True), 3)
    seen = _reshaped(_transposed(ops.matmul(weights, value, False, False), (0, 2, 1, 3)), shape)
    scale, out = of(stacked.scale1), stacked.attention.out
    tokens = ops.add(tokens, _linear(seen, of(out.kernel) * scale, of(out.bias) * scale))
    kernel, bias = behind_norm(stacked.norm2, stacked.enter)
    hidden = ops.gelu(_linear(_normed(tokens, config.epsilon), kernel, bias), "ERF")
    scale = of(stacked.scale2)
    return ops.add(tokens, _linear(hidden, of(stacked.leave.kernel) * scale, of(stacked.leave.bias) * scale))


def _head(head: Head, features: list[Any], grid: tuple[int, int], size: tuple[int, int]) -> Any:
    planes = []
    for project, feature in zip(head.projects, features, strict=True):
        made = _linear(feature, _array(project.kernel), _array(project.bias))
        planes.append(_to_planes(made, grid))
    planes[0] = _spread(head.spread4, planes[0], 4)
    planes[1] = _spread(head.spread2, planes[1], 2)
    planes[3] = _conv(head.halve, planes[3], stride=2)
    planes = [_conv(enter, stage) for enter, stage in zip(head.enters, planes, strict=True)]
    sizes = [tuple(stage.get_output_shape(0))[2:] for stage in planes]
    sizes = [(2 * sizes[0][0], 2 * sizes[0][1]), *sizes[:3]]
    y = None
    for stage in (3, 2, 1, 0):
        y = _fusion(head.fusions[stage], planes[stage], y, sizes[stage])
    y = _resized(_conv(head.out1, y), size)
    y = ops.relu(_conv(head.out2, y))
    last = _array(head.out3.kernel).T[:, :, None, None]
    y = _added(ops.convolution(y, ops.constant(last), [1, 1], [0, 0], [0, 0], [1, 1]), _array(head.out3.bias))
    y = ops.relu(y) if head.config.positive else y
    return ops.squeeze(y, np.array([1]))


def _fusion(fusion: Fusion, x: Any, coarser: Any, size: tuple[int, int]) -> Any:
    if fusion.skip is not None and coarser is not None:
        x = ops.add(_residual(fusion.skip, x), coarser)
    x = _residual(fusion.residual, x)
    kernel = _array(fusion.out.kernel).T[:, :, None, None]
    x = ops.convolution(x, ops.constant(kernel), [1, 1], [0, 0], [0, 0], [1, 1])
    return _resized(_added(x, _array(fusion.out.bias)[:, None, None]), size)


def _residual(residual: Residual, x: Any) -> Any:
    return ops.add(x, _conv(residual.second, ops.relu(_conv(residual.first, ops.relu(x)))))


def _conv(conv: Any, x: Any, *, stride: int = 1) -> Any:
    kernel = ops.constant(np.ascontiguousarray(_array(conv.kernel).transpose(3, 2, 0, 1)))
    made = ops.convolution(x, kernel, [stride, stride], [1, 1], [1, 1], [1, 1])
    return made if conv.bias is None else _added(made, _array(conv.bias)[:, None, None])


def _spread(spread: Any, x: Any, factor: int) -> Any:
    kernel = ops.constant(np.ascontiguousarray(_array(spread.kernel).transpose(2, 3, 0, 1)))
    return _added(ops.convolution_backprop_data(x, kernel, [factor, factor]), _array(spread.bias)[:, None, None])


def _resized(x: Any, size: tuple[int, int]) -> Any:
    if tuple(x.get_output_shape(0))[2:] == tuple(size):
        return x
    return ops.interpolate(
        x,
        np.array(size, np.int64),
        "linear_onnx",
        "sizes",
        axes=np.array([2, 3]),
        coordinate_transformation_mode="align_corners",
    )


def _normed(x: Any, epsilon: float) -> Any:
    return ops.mvn(x, np.array([-1]), True, epsilon, "inside_sqrt")


def _linear(x: Any, kernel: np.ndarray, bias: np.ndarray) -> Any:
    return _added(ops.matmul(x, ops.constant(np.ascontiguousarray(kernel)), False, False), bias)


def _added(x: Any, bias: np.ndarray) -> Any:
    return ops.add(x, ops.constant(np.ascontiguousarray(bias)))


def _to_planes(x: Any, grid: tuple[int, int]) -> Any:
    n, _, channels = x.get_output_shape(0)
    return _transposed(_reshaped(x, (n, *grid, channels)), (0, 3, 1, 2))


def _reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    return ops.reshape(x, np.array(shape), False)


def _transposed(x: Any, order: tuple[int, ...]) -> Any:
    return ops.transpose(x, np.array(order))
