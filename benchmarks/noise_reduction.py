"""Measure the benefit of noise reduction for the super-resolution of noisy and compressed pictures.

    python -m benchmarks.noise_reduction PICTURES [--count 12] [--scale 2] [-o FILE]

PICTURES is a folder of clean photographs. The centre of each is reduced (bicubic), gets noise (Gaussian in every
channel, or on a Bayer mosaic that is then demosaiced along edges), is saved as JPEG, and is enlarged again:
without, with automatic, and with the best noise reduction. "best" is the best of ten strengths for each picture, an
approximate upper bound for any estimate. PSNR is of luma, ignoring a border of as many pixels as the scale.
"""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from dioptre import runtime

runtime.prepare()  # Must run before JAX is imported.

import cv2
import numpy as np
from PIL import Image

from dioptre.imaging.noise_estimation import measure_degradation, suitable_strength
from dioptre.imaging.resize import resize
from dioptre.pipelines.super_resolution import super_resolution

STRENGTHS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0)
NOISES = (0, 3, 6, 12, 20)  # Standard deviations of the noise, in 8-bit code values.
QUALITIES = (None, 95, 90, 80, 60, 40, 20)
SIDE_PX = 144  # Side of the reduced picture, in pixels.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """Degradation of a clean picture.

    Attributes:
        noise: Standard deviation in 8-bit code values.
        mosaic: Whether the noise is added before demosaicing.
        quality: JPEG quality; None for no compression.
    """

    noise: int
    mosaic: bool
    quality: int | None

    def __str__(self) -> str:
        noise = f"noise {self.noise}{', demosaiced' if self.mosaic else ''}" if self.noise else "no noise"
        return f"{noise}; JPEG {self.quality}" if self.quality else noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of clean photographs")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    files = sorted(file for file in arguments.pictures.rglob("*.png"))
    files = files[:: max(1, len(files) // arguments.count)][: arguments.count]
    random = np.random.default_rng(0)
    rows = []
    for degradation in degradations():
        found = [measure(middle(file, arguments.scale), degradation, arguments.scale, random) for file in files]
        plain, automatic, best, strength, ideal = (float(np.mean(column)) for column in zip(*found, strict=True))
        worst = float(min(line[1] - line[0] for line in found))
        row = {**asdict(degradation), "plain_db": plain, "automatic_db": automatic, "best_db": best}
        rows.append({**row, "worst_gain_db": worst, "strength": strength, "ideal_strength": ideal})
        print(
            f"{degradation!s:30} as it is {plain:.2f} dB, automatic {automatic:.2f} (at least {worst:+.2f}), "
            f"best {best:.2f}; strength {strength:.2f}, ideal {ideal:.2f}",
            flush=True,
        )
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def degradations() -> list[Degradation]:
    """Return the combinations of noise, mosaic and JPEG quality to measure."""
    chosen = [
        Degradation(noise=noise, mosaic=False, quality=quality)
        for noise, quality in product(NOISES, QUALITIES)
        if not noise or quality in (None, 90, 60, 20)
    ]
    mosaics = product((3, 6, 12), (None, 90, 60))
    return chosen + [Degradation(noise=noise, mosaic=True, quality=quality) for noise, quality in mosaics]


def middle(file: Path, scale: int) -> np.ndarray:
    """Return the central square of a photograph, (side, side, 3) in [0, 1], with a side divisible by `scale`."""
    with Image.open(file) as opened:
        picture = np.asarray(opened.convert("RGB"), np.float32) / 255
    side = min(SIDE_PX * scale, *(length // scale * scale for length in picture.shape[:2]))
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def measure(
    truth: np.ndarray, degradation: Degradation, scale: int, random: np.random.Generator
) -> tuple[float, float, float, float, float]:
    """Measure one picture without noise reduction, with the automatic strength, and with the best one.

    Args:
        truth: Clean picture (side, side, 3) in [0, 1].
        degradation: How the reduced picture is degraded.
        scale: Factor of the reduction and of the enlargement.
        random: Source of the noise.

    Returns:
        Y-PSNR in dB without noise reduction, with the automatic strength and with the best one; then the automatic
        and the best strength.
    """
    side = truth.shape[0] // scale
    small = degraded(np.clip(resize(truth, (side, side), method="bicubic"), 0, 1), degradation, random)

    def psnr(strength: float) -> float:
        made = np.clip(super_resolution(small, scale=scale, noise_reduction=strength), 0, 1)
        error = ((made - truth) @ LUMA)[scale:-scale, scale:-scale]
        return float(-10 * np.log10(np.mean(error**2)))

    strength, plain = suitable_strength(measure_degradation(small)), psnr(0.0)
    automatic = psnr(strength) if strength > 0 else plain
    tried = {0.0: plain, **{chosen: psnr(chosen) for chosen in STRENGTHS}}
    ideal = max(tried, key=lambda chosen: tried[chosen])
    return plain, automatic, tried[ideal], strength, ideal


def degraded(picture: np.ndarray, degradation: Degradation, random: np.random.Generator) -> np.ndarray:
    """Add noise, with or without a Bayer mosaic, and compress as JPEG; pictures are (h, w, 3) in [0, 1]."""
    values = picture * 255
    if degradation.mosaic:
        channel = 2 - (np.indices(values.shape[:2]) % 2).sum(axis=0)  # Rows alternate: BGBG…, GRGR…
        mosaic = np.take_along_axis(values, channel[..., None], axis=2)[..., 0]
        noisy = np.clip(mosaic + random.normal(0, degradation.noise, mosaic.shape), 0, 255).round().astype(np.uint8)
        codes = cv2.cvtColor(noisy, cv2.COLOR_BayerRG2RGB_EA)
    else:
        codes = np.clip(values + random.normal(0, degradation.noise, values.shape), 0, 255).round().astype(np.uint8)
    if degradation.quality:
        buffer = io.BytesIO()
        Image.fromarray(codes).save(buffer, "JPEG", quality=degradation.quality)
        codes = np.asarray(Image.open(buffer).convert("RGB"))
    return codes.astype(np.float32) / 255


if __name__ == "__main__":
    main()
