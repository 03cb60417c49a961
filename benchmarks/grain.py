"""Measure how much of a photograph's own grain super-resolution keeps, and what it costs.

    python -m benchmarks.grain PICTURES [--count 10] [--scales 2 4] [-o FILE]

PICTURES is a folder of photographs with sides of at least 640 pixels. Each is reduced to a quarter (bicubic), which
removes its own grain, and gets grain: grey, or different in every channel, optionally saved as JPEG. It is then
enlarged with the default, with `grain=0` and with `noise_reduction=0`. The level of the grain is the local standard
deviation of luma, in windows of 9 × 9 pixels, in the flattest tenth of the picture that is not clipped, of the
difference from the picture without grain, or from its enlargement. PSNR is of luma, compared with the photograph
without grain, ignoring a border of as many pixels as the scale.
"""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from dioptre import runtime

runtime.prepare()  # Must run before JAX is imported.

import numpy as np
from PIL import Image
from scipy.ndimage import uniform_filter

from dioptre.imaging.luma import LUMA
from dioptre.imaging.resize import resize
from dioptre.pipelines.super_resolution import super_resolution

REDUCTION = 4
WINDOW_PX = 9
FLATTEST = 0.1  # Fraction of the unclipped picture in which the grain is measured.
# Grain and noise reduction of each way.
WAYS: dict[str, tuple[float | None, float | None]] = {
    "default": (None, None),
    "smooth": (0.0, None),
    "as it is": (None, 0.0),
}


@dataclass(frozen=True, kw_only=True)
class Grain:
    """Grain to add to a picture.

    Attributes:
        level: Standard deviation in 8-bit code values.
        grey: Whether it is the same in all channels.
        quality: JPEG quality; None for no compression.
    """

    level: float
    grey: bool = True
    quality: int | None = None

    def __str__(self) -> str:
        kind = "" if not self.level else " grey" if self.grey else " coloured"
        return f"{self.level:g}{kind}" + (f", JPEG {self.quality}" if self.quality else "")


GRAINS = (
    *(Grain(level=level) for level in (0, 2, 3, 4, 5, 6, 8, 12)),
    *(Grain(level=level, grey=False) for level in (3, 6, 12, 20)),
    *(Grain(level=level, quality=95) for level in (0, 4)),
    *(Grain(level=level, quality=85) for level in (0, 4)),
    *(Grain(level=level, quality=50) for level in (0, 4)),
)


def saved(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return a picture as a JPEG file of this quality stores it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of photographs")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--scales", type=int, nargs="+", default=[2, 4])
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    files = [file for file in sorted(arguments.pictures.glob("*.jpg")) if min(Image.open(file).size) >= 640]
    files = files[:: max(1, len(files) // arguments.count)][: arguments.count]
    rows = []
    for scale in arguments.scales:
        for grain in GRAINS:
            random = np.random.default_rng(0)
            found = [measure(file, grain, scale, random) for file in files]
            row: dict[str, object] = {"scale": scale, **asdict(grain)}
            row |= {name: float(np.mean([line[name] for line in found])) for name in found[0]}
            rows.append(row)
            print(f"×{scale} {grain!s:16} {_line(row)}", flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(file: Path, grain: Grain, scale: int, random: np.random.Generator) -> dict[str, float]:
    """Return the level of the grain before and after each way, in code values, and each way's PSNR in dB."""
    with Image.open(file) as opened:
        photo = np.asarray(opened.convert("RGB"), np.float32) / 255
    height, width = (side // REDUCTION for side in photo.shape[:2])
    clean, truth = (
        np.clip(resize(photo, (height * factor, width * factor), method="bicubic"), 0, 1) for factor in (1, scale)
    )
    noise = random.normal(0, grain.level, (height, width, 1 if grain.grey else 3))
    picture = np.clip(255 * clean + noise, 0, 255).round().astype(np.uint8)
    small = np.asarray(saved(picture, grain.quality) if grain.quality else picture, np.float32) / 255
    flat = _flattest(clean)
    enlarged = np.clip(super_resolution(clean, scale=scale), 0, 1)
    found = {"before": _level(small - clean, flat)}
    for name, (kept, strength) in WAYS.items():
        result = np.clip(super_resolution(small, scale=scale, grain=kept, noise_reduction=strength), 0, 1)
        inner = slice(scale, -scale)
        error = ((result - truth) @ LUMA)[inner, inner]
        found[f"{name}, level"] = _level(result - enlarged, np.kron(flat, np.ones((scale, scale))) > 0)
        found[f"{name}, dB"] = float(-10 * np.log10(np.mean(error**2)))
    return found


def _flattest(clean: np.ndarray) -> np.ndarray:
    """Return a mask (h, w) of the flattest areas of a picture that are not clipped."""
    deviation = _local_std(clean)
    mean = uniform_filter(clean @ LUMA, WINDOW_PX)
    usable = (mean > 0.15) & (mean < 0.85)
    return np.asarray(usable & (deviation <= np.quantile(deviation[usable], FLATTEST)))


def _level(picture: np.ndarray, where: np.ndarray) -> float:
    return float(np.sqrt((_local_std(picture)[where] ** 2).mean()))


def _local_std(picture: np.ndarray) -> np.ndarray:
    """Return the standard deviation of luma around each pixel, in 8-bit code values."""
    values = 255 * (picture @ LUMA).astype(np.float64)
    mean = uniform_filter(values, WINDOW_PX)
    return np.sqrt(np.maximum(uniform_filter(values**2, WINDOW_PX) - mean**2, 0))


def _line(row: dict[str, object]) -> str:
    levels = ", ".join(f"{name} {row[f'{name}, level']:.2f} ({row[f'{name}, dB']:.2f} dB)" for name in WAYS)
    return f"level {row['before']:.2f}; {levels}"


if __name__ == "__main__":
    main()
