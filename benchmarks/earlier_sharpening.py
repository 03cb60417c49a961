"""Measure super-resolution of sharpened pictures, with and without undoing the sharpening.

    python -m benchmarks.earlier_sharpening PICTURES [--count 20] [-o FILE]

PICTURES is a folder of photographs. Each is reduced to half its size (bicubic), sharpened by Pillow's unsharp mask
(radius in pixels, amount in per cent), saved as JPEG of quality 95, and enlarged twice. PSNR is of luma, without a
border of 4 pixels. `softened` is the fraction of the picture that was softened first.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

from dioptre import runtime

runtime.prepare()  # Must run before JAX is imported.

import numpy as np
from PIL import Image, ImageFilter

from dioptre.imaging.luma import LUMA
from dioptre.pipelines.earlier_sharpening import softened
from dioptre.pipelines.super_resolution import super_resolution

MASKS = ((0.0, 0), (0.5, 80), (0.5, 160), (1.0, 60), (1.0, 120), (1.5, 100))
BORDER_PX = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of photographs")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.pictures.rglob("*") if path.suffix in {".png", ".jpg"})
    files = files[:: max(1, len(files) // arguments.count)][: arguments.count]
    rows = []
    for radius_px, percent in MASKS:
        found = np.array([measured(file, radius_px, percent) for file in files])
        left, undone, share = (float(mean) for mean in found.mean(axis=0))
        worst = float((found[:, 1] - found[:, 0]).min())
        rows.append(
            {
                "radius, px": radius_px,
                "amount, %": percent,
                "left": round(left, 2),
                "undone": round(undone, 2),
                "worst change": round(worst, 2),
                "softened": round(share, 3),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps({"pictures": len(files), "rows": rows}, indent=1) + "\n")


def measured(file: Path, radius_px: float, percent: int) -> tuple[float, float, float]:
    """Return the PSNR without and with undoing the sharpening, and the fraction that was softened."""
    whole = Image.open(file).convert("RGB")
    whole = whole.crop((0, 0, whole.width // 2 * 2, whole.height // 2 * 2))
    small = whole.resize((whole.width // 2, whole.height // 2), Image.Resampling.BICUBIC)
    if percent:
        small = small.filter(ImageFilter.UnsharpMask(radius_px, percent, 0))
    stored = io.BytesIO()
    small.save(stored, "JPEG", quality=95, subsampling=0)
    picture = np.asarray(Image.open(stored).convert("RGB"), np.float32) / 255
    true = np.asarray(whole, np.float32) / 255
    left, undone = (
        psnr(super_resolution(picture, scale=2, grain=0.0, undo_sharpening=undo), true) for undo in (False, True)
    )
    return left, undone, softened(picture).share


def psnr(made: np.ndarray, true: np.ndarray) -> float:
    """Return the PSNR of luma in dB, without the border."""
    error = ((made - true) @ LUMA)[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]
    return float(-10 * np.log10(np.mean(error**2)))


if __name__ == "__main__":
    main()
