"""How near motion blur comes to the mean of the frames of a camera that follows the nearest object.

    python -m benchmarks.motion [--scenes 3] [--sheet OUT.png] [--speed]

The scenes are those of `stereo.py`. The truth is the mean, in linear light, of 64 frames in which everything but
the nearest object moves; every frame has one sample a pixel, at another place in it. Each method gets the frame of
the middle, rendered with nine samples a pixel, and the object's exact coverage. The naive one averages the whole
picture along the motion and lays the object over it. Scores are PSNR in dB and SSIM of the whole picture.
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
from benchmarks.stereo import BUDGET_PX, Layer, layers_of, shown
from dioptre.features.film import Camera
from dioptre.features.motion_blur import motion_blur
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear

FRAMES = 64
_linear = cast("Callable[[np.ndarray], np.ndarray]", srgb_to_linear)
_encoded = cast("Callable[[np.ndarray], np.ndarray]", linear_to_srgb)
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
        middle, _, _, alpha, _ = shown(layers, Camera())
        true = truth(layers)
        made = {
            "as it is": middle,
            "naive": naive(middle, alpha),
            "ours": motion_blur(middle, length_px=BUDGET_PX, alpha=alpha),
        }
        for name, picture in made.items():
            scores.setdefault(name, []).append((psnr(picture, true), float(ssim_map(picture, true).mean())))
        rows.append(np.concatenate([true, *made.values()], axis=1))
    means = {name: np.mean(of, axis=0) for name, of in scores.items()}
    print(table([{"method": name, "psnr_db": f"{a:.2f}", "ssim": f"{b:.4f}"} for name, (a, b) in means.items()]))
    if given.sheet:
        Image.fromarray((np.concatenate(rows).clip(0, 1) * 255 + 0.5).astype(np.uint8)).save(given.sheet)


def truth(layers: list[Layer]) -> np.ndarray:
    total = np.zeros(1)
    for frame in range(FRAMES):
        across, down = map(float, (GOLDEN * frame + 0.5) % 1 - 0.5)
        whole, _, which, *_ = shown(layers, Camera(), side=1, offset=(across, down))
        shift = BUDGET_PX * ((frame + 0.5) / FRAMES - 0.5)
        behind = shown(layers[:-1], Camera(), side=1, offset=(across + shift, down))[0]
        picture = np.where((which == len(layers) - 1)[..., None], whole, behind)
        total = total + np.asarray(_linear(picture), np.float64)
    return np.asarray(_encoded((total / FRAMES).astype(np.float32)))


def naive(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    light, cover = np.asarray(_linear(picture)), alpha[..., None]
    streaks = ndimage.uniform_filter1d(light, round(BUDGET_PX), axis=1, mode="mirror")
    return np.asarray(_encoded(streaks + (light - streaks) * cover))


def speed() -> None:
    """Print time and memory for a picture of 12 megapixels whose subject is known."""
    random = np.random.default_rng(0)
    small = random.uniform(0, 1, (30, 40, 3)).astype(np.float32)
    picture = np.asarray(np.kron(small, np.ones((100, 100, 1), np.float32)))
    y, x = np.indices(picture.shape[:2], np.float32)
    alpha = np.clip(600 - np.hypot(y - 1500, x - 2000), 0, 1).astype(np.float32)
    for name, angle in (("level", 0.0), ("slanted", 25.0)):
        times = []
        for _ in range(4):
            wall, used = time.perf_counter(), time.process_time()
            motion_blur(picture, length_px=120, angle=angle, alpha=alpha)
            times.append((time.perf_counter() - wall, time.process_time() - used))
        best = np.min(times[1:], axis=0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{name}: {best[0]:.2f} s, {best[1]:.2f} s of all cores together; peak so far {peak:.2f} GB")


if __name__ == "__main__":
    main()
