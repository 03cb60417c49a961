"""Time super-resolution in several runtimes on the same weights, in one run.

    python -m benchmarks.super_resolution_speed --packages FOLDER [--models span-x4 …] [--threads 1] [-o FILE]

race.py explains how times are measured; ratios are relative to ncnn. FOLDER contains the published packages, which
ncnn runs unchanged; OpenVINO and ONNX Runtime run graphs with the same weights.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.published_networks import in_ncnn, in_onnx_runtime
from benchmarks.race import race, report, serve, told

ENGINES = ("ncnn", "jax", "openvino-f32", "openvino-bf16", "onnxruntime")
REFERENCE = ENGINES[0]
MODELS = ("span-x4", "span-x2", "realesr-animevideov3", "realesrgan-x4plus")
# Side of a tile; small, because even a 64-pixel tile of this network costs 147 GFLOP.
TILE_PX = {"realesrgan-x4plus": 64}
WHOLE_PX = (1224, 1632)  # Height and width of the picture: 2 megapixels.
EXAMPLE = Path(__file__).parents[1] / "examples" / "coffee.jpg"
Run = Callable[..., Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True, help="folder with the published wheels")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--whole", action="store_true", help="2 to 32 megapixels instead of one tile")
    parser.add_argument("--serve", metavar="ENGINE", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_one(arguments)
        return
    rows = []
    for model in arguments.models:
        pixels = WHOLE_PX if arguments.whole else [TILE_PX.get(model, 256)] * 2
        for row in race(
            arguments.engines,
            partial(command, model, arguments),
            threads=arguments.threads,
            rounds=arguments.rounds,
            reference=REFERENCE,
        ):
            rows.append({"model": model, "pixels": pixels, **row})
            print(told(row, model, REFERENCE), flush=True)
    if arguments.output:
        arguments.output.write_text(report(rows, threads=arguments.threads), encoding="utf-8")


def command(model: str, arguments: argparse.Namespace, engine: str) -> list[str]:
    """Return the arguments with which Python starts a process that serves one engine to `race`."""
    words = ["-m", "benchmarks.super_resolution_speed", "--packages", str(arguments.packages), "--models", model]
    return [
        *words,
        "--threads",
        str(arguments.threads),
        "--serve",
        engine,
        *(["--whole"] if arguments.whole else []),
    ]


def serve_one(arguments: argparse.Namespace) -> None:
    """Build one engine, then time it on request."""
    from dioptre import runtime

    runtime.prepare()  # Must run before JAX is imported.
    import numpy as np
    from PIL import Image

    from dioptre.imaging.resize import resize
    from dioptre.models.loading import load_model
    from dioptre.pipelines import tiled

    (model,) = arguments.models
    run = ENGINE[arguments.serve](model, arguments)
    with Image.open(EXAMPLE) as image:
        photo = np.asarray(image.convert("RGB"), np.float32) / 255
    if arguments.whole:
        photo = np.clip(resize(photo, WHOLE_PX, method="bicubic"), 0, 1)
        known = load_model(model)

        class Network(SimpleNamespace):
            def __call__(self, x: np.ndarray, *inside: np.ndarray) -> np.ndarray:
                return np.asarray(run(x))

        network: Any = Network(config=known.config, entry=known.entry)

        def work() -> None:
            tiled.enlarge_tiled(network, photo, tile_px=256)
    else:
        side = TILE_PX.get(model, 256)
        x = np.ascontiguousarray(photo[None, 60 : 60 + side, 150 : 150 + side])

        def work() -> None:
            np.asarray(run(x))

    tile = np.ascontiguousarray(photo[None, :256, :256]) if arguments.whole else x
    for _ in range(2):
        np.asarray(run(tile))  # The first runs compile and warm up.
    serve(work)


def jax_engine(model: str, arguments: argparse.Namespace) -> Run:
    """Return a function that runs the network in JAX."""
    from dioptre.models.loading import load_model

    network = load_model(model)
    return lambda x: network.forward(network.state, x)


def openvino_engine(precision: str) -> Callable[[str, argparse.Namespace], Run]:
    """Return a factory of functions that run the network in OpenVINO at this precision."""

    def make(model: str, arguments: argparse.Namespace) -> Run:
        from dioptre.models.acceleration import OpenVino
        from dioptre.models.loading import load_model

        return OpenVino(load_model(model), precision=precision)

    return make


def published_engine(make: Callable[..., Run]) -> Callable[[str, argparse.Namespace], Run]:
    """Adapt a factory from `published_networks` to this script's arguments."""
    return lambda model, arguments: make(model, arguments.packages, threads=arguments.threads)


ENGINE: dict[str, Callable[[str, argparse.Namespace], Run]] = {
    "jax": jax_engine,
    "openvino-f32": openvino_engine("f32"),
    "openvino-bf16": openvino_engine("bf16"),
    "ncnn": published_engine(in_ncnn),
    "onnxruntime": published_engine(in_onnx_runtime),
}

if __name__ == "__main__":
    main()
