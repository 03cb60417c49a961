"""Time networks in JAX and in other runtimes on the same weights and the same work, in one run.

    python -m benchmarks.network_speed [--networks depth span-x4 …] [--packages FOLDER] [--threads 1] [-o FILE]

frame.race explains how times are measured; ratios are relative to JAX. The depth network has random weights:
PyTorch draws them in the original network of `transformers`, JAX loads them through our converter, and ONNX Runtime
and OpenVINO run PyTorch's export. SPAN has the weights of the published packages in FOLDER, which ncnn runs
unchanged. Runtimes that are not installed are left out. Each result is first compared with the original's.
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

from benchmarks.frame import EXAMPLES, machine, publish, race, read, serve, table
from benchmarks.peers import in_ncnn, in_onnx_runtime, in_openvino, span_graph

ENGINES = ("jax", "onnxruntime", "openvino", "torch", "ncnn")
SIZES = {"depth": (2, 392, 518, 3), "span-x2": (1, 256, 256, 3), "span-x4": (1, 256, 256, 3)}
AGREEMENT = 1e-3  # largest difference from the original, as a fraction of the range of the output
Run = Callable[[Any], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["depth"], choices=list(SIZES))
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--packages", type=Path, default=Path(), help="folder with SPAN's published wheels")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--serve", metavar="ENGINE", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    if options.serve:
        serve_one(options.serve, options.networks[0], options)
        return
    rows = []
    for network in options.networks:
        words = ["-m", "benchmarks.network_speed", "--networks", network, "--packages", str(options.packages)]
        words += ["--threads", str(options.threads), "--serve"]
        engines = race(options.engines, words, threads=options.threads, rounds=options.rounds)
        rows += [{"network": network, **row} for row in engines]
    print(table(rows))
    publish({"machine": machine(), "threads": options.threads, "rows": rows}, options.output)


def serve_one(engine: str, network: str, options: argparse.Namespace) -> None:
    """Build a network in one engine, compare its output with the original's, then time it on request."""
    from dioptre import runtime

    runtime.prepare()
    import numpy as np

    shape = SIZES[network]
    if network == "depth":
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        engines, original = depth_engines(x, options.threads), "torch"
    else:
        x = np.ascontiguousarray(read(EXAMPLES / "coffee.jpg")[None, 60 : 60 + shape[1], 150 : 150 + shape[2]])
        engines, original = span_engines(network, options.packages, options.threads), "ncnn"
    run, expected = engines[engine](), engines[original]()(x)
    for _ in range(2):
        made = np.asarray(run(x))  # the first runs compile
    if np.abs(made - expected).max() > AGREEMENT * np.ptp(expected):
        raise SystemExit(f"{engine} does not agree with {original}")
    serve(lambda: np.asarray(run(x)))


def depth_engines(x: Any, threads: int) -> dict[str, Callable[[], Run]]:
    """Return functions that build Depth Anything V2 Small, which map (n, h, w, 3) to (n, h, w)."""
    import torch

    from tests.reference.original_depth_anything import random_depth_anything

    torch.set_num_threads(threads)
    model = random_depth_anything()

    def in_torch() -> Run:
        def run(x: Any) -> Any:
            with torch.inference_mode():
                return model(torch.from_numpy(x).permute(0, 3, 1, 2)).predicted_depth.numpy()

        return run

    def in_jax() -> Run:
        from dioptre.checkpoints.blueprint import fill
        from dioptre.models.depth_anything_v2 import DepthAnythingConfig
        from dioptre.models.depth_anything_v2.convert import convert
        from dioptre.models.depth_anything_v2.module import DepthAnything
        from dioptre.models.loaded import Loaded
        from dioptre.models.registry import ENTRIES

        config = DepthAnythingConfig()
        arrays = convert({name: value.numpy() for name, value in model.state_dict().items()})
        module = fill(lambda rngs: DepthAnything(config, rngs=rngs), arrays, origin="the benchmark")
        return Loaded.of(module, entry=ENTRIES["depth-anything-v2-small"], config=config)

    def graph() -> bytes:
        planes = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = Path(folder) / "depth.onnx"
            names = {"input_names": ["x"], "output_names": ["depth"]}
            torch.onnx.export(model, (planes,), str(file), dynamo=False, opset_version=17, **names)
            return file.read_bytes()

    def planar(run: Run) -> Run:
        return lambda x: run(x.transpose(0, 3, 1, 2))

    return {
        "torch": in_torch,
        "jax": in_jax,
        "onnxruntime": lambda: planar(in_onnx_runtime(graph(), threads)),
        "openvino": lambda: planar(in_openvino(graph(), threads)),
    }


def span_engines(network: str, packages: Path, threads: int) -> dict[str, Callable[[], Run]]:
    """Return functions that build SPAN, which map (1, h, w, 3) to (1, H, W, 3)."""
    from dioptre.models.loading import load_model

    def in_jax() -> Run:
        return load_model(network)

    def planar(run: Run) -> Run:
        return lambda x: run(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)

    return {
        "ncnn": partial(in_ncnn, network, packages, threads=threads),
        "jax": in_jax,
        "onnxruntime": lambda: planar(in_onnx_runtime(span_graph(network, packages), threads)),
        "openvino": lambda: planar(in_openvino(span_graph(network, packages), threads)),
    }


if __name__ == "__main__":
    main()
