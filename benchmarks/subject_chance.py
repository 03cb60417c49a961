"""Measure how reliably pictures with one subject are distinguished from scenes without a subject.

    python -m benchmarks.subject_chance PICTURES [--json FILE]

PICTURES contains, in any subfolder, the COCO photographs listed in `with_subject.txt` and `without_subject.txt` (in
this folder), which were sorted by eye. Their licences exclude them from training. `right` is the fraction
classified correctly by `Portrait blur`'s own decision; `as stated` compares the chance that the result states with
the fraction of photographs that have a subject.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image

from dioptre.pipelines.subject import find_subject
from training.lists import with_and_without_subject

BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cases = with_and_without_subject(Path(__file__).parent, [options.pictures])
    has, found, chances = np.array([kind for _, kind in cases]), [], []
    for path, kind in cases:
        with Image.open(path) as picture:
            subject = find_subject(np.asarray(picture.convert("RGB"), np.float32) / 255)
        found.append(subject.found)
        chances.append(subject.chance)
        if subject.found != kind:
            print(f"wrong: {path.name}, chance {subject.chance:.2f}")
    right, chance = np.array(found) == has, np.array(chances)
    results: dict[str, object] = {
        "with a subject": {"photographs": int(has.sum()), "right": float(right[has].mean())},
        "without": {"photographs": int((~has).sum()), "right": float(right[~has].mean())},
    }
    stated = {}
    for low, high in pairwise(BINS):
        inside = (chance >= low) & ((chance < high) | (high == 1))
        if inside.any():
            stated[f"{low:g} to {high:g}"] = {
                "photographs": int(inside.sum()),
                "mean chance": float(chance[inside].mean()),
                "with a subject": float(has[inside].mean()),
            }
    results["as stated"] = stated
    print(json.dumps(results, indent=2))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
