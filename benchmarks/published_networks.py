"""Run published networks in other runtimes: enlarging networks in ncnn and ONNX Runtime, depth in PyTorch.

ncnn runs the published files unchanged; ONNX Runtime runs a graph with the same weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from dioptre.models.package_files import Package

Run = Callable[[np.ndarray], np.ndarray]
"""Maps a picture (1, h, w, 3) in [0, 1] to the enlarged picture (1, H, W, 3), not clipped."""


def in_ncnn(model: str, packages: Path, *, threads: int | None = None) -> Run:
    """Return a function that runs a network in ncnn, with all computations in single precision.

    Args:
        model: Id of the enlarging network.
        packages: Folder with the published wheels.
        threads: Number of threads; None for ncnn's default.
    """
    import ncnn

    from dioptre.models.package_files import read_package

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


def in_onnx_runtime(model: str, packages: Path, *, threads: int | None = None) -> Run:
    """Return a function that runs SPAN in ONNX Runtime.

    Args:
        model: Id of the enlarging network.
        packages: Folder with the published wheels.
        threads: Number of threads; None for ONNX Runtime's default.

    Raises:
        SystemExit: The network is not SPAN, the only one that has a graph.
    """
    import onnxruntime

    from benchmarks.super_resolution_graph import onnx_graph
    from dioptre.models.package_files import read_package
    from dioptre.models.span.convert import upstream_weights

    if not model.startswith("span-x"):
        raise SystemExit("there is a graph for SPAN only")
    package = published(model)
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    weights = upstream_weights(read_package(packages / package.name, package))
    graph = onnx_graph(weights, int(model[-1]))
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def run(x: np.ndarray) -> np.ndarray:
        enlarged: np.ndarray = session.run(None, {"x": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0]
        return enlarged.transpose(0, 2, 3, 1)

    return run


def published(model: str) -> Package:
    """Return the description of the package that contains a network's original weights."""
    from dioptre.models.realesrgan_package import ANIMEVIDEO_PACKAGE, X4PLUS_PACKAGE
    from dioptre.models.span.convert import package

    if model.startswith("span-x"):
        return package(scale=int(model[-1]), channels=48)
    return {"realesr-animevideov3": ANIMEVIDEO_PACKAGE, "realesrgan-x4plus": X4PLUS_PACKAGE}[model]


def random_depth_anything() -> Any:
    """Return `transformers`' Depth Anything V2 Small with random weights, all of which influence the result."""
    import torch
    import transformers

    torch.manual_seed(0)
    backbone = transformers.Dinov2Config(
        hidden_size=384,
        num_attention_heads=6,
        image_size=518,
        patch_size=14,
        out_features=["stage3", "stage6", "stage9", "stage12"],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    sizes = {"neck_hidden_sizes": [48, 96, 192, 384], "fusion_hidden_size": 64}
    config = transformers.DepthAnythingConfig(backbone_config=backbone, reassemble_hidden_size=384, **sizes)
    model = transformers.DepthAnythingForDepthEstimation(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            deviation = 0.2 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
            centre = 1.0 if "norm" in name and name.endswith("weight") else 0.3 if "lambda" in name else 0.0
            parameter.copy_(centre + deviation * torch.randn_like(parameter))
        model.head.conv3.bias.fill_(2.0)  # Without this bias, the final ReLU would zero half of the output.
    return model
