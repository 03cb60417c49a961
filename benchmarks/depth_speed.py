"""Time the depth network in several runtimes with the same weights, in one run.

    python -m benchmarks.depth_speed [--sizes 1x518x518 2x392x518] [--threads 1] [-o FILE]

race.py explains how times are measured; ratios are relative to OpenVINO in float32. The weights are random: PyTorch
draws them in the original network of `transformers`, JAX and OpenVINO load them through our converter, and ONNX
Runtime runs PyTorch's export. Before the timing, each engine's result is compared with PyTorch's. 1 x 518 x 518 is
the published network's own size; 2 x 392 x 518 is a photograph and its mirror image, as Dioptre processes them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.published_networks import random_depth_anything
from benchmarks.race import race, report, serve, told

ENGINES = ("openvino-f32", "jax", "onnxruntime", "torch", "openvino-bf16")
REFERENCE = ENGINES[0]
SIZES = ("1x518x518", "2x392x518")
AGREEMENT = 1e-4  # Largest difference from PyTorch, as a fraction of the output's range; not checked for bfloat16.

Run = Callable[[Any], Any]
"""Maps pictures (n, h, w, 3) to depth (n, h, w), as NumPy arrays."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), metavar="NxHxW")
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--serve", metavar="ENGINE", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_one(arguments.serve, arguments.sizes[0], arguments.threads)
        return
    rows = []
    for size in arguments.sizes:
        found = race(
            arguments.engines,
            partial(command, size, arguments.threads),
            threads=arguments.threads,
            rounds=arguments.rounds,
            reference=REFERENCE,
        )
        for row in found:
            rows.append({"size": size, **row})
            print(told(row, size, REFERENCE), flush=True)
    if arguments.output:
        arguments.output.write_text(report(rows, threads=arguments.threads), encoding="utf-8")


def command(size: str, threads: int, engine: str) -> list[str]:
    """Return the arguments with which Python starts a process that serves one engine to `race`."""
    return ["-m", "benchmarks.depth_speed", "--sizes", size, "--threads", str(threads), "--serve", engine]


def serve_one(engine: str, size: str, threads: int) -> None:
    """Build one engine, check its output against PyTorch's, then time it on request."""
    from dioptre import runtime

    runtime.prepare()  # Must run before JAX is imported.
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    n, height, width = map(int, size.split("x"))
    x = np.random.default_rng(0).normal(size=(n, height, width, 3)).astype(np.float32)
    model = random_depth_anything()
    expected = in_torch(model, x, threads)(x)
    run = MAKE[engine](model, x, threads)
    if engine != "torch":
        del model
    for _ in range(2):
        made = np.asarray(run(x))  # The first runs compile and warm up.
    if not engine.endswith("bf16"):
        assert np.abs(made - expected).max() < AGREEMENT * np.ptp(expected)
    serve(lambda: np.asarray(run(x)))


def ours(model: Any) -> Any:
    """Convert a PyTorch network to a loaded Dioptre network."""
    from dioptre.checkpoints.blueprint import fill
    from dioptre.models.depth_anything_v2.config import depth_anything_v2_small
    from dioptre.models.depth_anything_v2.convert import convert
    from dioptre.models.depth_anything_v2.module import DepthAnything
    from dioptre.models.loaded import Loaded
    from dioptre.models.registry import ENTRIES

    config = depth_anything_v2_small()
    arrays = convert({name: value.numpy() for name, value in model.state_dict().items()})
    network = fill(lambda rngs: DepthAnything(config, rngs=rngs), arrays, origin="the benchmark")
    return Loaded.of(network, entry=ENTRIES["depth-anything-v2-small"], config=config)


def in_jax(model: Any, x: Any, threads: int) -> Run:
    """Return a function that runs the network in JAX."""
    network = ours(model)
    return lambda x: network.forward(network.state, x)


def in_openvino(precision: str, model: Any, x: Any, threads: int) -> Run:
    """Return a function that runs the network in OpenVINO at this precision."""
    from dioptre.models.acceleration import OpenVino

    return OpenVino(ours(model), precision=precision)


def in_torch(model: Any, x: Any, threads: int) -> Run:
    """Return a function that runs the original network in PyTorch."""
    import torch

    def run(x: Any) -> Any:
        with torch.inference_mode():
            return model(torch.from_numpy(x).permute(0, 3, 1, 2)).predicted_depth.numpy()

    return run


def in_onnx_runtime(model: Any, x: Any, threads: int) -> Run:
    """Export the network to ONNX and return a function that runs it in ONNX Runtime."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    planes = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder) / "depth.onnx"
        names = {"input_names": ["x"], "output_names": ["depth"]}
        torch.onnx.export(model, (planes,), str(file), dynamo=False, opset_version=17, **names)
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x.transpose(0, 3, 1, 2)})[0]


MAKE: dict[str, Callable[[Any, Any, int], Run]] = {
    "jax": in_jax,
    "openvino-f32": partial(in_openvino, "f32"),
    "openvino-bf16": partial(in_openvino, "bf16"),
    "torch": in_torch,
    "onnxruntime": in_onnx_runtime,
}

if __name__ == "__main__":
    main()
