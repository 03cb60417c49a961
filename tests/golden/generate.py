"""Write networks.json: the original runtimes' outputs for the synthetic picture. See README.md."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import ncnn
import numpy as np
import onnxruntime
from pattern import pattern

from dioptre.models.published import Package, read_package
from dioptre.models.registry import ENTRIES
from training.modnet import convert as modnet
from training.span import convert as span

PLACES = 64


def run_onnx(model: bytes, x: np.ndarray) -> np.ndarray:
    """Return the network's output for `x`; both have shape (channels, height, width)."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x[None]})[0][0]


def run_ncnn(files: dict[str, bytes], x: np.ndarray) -> np.ndarray:
    """Return the network's output for `x`; both have shape (channels, height, width)."""
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    with tempfile.TemporaryDirectory() as folder:
        param, binary = Path(folder) / "net.param", Path(folder) / "net.bin"
        param.write_bytes(files["param"])
        binary.write_bytes(files["bin"])
        net.load_param(str(param))
        net.load_model(str(binary))
        extractor = net.create_extractor()
        contiguous = np.ascontiguousarray(x)  # ncnn.Mat does not keep the array alive, so this variable does.
        extractor.input(net.input_names()[0], ncnn.Mat(contiguous))
        return np.array(extractor.extract(net.output_names()[0])[1])


def summary(output: np.ndarray, runtime: str, picture: str) -> dict[str, Any]:
    flat = output.ravel()
    places = np.unique(np.linspace(0, flat.size - 1, PLACES).astype(int))
    return {
        "runtime": runtime,
        "input": picture,
        "shape": list(output.shape),
        "mean": round(float(output.mean(dtype=np.float64)), 6),
        "std": round(float(output.std(dtype=np.float64)), 6),
        "min": round(float(output.min()), 6),
        "max": round(float(output.max()), 6),
        "at": {str(i): round(float(flat[i]), 6) for i in places},
    }


def from_ncnn(folder: Path, package: Package) -> dict[str, Any]:
    files = read_package(folder / package.name, package)
    output = run_ncnn(files, pattern(32, 48).transpose(2, 0, 1))
    return summary(output, f"ncnn {ncnn.__version__}, CPU, float32", "pattern(32, 48)")


def from_onnx(folder: Path, name: str, package: Package, size: tuple[int, int]) -> dict[str, Any]:
    prepared = ENTRIES[name].preprocessing
    x = (pattern(*size) - np.float32(prepared.mean)) / np.float32(prepared.deviation)
    output = run_onnx(read_package(folder / package.name, package)["onnx"], x.transpose(2, 0, 1))
    picture = f"(pattern({size[0]}, {size[1]}) - mean) / deviation"
    return summary(output, f"onnxruntime {onnxruntime.__version__}, CPU", picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", type=Path, help="folder that holds the packages")
    folder = parser.parse_args().packages
    networks = {
        "modnet": from_onnx(folder, "modnet", modnet.PACKAGE, (256, 320)),
    }
    for scale in (2, 4):
        for channels in (48, 52):
            networks[f"span-x{scale}-ch{channels}"] = from_ncnn(
                folder, span.package(scale=scale, channels=channels)
            )
    for name in ("realesr-animevideov3", "realesrgan-x4plus"):
        networks[name] = from_ncnn(folder, ENTRIES[name].package)
    path = Path(__file__).with_name("networks.json")
    path.write_text(json.dumps(networks, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
