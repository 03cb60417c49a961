"""Measure super-resolution of soft pictures: without deconvolution, and with the true or a wrong softness.

    python -m benchmarks.softness PICTURES [--count 10] [--scale 2] [-o FILE]

PICTURES is a folder of sharp photographs. The centre of each is blurred in linear light, reduced (bicubic), gets
noise, is saved as JPEG, and is enlarged again. "as it is" removes noise and JPEG blocks, but no softness. PSNR is
of luma, ignoring a border of as many pixels as the scale.
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

import jax.numpy as jnp
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.resize import resize
from dioptre.pipelines.super_resolution import super_resolution

BLURS = (0.3, 0.45, 0.6, 0.8, 1.0)  # Standard deviations of the blur, in pixels of the reduced picture.
WRONG = (-0.15, 0.15)
SIDE_PX = 192  # Side of the reduced picture, in pixels.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """Degradation of a reduced picture.

    Attributes:
        noise: Standard deviation in 8-bit code values.
        quality: JPEG quality; None for no compression.
    """

    noise: int = 0
    quality: int | None = None

    def __str__(self) -> str:
        said = [f"noise {self.noise}"] * (self.noise > 0) + [f"JPEG {self.quality}"] * (self.quality is not None)
        return ", ".join(said) or "8 bits"


DEGRADATIONS = (
    Degradation(),
    Degradation(quality=95),
    Degradation(quality=85),
    Degradation(noise=3),
    Degradation(noise=3, quality=90),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of sharp photographs")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    files = sorted(arguments.pictures.rglob("*.png"))
    files = files[:: max(1, len(files) // arguments.count)][: arguments.count]
    random = np.random.default_rng(0)
    rows = []
    for degradation, blur in product(DEGRADATIONS, BLURS):
        found = [
            measure(middle(file, arguments.scale), blur, degradation, arguments.scale, random) for file in files
        ]
        plain, right, less, more = (float(mean) for mean in np.mean(found, axis=0))
        worst = float(min(line[1] - line[0] for line in found))
        row = {"blur": blur, **asdict(degradation), "plain_db": plain, "right_db": right, "worst_gain_db": worst}
        rows.append({**row, "less_db": less, "more_db": more})
        print(
            f"{degradation!s:18} blur {blur:.2f}: as it is {plain:.2f} dB, "
            f"undone {right:.2f} (at least {worst:+.2f}), "
            f"{-WRONG[0]} less {less:.2f}, {WRONG[1]} more {more:.2f}",
            flush=True,
        )
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def middle(file: Path, scale: int) -> np.ndarray:
    """Return the central square of a photograph, (side, side, 3) in [0, 1], with a side divisible by `scale`."""
    with Image.open(file) as opened:
        picture = np.asarray(opened.convert("RGB"), np.float32) / 255
    side = min(SIDE_PX * scale, *(length // scale * scale for length in picture.shape[:2]))
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def measure(
    truth: np.ndarray, blur: float, degradation: Degradation, scale: int, random: np.random.Generator
) -> list[float]:
    """Measure one picture with four values of the softness option.

    Args:
        truth: Sharp picture (side, side, 3) in [0, 1].
        blur: Standard deviation of the blur, in pixels of the reduced picture.
        degradation: Noise and compression.
        scale: Factor of the reduction and of the enlargement.
        random: Source of the noise.

    Returns:
        Y-PSNR in dB without deconvolution, with the true softness, and with the two wrong ones.
    """
    side = truth.shape[0] // scale
    linear = np.asarray(srgb_to_linear(jnp.asarray(truth)))
    blurred = np.asarray(linear_to_srgb(jnp.asarray(gaussian_filter(linear, (blur * scale, blur * scale, 0)))))
    small = degraded(np.clip(resize(blurred, (side, side), method="bicubic"), 0, 1), degradation, random)

    def psnr(softness: float) -> float:
        made = np.clip(super_resolution(small, scale=scale, softness=softness), 0, 1)
        error = ((made - truth) @ LUMA)[scale:-scale, scale:-scale]
        return float(-10 * np.log10(np.mean(error**2)))

    return [psnr(softness) for softness in (0.0, blur, *(blur + wrong for wrong in WRONG))]


def degraded(picture: np.ndarray, degradation: Degradation, random: np.random.Generator) -> np.ndarray:
    """Add noise and compress as JPEG; pictures are (h, w, 3) in [0, 1]."""
    values = 255 * picture + random.normal(0, degradation.noise, picture.shape)
    codes = np.clip(values, 0, 255).round().astype(np.uint8)
    if degradation.quality:
        buffer = io.BytesIO()
        Image.fromarray(codes).save(buffer, "JPEG", quality=degradation.quality)
        codes = np.asarray(Image.open(buffer).convert("RGB"))
    return codes.astype(np.float32) / 255


if __name__ == "__main__":
    main()
