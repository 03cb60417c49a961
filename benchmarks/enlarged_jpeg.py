"""Measure the super-resolution of JPEG pictures that were enlarged before.

    python -m benchmarks.enlarged_jpeg PICTURES [--quality 50] [--again 90] [-o FILE]
    python -m benchmarks.enlarged_jpeg PICTURES --detection [--every 3] [-o FILE]

PICTURES is a folder of photographs of more than 800 pixels. The centre of each is reduced, saved as JPEG, enlarged
(bicubic), saved again, and enlarged twice: by interpolation, as if it had not been enlarged before, and as by
default. PSNR and SSIM are of luma. "blocks" is the mean difference of neighbouring pixels across the edges of the
enlarged blocks divided by that between the edges, minus the same ratio in the true picture; 0 is ideal.

With --detection, photographs of any size are degraded in several ways, and the earlier enlargements found are
counted: in photographs without one, each is a false alarm.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from dioptre import runtime

runtime.prepare()  # Must run before JAX is imported.

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.super_resolution import luma, structural_similarity
from dioptre.imaging.earlier_enlargement import find_earlier_enlargement
from dioptre.imaging.resize import resize
from dioptre.pipelines.super_resolution import super_resolution

FACTORS = (1.5, 2.0, 3.0)  # Factors of the earlier enlargement.
SIDE_PX = 1200
BORDER_PX = 8
VISIBLE = 6.0  # Differences above this, in 8-bit code values, belong to the picture.
METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bicubic": lambda x: resize(x, (2 * x.shape[0], 2 * x.shape[1]), method="bicubic"),
    "as it is": lambda x: super_resolution(x, scale=2, earlier_enlargement=1),
    "default": lambda x: super_resolution(x, scale=2),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--quality", type=int, default=50, help="of the first JPEG file")
    parser.add_argument("--again", type=int, default=90, help="quality of the enlarged JPEG file")
    parser.add_argument("--detection", action="store_true", help="count detections only")
    parser.add_argument("--every", type=int, default=1, help="use only every n-th picture")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    kinds = {".jpg", ".jpeg", ".png"}
    files = sorted(f for f in arguments.pictures.iterdir() if f.suffix.lower() in kinds)[:: arguments.every]
    rows = detection(files) if arguments.detection else enlargement(files, arguments.quality, arguments.again)
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def enlargement(files: list[Path], quality: int, again: int) -> list[dict[str, object]]:
    """Measure and print all methods at all factors."""
    rows: list[dict[str, object]] = []
    for factor in FACTORS:
        found = {
            name: [measure(opened(file), factor, quality, again, method) for file in files]
            for name, method in METHODS.items()
        }
        for name, values in found.items():
            psnr, ssim, blocks = np.mean(values, axis=0)
            rows.append({"factor": factor, "method": name, "psnr_db": psnr, "ssim": ssim, "blocks": blocks})
            print(f"x{factor:g} {name:10} {psnr:.2f} dB  SSIM {ssim:.4f}  blocks {blocks:+.3f}", flush=True)
    return rows


def opened(file: Path) -> np.ndarray:
    """Return a picture as uint8 (h, w, 3)."""
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def measure(
    picture: np.ndarray, factor: float, quality: int, again: int, method: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, float, float]:
    """Return Y-PSNR in dB, SSIM and the visibility of blocks of one method on one picture."""
    small = int(min(SIDE_PX, *picture.shape[:2]) / (2 * factor) / 8) * 8
    side = 2 * round(small * factor)
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    truth = picture[top : top + side, left : left + side]
    reduced = np.asarray(Image.fromarray(truth).resize((small, small), Image.Resampling.BICUBIC))
    given = saved(resized(saved(reduced, quality), factor), again).astype(np.float32) / 255
    made = np.round(np.clip(method(given), 0, 1) * 255).astype(np.uint8)
    inner = slice(BORDER_PX, -BORDER_PX)
    a, b = luma(made)[inner, inner], luma(truth)[inner, inner]
    psnr = float(10 * np.log10(255**2 / np.mean((a - b) ** 2)))
    period = 16 * factor
    return psnr, structural_similarity(a, b), blocks(luma(made), period) - blocks(luma(truth), period)


def blocks(plane: np.ndarray, period: float) -> float:
    """Return the mean difference across block edges divided by that in the middle of the blocks."""
    ratios = []
    for lines in (plane, plane.T):
        profile = np.minimum(np.abs(np.diff(lines, axis=1)), VISIBLE).mean(axis=0)
        places = np.arange(1, len(profile) + 1)
        distance = np.abs((places + period / 2) % period - period / 2)
        inside = places > period / 2
        edge, middle = (distance < period / 8) & inside, (distance > period / 4) & inside
        ratios.append(profile[edge].mean() / profile[middle].mean())
    return float(np.mean(ratios))


def detection(files: list[Path]) -> list[dict[str, object]]:
    """Count and print the detections for all kinds of degradation."""
    counts: dict[str, list[int]] = {}
    for file in files:
        for name, factor, picture in degraded(opened(file)):
            found = find_earlier_enlargement(picture.astype(np.float32) / 255)
            count = counts.setdefault(name, [0, 0, 0])
            if found is None:
                count[1] += 1
            else:
                count[0 if abs(found.factor / factor - 1) < 0.01 else 2] += 1
    rows: list[dict[str, object]] = []
    for name, (right, none, wrong) in counts.items():
        rows.append({"picture": name, "right": right, "none": none, "wrong": wrong})
        print(f"{name:40} right {right}, none {none}, wrong {wrong}")
    return rows


def degraded(picture: np.ndarray) -> Iterator[tuple[str, float, np.ndarray]]:
    """Yield the name of a degradation, the factor of the earlier enlargement (1 for none) and the picture."""
    yield "as it is", 1, picture
    yield "JPEG 30", 1, saved(picture, 30)
    yield "JPEG 50, cropped, JPEG 90", 1, saved(saved(picture, 50)[3:, 5:], 90)
    yield "blurred by 2 px, JPEG 80", 1, saved(gaussian_filter(picture, (2, 2, 0)), 80)
    for factor in (0.5, 0.67, 0.8, 0.9):
        yield f"JPEG 50, reduced x{factor}, JPEG 90", 1, saved(resized(saved(picture, 50), factor), 90)
    for quality, again in ((50, 90), (30, 90), (75, 90), (85, 90), (50, 75)):
        for factor in (1.3, 1.5, 2, 3, 4):
            name = f"JPEG {quality}, enlarged x{factor:g}, JPEG {again}"
            yield name, factor, saved(resized(saved(picture, quality), factor), again)


def saved(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return a picture as a JPEG file of this quality stores it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def resized(picture: np.ndarray, factor: float) -> np.ndarray:
    """Return an 8-bit picture resized by bicubic interpolation."""
    size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


if __name__ == "__main__":
    main()
