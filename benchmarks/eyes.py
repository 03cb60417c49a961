"""Measure whether Portrait blur focuses on the eyes that are nearest to the camera, and keeps them sharp.

    python -m benchmarks.eyes EYES.tsv [-o FILE]

EYES.tsv has the columns photo, file, rank (1 for the nearest faces), face (its number), x, y (of one eye, as
fractions of the width and the height) and h (height of the face, as a fraction of the picture's).

The point in focus is right within half a face's height of an eye; the plane in focus if the depth of the eye is
within the focus range of it; and an eye is sharp as a mark of `benchmarks.marks` is.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.frame import publish, read
from benchmarks.marks import SHARP, Mark, verdicts
from dioptre.features.blur.portrait_blur import portrait

_LUMA = np.array((76.2, 149.7, 29.1))  # of encoded colours in [0, 1], 0 to 255
_RADIUS = 0.12  # radius of an eye's disc, in heights of the face
_AROUND = 160  # the depth of an eye is the median within 1/160 of the shorter side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("eyes", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    chosen = parser.parse_args()
    nearest: dict[Path, list[tuple[float, float, float]]] = defaultdict(list)
    with chosen.eyes.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            if row["rank"] == "1":
                nearest[Path(row["file"])].append((float(row["x"]), float(row["y"]), float(row["h"])))
    right: dict[str, list[bool]] = {"point": [], "plane": [], "sharp": []}
    for file, eyes in nearest.items():
        picture = read(file)
        made = portrait(picture)
        height, width = made.disparity.shape
        short, reach = min(height, width), max(2, min(height, width) // _AROUND)
        place = made.subject.focus_at or (9.0, 9.0)
        away, off = [], []
        for x, y, tall in eyes:
            top, left = (max(int(value) - reach, 0) for value in (y * height, x * width))
            near = made.disparity[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
            off.append(abs(float(np.median(near)) - made.focal_disparity))
            away.append(float(np.hypot((place[0] - x) * width / height, place[1] - y)) / tall)
        discs = [Mark(x, y, _RADIUS * tall * height / short, True, "eye") for x, y, tall in eyes]
        before, after = (np.clip(pixels, 0, 1) @ _LUMA for pixels in (picture, made.image))
        kept = min(value for _, value, _ in verdicts(before, after, discs))
        right["point"].append(min(away) <= 0.5)
        right["plane"].append(min(off) <= made.focus_range)
        right["sharp"].append(kept >= SHARP)
        wrong = " ".join(what for what, each in right.items() if not each[-1])
        print(f"{file.stem}: {min(away):.2f} heights away, depth off by {min(off):.3f}, sharp {kept:.2f} {wrong}")
    shares = {what: round(float(np.mean(each)), 4) for what, each in right.items()}
    summary = {"photographs": len(nearest), **shares}
    print(summary)
    publish(summary, chosen.output)


if __name__ == "__main__":
    main()
