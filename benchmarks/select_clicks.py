"""Measure what a click on a missed part adds to a selection of the subject, and what one on a wrong part removes.

    python -m benchmarks.select_clicks DATA [--every N] [--pictures FOLDER] [--json FILE]

DATA contains NAME.jpg, NAME_mask.png (white inside) and labels.tsv with the columns name and category. With --every
N, only each N-th photograph is used. --pictures writes, for each click, the photograph, and the selection before
and after it.

A missed part is a connected part of the mask that the selection leaves out, and a wrong one a connected part that
it takes in without reason; slivers along the outline and parts below half a percent of the mask do not count. Each
gets one click, on the pixel deepest inside it. The scores are those of the pixels that changed: IoU with the part,
where right changes elsewhere do not count; the wrong changes, relative to the part's area; and the share of the new
outline that lies within a hundredth of the shorter side of the mask's outline.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare_if_needed()

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.frame import publish, read, table
from dioptre.caching.caches import MemoryCache
from dioptre.contract import Inputs
from dioptre.features.depth.estimation import estimate_depth
from dioptre.features.subject import Choice, chosen_subject

LEAST_AREA = 0.005  # area of the smallest part, as a fraction of the mask's
SLIVER = 0.008  # half-width of the thinnest part, as a fraction of the shorter side
EDGE = 0.01  # distance, as a fraction of the shorter side, within which an outline follows another


def parts(wrong: np.ndarray, mask: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[float, float]]]:
    """Yield the parts (H, W) of a wrong area, and the point (x, y) deepest inside each."""
    labels, count = ndimage.label(wrong)
    for label in range(1, count + 1):
        part = labels == label
        deep = ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1]
        if part.sum() >= LEAST_AREA * mask.sum() and deep.max() >= max(2, SLIVER * min(mask.shape)):
            row, column = np.unravel_index(int(deep.argmax()), deep.shape)
            yield part, (float(column) + 0.5, float(row) + 0.5)


def outline(mask: np.ndarray) -> np.ndarray:
    """Return the pixels on both sides of a mask's outline."""
    edge: np.ndarray = ndimage.maximum_filter(mask, 3) != ndimage.minimum_filter(mask, 3)
    return edge


def score(before: np.ndarray, after: np.ndarray, part: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return the scores of a click; all planes are (H, W) and boolean."""
    changed = before != after
    bad = changed & (after != mask)
    iou = (changed & part).sum() / (part | bad).sum()
    edge = outline(changed) & ~ndimage.maximum_filter(outline(before), 5)
    apart = ndimage.distance_transform_edt(~outline(mask))[edge]
    follows = (apart <= EDGE * min(mask.shape)).mean() if edge.any() else 0.0
    return {"iou": float(iou), "wrong": float(bad.sum() / part.sum()), "edge": float(follows)}


def sheet(picture: np.ndarray, masks: list[np.ndarray], point: tuple[float, float]) -> Image.Image:
    """Draw the photograph with the click, and the selections over grey."""
    shown = [picture, *(np.where(mask[..., None], picture, 0.25 * picture + 0.5) for mask in masks)]
    radius = max(2, min(picture.shape[:2]) // 60)
    down, across = np.mgrid[: picture.shape[0], : picture.shape[1]]
    away = np.hypot(down - point[1], across - point[0])
    shown[0] = np.where(
        ((away < radius) & (away > radius - 2))[..., None], np.array([1, 0, 0], np.float32), picture
    )
    return Image.fromarray((255 * np.concatenate(shown, axis=1)).astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with (chosen.data / "labels.tsv").open(encoding="utf-8", newline="") as stream:
        names = [row["name"] for row in csv.DictReader(stream, delimiter="\t")]
    rows: list[dict[str, Any]] = []
    for name in names[:: chosen.every]:
        picture = read(chosen.data / f"{name}.jpg")
        with Image.open(chosen.data / f"{name}_mask.png") as image:
            mask = np.asarray(image.convert("L")) > 127
        disparity = estimate_depth(picture).disparity
        inputs = Inputs(picture=picture, cache=MemoryCache({}))
        before = chosen_subject(inputs, disparity, Choice()).alpha > 0.5
        for option, wrong in (("added", mask & ~before), ("removed", before & ~mask)):
            for number, (part, point) in enumerate(parts(wrong, mask)):
                start = time.process_time()
                click = Choice(added=(point,)) if option == "added" else Choice(removed=(point,))
                after = chosen_subject(inputs, disparity, click).alpha > 0.5
                took = time.process_time() - start
                row = {"name": f"{name} {option} {number}", "option": option, "s": took}
                rows.append(row | score(before, after, part, mask))
                print(
                    " ".join(f"{each:.2f}" if isinstance(each, float) else each for each in rows[-1].values()),
                    flush=True,
                )
                if chosen.pictures:
                    chosen.pictures.mkdir(parents=True, exist_ok=True)
                    sheet(picture, [before, after, mask], point).save(chosen.pictures / f"{rows[-1]['name']}.png")
    means = []
    for option in ("added", "removed"):
        own = [row for row in rows if row["option"] == option]
        mean = {name: float(np.mean([row[name] for row in own])) for name in ("iou", "wrong", "edge", "s") if own}
        means.append({"click": option, "parts": len(own), **mean})
    print(table(means))
    publish({"means": means, "clicks": rows}, chosen.json)


if __name__ == "__main__":
    main()
