"""Run networks in other runtimes: ncnn, ONNX Runtime and OpenVINO.

ncnn runs the published files unchanged; ONNX Runtime runs a graph with the same weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from dioptre.models.published import Package

Run = Callable[[np.ndarray], np.ndarray]
"""Maps the input of a network to its output."""


def in_ncnn(model: str, packages: Path, *, threads: int | None = None) -> Run:
    """Return a function that enlarges (1, h, w, 3) in [0, 1] with a published network in ncnn, in single precision.

    Args:
        model: Id of the enlarging network.
        packages: Folder with the published wheels.
        threads: Number of threads; None for ncnn's default.
    """
    import ncnn

    from dioptre.models.published import read_package

    package = published(model)
    net = ncnn.Net()
    if threads is not None:
        net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    files = read_package(packages / package.name, package)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("param", "bin"):
            (Path(folder) / f"net.{suffix}").write_bytes(files[suffix])
        net.load_param(str(Path(folder) / "net.param"))
        net.load_model(str(Path(folder) / "net.bin"))

    def run(x: np.ndarray) -> np.ndarray:
        # ncnn.Mat does not copy the array, so this variable must keep it alive.
        planes = np.ascontiguousarray(x[0].transpose(2, 0, 1))
        extractor = net.create_extractor()
        extractor.input(net.input_names()[0], ncnn.Mat(planes))
        return np.array(extractor.extract(net.output_names()[0])[1]).transpose(1, 2, 0)[None]

    return run


def span_graph(model: str, packages: Path) -> bytes:
    """Return SPAN's ONNX graph with the weights of its published package."""
    from dioptre.models.published import read_package
    from training.span.convert import upstream_weights

    package = published(model)
    return onnx_graph(upstream_weights(read_package(packages / package.name, package)), int(model[-1]))


def in_onnx_runtime(graph: bytes, threads: int | None = None) -> Run:
    """Return a function that runs an ONNX graph, which has one input and one output, in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def in_openvino(graph: bytes, threads: int) -> Run:
    """Return a function that runs an ONNX graph, which has one input and one output, in OpenVINO in float32."""
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(openvino.Core().read_model(graph), "CPU", settings)
    return lambda x: compiled(x)[0]


def published(model: str) -> Package:
    """Return the description of the package that contains a network's original weights."""
    from dioptre.models.published import Package
    from dioptre.models.registry import ENTRIES
    from training.span.convert import package

    found = package(scale=int(model[-1]), channels=48) if model.startswith("span-x") else ENTRIES[model].package
    assert isinstance(found, Package)
    return found


def onnx_graph(weights: dict[str, np.ndarray], scale: int) -> bytes:
    """Return the serialized graph.

    Args:
        weights: the original arrays by name.
        scale: factor of the enlargement.

    Returns:
        the graph of one input x (n, 3, h, w), RGB in [0, 1], and one output with sides `scale` times as long.
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
