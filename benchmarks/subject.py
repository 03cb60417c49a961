"""Measure how much of the subject Portrait blur keeps sharp, on photographs with masks drawn by hand.

    python -m benchmarks.subject DATA [--json FILE]

DATA contains NAME.jpg, NAME_mask.png (white inside) and labels.tsv with the columns name and category. Categories
other than "object", "plant" and "vehicle" count as alive.

The coverage that *Portrait blur* works with is cut at a half. The scores are intersection over union (IoU) with
the mask, as the mean and the mean of the worst quarter, and the share of photographs with a hole: a connected part
of more than 1 % of the mask that is missing.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.frame import publish, read, table
from dioptre.features.depth.estimation import estimate_depth
from dioptre.features.subject.finding import find_subject

THINGS = frozenset({"object", "plant", "vehicle"})
HOLE = 0.01


def score(found: np.ndarray, mask: np.ndarray) -> tuple[float, bool]:
    """Return IoU and whether there is a hole; both masks are (H, W) and boolean."""
    parts, count = ndimage.label(mask & ~found)
    missing = np.bincount(parts.ravel())[1:].max() if count else 0
    return float((found & mask).sum() / max((found | mask).sum(), 1)), bool(missing > HOLE * mask.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    scores: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    with (arguments.data / "labels.tsv").open(encoding="utf-8", newline="") as stream:
        photographs = list(csv.DictReader(stream, delimiter="\t"))
    for photograph in photographs:
        picture = read(arguments.data / f"{photograph['name']}.jpg")
        with Image.open(arguments.data / f"{photograph['name']}_mask.png") as image:
            mask = np.asarray(image.convert("L")) > 127
        disparity = estimate_depth(picture).disparity
        kind = "things" if photograph["category"] in THINGS else "alive"
        scores[kind].append(score(find_subject(picture, disparity=disparity).alpha > 0.5, mask))
    rows = []
    for kind, values in scores.items():
        ious, holes = np.array(values, float).T
        worst = np.sort(ious)[: max(len(ious) // 4, 1)].mean()
        row = {"of": kind, "pictures": len(ious), "iou": ious.mean(), "worst quarter": worst}
        rows.append({**row, "with a hole": holes.mean()})
    print(table(rows))
    publish({"rows": rows}, arguments.json)


if __name__ == "__main__":
    main()
