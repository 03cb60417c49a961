"""Measure the option *Existing blur: Automatic* on photographs that a known lens has blurred already.

    python benchmarks/existing_blur.py PHOTOS [-o FILE]

PHOTOS is a folder of sharp photographs. Each is blurred by its estimated depth as at f/4, f/2 and f/1.2 and saved
as JPEG. The depth of that file is estimated again, and the file is blurred to f/2. The reference is the sharp
photograph blurred to f/2, or the file itself if it already has at least that blur. PSNR of encoded values is
reported for three ways to treat the existing blur: not at all ("ignore"), as measured ("auto"), and as known from
the lens ("true").
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

from dioptre import runtime

runtime.prepare()  # before JAX is imported

import numpy as np
from PIL import Image

from dioptre.optics.certain_defocus import certain_defocus_px, find_edges
from dioptre.optics.defocus import Focus, circle_of_confusion_px, relative_max_radius_px
from dioptre.pipelines.depth import estimate_depth
from dioptre.pipelines.lens_blur import lens_blur

F_NUMBERS = (4.0, 2.0, 1.2)
WANTED = 2.0
FOCUS_RANGE = 0.04
FOCUS_QUANTILE = 0.9  # quantile of the disparity that is in focus


def psnr(made: np.ndarray, truth: np.ndarray) -> float:
    difference = np.clip(made, 0, 1).astype(np.float64) - np.clip(truth, 0, 1)
    return float(-10 * np.log10(np.mean(np.square(difference)) + 1e-12))


def photo(pixels: np.ndarray) -> np.ndarray:
    """Return the picture as it is after being saved as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    return np.asarray(Image.open(file), np.float32) / 255


def blurred(
    pixels: np.ndarray, disparity: np.ndarray, *, focal: float, f_number: float, existing: np.ndarray | None = None
) -> np.ndarray:
    radius = relative_max_radius_px((disparity.shape[0], disparity.shape[1]), f_number=f_number)
    return lens_blur(
        pixels,
        disparity,
        focal_disparity=focal,
        max_radius=radius,
        focus_range=FOCUS_RANGE,
        existing_defocus=existing,
    ).image


def measured(sharp: np.ndarray, disparity: np.ndarray, *, f_number: float) -> dict[str, float | bool]:
    focal = float(np.quantile(disparity, FOCUS_QUANTILE))
    taken = photo(blurred(sharp, disparity, focal=focal, f_number=f_number))
    wanted = taken if f_number <= WANTED else blurred(sharp, disparity, focal=focal, f_number=WANTED)
    seen = estimate_depth(taken).disparity
    seen_focal = float(np.median(seen[np.abs(disparity - focal) < FOCUS_RANGE]))
    radius = relative_max_radius_px((disparity.shape[0], disparity.shape[1]), f_number=f_number)
    lens = Focus(focal_disparity=focal, max_radius_px=radius, range=FOCUS_RANGE)
    found = certain_defocus_px(find_edges(taken), seen)
    scores: dict[str, float | bool] = {"found": found is not None}
    for name, existing in (
        ("ignore", None),
        ("auto", found),
        ("true", np.abs(circle_of_confusion_px(disparity, focus=lens))),
    ):
        made = blurred(taken, seen, focal=seen_focal, f_number=WANTED, existing=existing)
        scores[name] = round(psnr(made, wanted), 2)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    results: dict[str, dict[str, dict[str, float | bool]]] = {}
    for path in sorted(arguments.photos.glob("*.jpg")):
        sharp = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
        disparity = estimate_depth(sharp).disparity
        if certain_defocus_px(find_edges(sharp), disparity) is not None:
            print(path.stem, "has existing blur")
            continue
        results[path.stem] = {f"f/{f:g}": measured(sharp, disparity, f_number=f) for f in F_NUMBERS}
        print(path.stem, results[path.stem], flush=True)
    for f in F_NUMBERS:
        rows = [scores[f"f/{f:g}"] for scores in results.values()]
        means = {name: round(float(np.mean([row[name] for row in rows])), 2) for name in rows[0]}
        print(f"f/{f:g}: {means}")
    if arguments.output:
        arguments.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
