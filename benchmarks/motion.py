"""How near motion blur comes to the mean of the frames of a moving camera, on rendered scenes with exact depth.

    python -m benchmarks.motion [--scenes 3] [--sheet OUT.png] [--speed]

The scenes are those of `stereo.py`. The truth is the mean, in linear light, of 64 frames of a camera that moves
sideways, aimed at the background, at the middle of the depth or at the nearest object; every frame has one sample
a pixel, at another place in it. Each method gets the frame of the middle, rendered with nine samples a pixel. The
naive one averages each pixel along a line as long as its own streak. Scores are PSNR in dB and SSIM of the whole
picture.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.frame import psnr, ssim_map, table
from benchmarks.stereo import BUDGET_PX, WIDTH, Layer, layers_of, shown
from dioptre.features.depth import estimate_depth
from dioptre.features.film import Camera
from dioptre.features.motion_blur import motion_blur
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear

FRAMES = 64
_linear = cast("Callable[[np.ndarray], np.ndarray]", srgb_to_linear)
_encoded = cast("Callable[[np.ndarray], np.ndarray]", linear_to_srgb)
AIMS = (0.1, 0.5, 0.95)
GOLDEN = np.array([0.7548777, 0.5698403])  # of two dimensions: M. Roberts, "Quasirandom Sequences", 2018


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scenes", type=int, default=3)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--speed", action="store_true", help="time 12 megapixels instead")
    given = parser.parse_args()
    if given.speed:
        speed()
        return
    scores: dict[str, list[tuple[float, float]]] = {}
    rows = []
    for seed in range(given.scenes):
        layers = layers_of(np.random.default_rng(seed))
        middle, near, _, alpha, _ = shown(layers, Camera())
        aim = AIMS[seed % len(AIMS)]
        true = truth(layers, aim)
        estimated = estimate_depth(middle).disparity
        slope, offset = np.polyfit(estimated.ravel(), near.ravel(), 1)
        made = {
            "as it is": middle,
            "naive": naive(middle, near, aim),
            "ours": ours(middle, near, aim),
            "ours with the matte of the nearest": ours(middle, near, aim, alpha),
            "ours, estimated depth": ours(middle, (slope * estimated + offset).astype(np.float32), aim),
            "naive, estimated depth": naive(middle, (slope * estimated + offset).astype(np.float32), aim),
        }
        for name, picture in made.items():
            scores.setdefault(name, []).append((psnr(picture, true), float(ssim_map(picture, true).mean())))
        rows.append(np.concatenate([true, *list(made.values())[1:4]], axis=1))
    means = {name: np.mean(of, axis=0) for name, of in scores.items()}
    print(table([{"method": name, "psnr_db": f"{a:.2f}", "ssim": f"{b:.4f}"} for name, (a, b) in means.items()]))
    if given.sheet:
        Image.fromarray((np.concatenate(rows).clip(0, 1) * 255 + 0.5).astype(np.uint8)).save(given.sheet)


def truth(layers: list[Layer], aim: float) -> np.ndarray:
    total = np.zeros(1)
    for frame in range(FRAMES):
        offset = (GOLDEN * frame + 0.5) % 1 - 0.5
        shift = BUDGET_PX * ((frame + 0.5) / FRAMES - 0.5)
        camera, across = Camera(right=-shift / WIDTH), float(offset[0]) + shift * aim
        picture = shown(layers, camera, side=1, offset=(across, float(offset[1])))[0]
        total = total + np.asarray(_linear(picture), np.float64)
    return np.asarray(_encoded((total / FRAMES).astype(np.float32)))


def naive(picture: np.ndarray, near: np.ndarray, aim: float) -> np.ndarray:
    light = np.asarray(_linear(picture))
    y, x = np.indices(near.shape).astype(np.float32)
    total = np.zeros_like(light)
    for place in (np.arange(64) + 0.5) / 64 - 0.5:
        at = [y, x + place * BUDGET_PX * (near - aim)]
        total += np.stack(
            [ndimage.map_coordinates(light[..., k], at, order=1, mode="mirror") for k in range(3)], -1
        )
    return np.asarray(_encoded((total / 64).astype(np.float32)))


def ours(picture: np.ndarray, near: np.ndarray, aim: float, alpha: np.ndarray | None = None) -> np.ndarray:
    length = BUDGET_PX * max(aim - float(near.min()), float(near.max()) - aim)
    return motion_blur(picture, near, length_px=length, aim=(aim, aim), alpha=alpha, still=False)


def speed() -> None:
    """Print time and memory for a picture of 12 megapixels whose depth and subject are known."""
    random = np.random.default_rng(0)
    small = random.uniform(0, 1, (30, 40, 3)).astype(np.float32)
    picture = np.asarray(np.kron(small, np.ones((100, 100, 1), np.float32)))
    y, x = np.indices(picture.shape[:2], np.float32)
    alpha = np.clip(600 - np.hypot(y - 1500, x - 2000), 0, 1)
    steps = np.where(x > 3000, 0.3, 0.0) + np.where(x < 600, 0.4, 0.0)
    near = np.maximum(y / 6000 + steps, alpha * 0.9).astype(np.float32)
    for name, aim, angle in (("pan", None, 0.0), ("travel", (0.9, 0.9), 0.0), ("pan, slanted", None, 25.0)):
        times = []
        for _ in range(4):
            wall, used = time.perf_counter(), time.process_time()
            motion_blur(picture, near, length_px=120, angle=angle, aim=aim, alpha=alpha)
            times.append((time.perf_counter() - wall, time.process_time() - used))
        best = np.min(times[1:], axis=0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{name}: {best[0]:.2f} s, {best[1]:.2f} s of all cores together; peak so far {peak:.2f} GB")


if __name__ == "__main__":
    main()
