"""Measure whether marked parts of photographs stay sharp, and whether others are blurred, after Portrait blur.

    python -m benchmarks.marks MARKS.tsv PHOTOS RESULTS [--run [OPTION …]] [-o FILE]

MARKS.tsv has the columns photo, x, y, r (centre and radius of a disc, as fractions of the width, the height and the
shorter side), want ("sharp" or "blur") and what (a description). PHOTOS holds NAME.*, and RESULTS, at any depth,
NAME-portrait.* as `dioptre run` writes it. With --run, missing results are made first, with the options after it.

Luma is compared at the photograph's size, reduced to a shorter side of 1200 pixels, with Gaussian weights of half
the disc's radius. A sharp mark is right if the result's gradients, projected on the photograph's, reach .65 of
them; a blurred one if their energy is at most .3 of the photograph's, or if the photograph has no detail there.
Halos, torn rims and wrong subjects without marks are not seen: look at the results as well.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.frame import publish

SHARP, BLURRED = 0.65, 0.3
DETAIL = 4.0  # mean squared gradient, in 8-bit steps, below which there is nothing to blur
SHORT_SIDE_PX = 1200
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".avif"})


@dataclass(frozen=True)
class Mark:
    """A disc in a photograph.

    Attributes:
        x, y: centre, as fractions of the width and the height.
        r: radius, as a fraction of the shorter side.
        sharp: whether the disc must stay sharp; otherwise it must be blurred.
        what: what it marks.
    """

    x: float
    y: float
    r: float
    sharp: bool
    what: str


def read_marks(file: Path) -> dict[str, list[Mark]]:
    """Return the marks of each photograph."""
    marks = defaultdict(list)
    with file.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            x, y, r = (float(row[name]) for name in "xyr")
            marks[row["photo"]].append(Mark(x, y, r, row["want"] == "sharp", row["what"]))
    return dict(marks)


def luma(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Return a picture's luma (H, W), 0 to 255, at `size` (width, height) or with the reduced shorter side."""
    with Image.open(path) as image:
        picture = ImageOps.exif_transpose(image).convert("L")
    if size is None:
        scale = min(1, SHORT_SIDE_PX / min(picture.size))
        size = round(picture.width * scale), round(picture.height * scale)
    method = Image.Resampling.BOX if picture.width >= 2 * size[0] else Image.Resampling.LANCZOS
    return np.asarray(picture.resize(size, method), np.float64)


def verdicts(before: np.ndarray, after: np.ndarray, marks: Sequence[Mark]) -> Iterator[tuple[Mark, float, bool]]:
    """Yield each mark with its value and whether it is right.

    Args:
        before: luma of the photograph, (H, W), 0 to 255.
        after: luma of the result, (H, W).
        marks: the photograph's marks.
    """
    height, width = before.shape
    (down, across), (down_after, across_after) = np.gradient(before), np.gradient(after)
    rows, columns = np.mgrid[:height, :width]
    for mark in marks:
        radius = max(2.5, mark.r * min(height, width))
        squared = (columns - mark.x * width) ** 2 + (rows - mark.y * height) ** 2
        weight = np.exp(-2 * squared / radius**2) * (squared <= radius**2)
        energy = float((weight * (across**2 + down**2)).sum())
        if mark.sharp:
            kept = float((weight * (across * across_after + down * down_after)).sum()) / max(energy, 1e-9)
            yield mark, kept, kept >= SHARP
        else:
            left = float((weight * (across_after**2 + down_after**2)).sum()) / max(energy, 1e-9)
            yield mark, left, left <= BLURRED or energy < DETAIL * float(weight.sum())


def result_of(name: str, results: Path) -> Path | None:
    """Return the flat result of a photograph, if there is one."""
    found = (path for path in results.rglob(f"{name}-portrait.*") if path.suffix.lower() in SUFFIXES)
    return min(found, default=None)


def run(photo: Path, results: Path, options: Sequence[str]) -> None:
    """Make the result of a photograph with `dioptre run`; a failure is reported and counts as no result."""
    command = [sys.executable, "-m", "dioptre", "run", str(photo), "-o", str(results / photo.stem), *options]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("marks", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--run", nargs=argparse.REMAINDER, metavar="OPTION", help="options of `dioptre run`")
    chosen = parser.parse_args()
    wrong: dict[str, list[str]] = {}
    right = {True: 0, False: 0}
    shares, marks = [], read_marks(chosen.marks)
    for name, own in marks.items():
        photo = next(path for path in sorted(chosen.photos.iterdir()) if path.stem == name)
        if chosen.run is not None and result_of(name, chosen.results) is None:
            run(photo, chosen.results, chosen.run)
        result = result_of(name, chosen.results)
        wrong[name] = ["no result"] if result is None else []
        good = 0
        if result is not None:
            before = luma(photo)
            after = luma(result, (before.shape[1], before.shape[0]))
            for mark, value, is_right in verdicts(before, after, own):
                right[mark.sharp] += is_right
                good += is_right
                if not is_right:
                    wrong[name].append(f"{mark.what} ({'sharp' if mark.sharp else 'blur'} {value:.2f})")
        shares.append(good / len(own))
        print(f"{name} {good}/{len(own)}", "; ".join(wrong[name]), flush=True)
    of = {want: sum(mark.sharp is want for own in marks.values() for mark in own) for want in (True, False)}
    summary = {
        "photographs": len(marks),
        "all right": sum(not each for each in wrong.values()),
        "sharp": round(right[True] / max(of[True], 1), 4),
        "blurred": round(right[False] / max(of[False], 1), 4),
        "mean of photographs": round(float(np.mean(shares)), 4),
    }
    print(summary)
    publish({**summary, "wrong": wrong}, chosen.output)


if __name__ == "__main__":
    main()
