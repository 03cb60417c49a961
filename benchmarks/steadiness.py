"""Measure how strongly the lens blur responds to invisible differences: rounding in the last digits of the depth.

    python -m benchmarks.steadiness PICTURES [--longest 480] [--every 1] [--json FILE]

Each photograph below PICTURES is reduced and its depth estimated. It is blurred with the focus at the median depth
(not by `portrait`, which would keep a subject sharp), once with the depth unchanged and once with uniform noise
added to it. For each radius (at a disparity difference of 1, as a fraction of the longer side) and each noise
level, the script prints the fraction of pixels that change by more than one 8-bit code value, and the largest
change in code values.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image

from dioptre.pipelines.depth import estimate_depth
from dioptre.pipelines.lens_blur import lens_blur

RADII = (0.025, 0.1, 0.25)
NOISES = (1e-7, 1e-6, 1e-5)
FOCUS_RANGE = 0.04


def changes(picture: np.ndarray, disparity: np.ndarray, *, radius_px: float, seed: int) -> list[np.ndarray]:
    """Return how much the blurred picture changes when noise is added to the depth.

    Returns:
        For each of `NOISES` a map (h, w) of the largest change of any channel, in 8-bit code values.
    """
    lens: dict[str, Any] = {
        "focal_disparity": float(np.median(disparity)),
        "max_radius": radius_px,
        "focus_range": FOCUS_RANGE,
    }
    still = lens_blur(picture, disparity, **lens).image
    rng = np.random.default_rng(seed)
    made = []
    for noise in NOISES:
        moved = disparity + rng.uniform(-noise, noise, disparity.shape).astype(np.float32)
        made.append(255 * np.abs(lens_blur(picture, moved, **lens).image - still).max(axis=-1))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--longest", type=int, default=480)
    parser.add_argument("--every", type=int, default=1, help="only every so many photographs")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.pictures.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    found: dict[tuple[float, float], list[np.ndarray]] = {}
    for number, file in enumerate(files[:: arguments.every]):
        with Image.open(file) as opened:
            image = opened.convert("RGB")
        image.thumbnail((arguments.longest, arguments.longest))
        picture = np.asarray(image, np.float32) / 255
        disparity = estimate_depth(picture).disparity
        for radius in RADII:
            for noise, change in zip(
                NOISES,
                changes(picture, disparity, radius_px=radius * max(picture.shape), seed=number),
                strict=True,
            ):
                found.setdefault((radius, noise), []).append(change.ravel())
    rows = []
    for (radius, noise), parts in found.items():
        every = np.concatenate(parts)
        share, largest = 1e6 * float((every > 1).mean()), float(every.max())
        row = {"radius": radius, "noise": noise, "pictures": len(parts)}
        rows.append(row | {"changed_per_million": round(share, 2), "largest": round(largest, 2)})
        print(f"radius {radius:5}, noise {noise:5.0e}: {share:8.2f} of a million pixels, at most {largest:6.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
