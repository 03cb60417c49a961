"""Measure how much of the subject is found, on COCO photographs with outlined people, animals and objects.

    python -m benchmarks.subject PICTURES INSTANCES.json … [--json FILE]

PICTURES contains the photographs under COCO's file names, in any subfolder; missing ones are skipped. So are
photographs under licences that allow training, and those whose subject is not clear. The subject is one to three
people or animals of about the same size in front or, in pictures without people and animals, one or two objects.

The scores are intersection over union (IoU) with the outlines at each photograph's own size, as the mean and the
mean of the worst quarter; recall and precision of pixels; and `beside`: the area included outside any outline,
relative to the subject. `Portrait blur` is the region that it keeps sharp, with the disparity that it estimates;
`its map` is the network's own map, thresholded at a half. Both are also measured with U²-Net-P alone, whose map is
the output of background removers that use that network.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np

from benchmarks.frame import publish
from benchmarks.frame import read as read_picture
from dioptre.features.depth.estimation import estimate_depth
from dioptre.features.subject.finding import find_subject
from dioptre.features.subject.views import saliency_of
from dioptre.imaging.resize import resize
from training.subject.outlines import FREE_LICENCES, Outlined, read

CASES = {"people and animals": 150, "things": 60}
SEED = 3

Find = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Maps a picture (h, w, 3) and its disparity (h, w) to the subject's mask (h, w), True inside."""


def cases(
    photos: dict[str, Outlined], found: dict[str, Path]
) -> Iterator[tuple[str, Path, np.ndarray, np.ndarray]]:
    """Yield the kind, the file, the true subject and the mask of all outlined objects, for each test photograph."""
    names = sorted(name for name in photos if name in found and photos[name].licence not in FREE_LICENCES)
    np.random.default_rng(SEED).shuffle(names)
    left = dict(CASES)
    for name in names:
        photo = photos[name]
        main = photo.in_front()
        kind = "people and animals" if main and photo.is_alive(main[0]) else "things"
        if main and left[kind]:
            left[kind] -= 1
            yield kind, found[name], photo.mask(main), photo.mask(photo.outlined)


def score(chosen: np.ndarray, subject: np.ndarray, outlined: np.ndarray) -> tuple[float, float, float, float]:
    """Score a chosen mask; all masks are (h, w) and boolean.

    Returns:
        IoU, recall, precision, and the chosen area outside all outlines, as a fraction of the subject's area.
    """
    both, either, size = (chosen & subject).sum(), (chosen | subject).sum(), subject.sum()
    return both / either, both / size, both / max(chosen.sum(), 1), (chosen & ~outlined).sum() / size


def of_portrait(picture: np.ndarray, disparity: np.ndarray, *, model: str) -> np.ndarray:
    """Return the subject that Portrait blur keeps sharp."""
    return find_subject(picture, disparity=disparity, model=model).alpha > 0.5


def of_map(picture: np.ndarray, disparity: np.ndarray, *, model: str) -> np.ndarray:
    """Return the network's own map, thresholded at a half."""
    saliency = saliency_of(lambda side: resize(picture, (side, side), method="area"), model=model).coverage
    return resize(saliency, picture.shape[:2], method="bilinear") > 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("instances", type=Path, nargs="+", help="instances_*.json of COCO")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    finders: dict[str, Find] = {
        "Portrait blur": partial(of_portrait, model="default"),
        "its map": partial(of_map, model="default"),
        "the same with U²-Net-P": partial(of_portrait, model="u2netp"),
        "U²-Net-P's map": partial(of_map, model="u2netp"),
    }
    found = {path.name: path for path in arguments.pictures.rglob("*.jpg")}
    scores: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    seconds = dict.fromkeys(finders, 0.0)
    for kind, file, subject, outlined in cases(read(arguments.instances), found):
        picture = read_picture(file)
        disparity = estimate_depth(picture).disparity
        for name, finder in finders.items():
            start = time.perf_counter()
            chosen = finder(picture, disparity)
            seconds[name] += time.perf_counter() - start
            scores.setdefault((name, kind), []).append(score(chosen, subject, outlined))
    rows = []
    print(
        "found by               | of                 | pictures | IoU (worst quarter) | recall | precision | beside"
    )
    for (name, kind), values in scores.items():
        iou, recall, precision, beside = np.array(values, float).T
        worst = float(np.sort(iou)[: max(len(iou) // 4, 1)].mean())
        row = {"by": name, "of": kind, "pictures": len(iou), "iou": float(iou.mean()), "worst quarter": worst}
        row |= {
            "recall": float(recall.mean()),
            "precision": float(precision.mean()),
            "beside": float(beside.mean()),
        }
        rows.append({key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()})
        print(
            f"{name:22} | {kind:18} | {len(iou):8} | {iou.mean():.3f} ({worst:.3f})       "
            f"| {recall.mean():.3f}  | {precision.mean():.3f}     | {beside.mean():.3f}"
        )
    pictures = sum(len(values) for (name, _), values in scores.items() if name == "its map")
    print(", ".join(f"{name} {1000 * total / pictures:.0f} ms" for name, total in seconds.items()), "a picture")
    publish({"rows": rows}, arguments.json)


if __name__ == "__main__":
    main()
