"""Build an ONNX graph from SPAN's original weights, for runtimes that read ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np


def onnx_graph(weights: dict[str, np.ndarray], scale: int) -> bytes:
    """Return the serialized graph.

    Args:
        weights: The original arrays by name.
        scale: Factor of the enlargement.

    Returns:
        The graph of one input x (n, 3, h, w), RGB in [0, 1], and one output with sides `scale` times as long.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, count = [], [], 0

    def constant(name: str, values: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def node(kind: str, *inputs: str, **attributes: Any) -> str:
        nonlocal count
        count += 1
        nodes.append(helper.make_node(kind, list(inputs), [f"t{count}"], **attributes))
        return f"t{count}"

    def conv(name: str, x: str) -> str:
        kernel = weights[f"{name}.weight"]
        side = kernel.shape[2] // 2
        return node(
            "Conv",
            x,
            constant(f"{name}.w", kernel),
            constant(f"{name}.b", weights[f"{name}.bias"]),
            pads=[side] * 4,
        )

    def silu(x: str) -> str:
        return node("Mul", x, node("Sigmoid", x))

    centred = node("Sub", "x", constant("mean", weights["mean"].reshape(1, 3, 1, 1)))
    entered = conv("conv_1.eval_conv", node("Mul", centred, constant("range", np.array(255.0))))
    features, first, inner = entered, entered, entered
    half = constant("half", np.array(0.5))
    for block in range(1, 7):
        inner = silu(conv(f"block_{block}.c1_r.eval_conv", features))
        last = conv(f"block_{block}.c3_r.eval_conv", silu(conv(f"block_{block}.c2_r.eval_conv", inner)))
        features = node("Mul", node("Add", last, features), node("Sub", node("Sigmoid", last), half))
        first = features if block == 1 else first
    fused = conv("conv_cat", node("Concat", entered, conv("conv_2.eval_conv", features), first, inner, axis=1))
    node("DepthToSpace", conv("upsampler.0", fused), blocksize=scale, mode="CRD")
    shape = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        nodes,
        "span",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"t{count}", TensorProto.FLOAT, ["n", 3, "H", "W"])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
