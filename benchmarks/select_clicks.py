"""Measure how many clicks a selection of the subject needs: agreement with the truth after 0, 1, 2 and 3 clicks.

    PYTHONPATH=DATA python -m benchmarks.select_clicks DATA [--set subject|matte] [--every N] [--json FILE]

DATA contains `matte/` (pictures with true alpha), `subject/` (with true masks) and `evalkit.py`, which loads them.
Clicks follow a rule: each is
placed in the middle of the largest wrong region (the pixel deepest inside it), and adds to the selection where the
subject is missing, or subtracts where too much is selected. A picture gets no more clicks when its largest wrong
region is smaller than one percent of the subject's area. With --every N, only each N-th picture is used. If nothing
is found without a click, the overlap is 0. The error in the band is the mean absolute error where the truth is
partly transparent, and nearby; it exists only for the set `matte`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dioptre import runtime

runtime.prepare_if_needed()

import evalkit
import numpy as np
from scipy import ndimage

from dioptre.caching.caches import MemoryCache
from dioptre.contract import Inputs
from dioptre.features.depth.estimation import estimate_depth
from dioptre.recipes.apply import apply
from dioptre_link.errors import UsageError
from dioptre_link.operation import Role

CLICKS = 3
WORSE = 0.02  # A click that lowers the overlap by more than this is reported.
BAND = 0.025  # Width of the band around partly transparent pixels, as a fraction of the picture's shorter side.
DONE = 0.01  # Clicking stops when the largest wrong region is smaller than this fraction of the subject's area.


def items(data: Path, chosen: str) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Yield the name, the category, the picture (h, w, 3) in [0, 1] and the true alpha or mask of each picture."""
    load = evalkit.matte_items if chosen == "matte" else evalkit.subject_items
    for name, category, picture, truth in load(str(data)):
        yield name, category, picture.astype(np.float32) / 255, truth.astype(np.float64)


def agreement(mask: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return the intersection over union of two masks, each thresholded at 0.5, and the error in the band.

    Both equal those of `evalkit.matte_scores`, which also measures holes, in minutes for a large picture.
    """
    partly = (truth > 0.02) & (truth < 0.98)
    reach = max(2, round(BAND * min(truth.shape)))
    band = ndimage.maximum_filter(partly, size=2 * reach + 1)
    error = float(np.abs(mask - truth)[band].mean()) if band.any() else float("nan")
    chosen, true = mask > 0.5, truth > 0.5
    return float((chosen & true).sum() / max((chosen | true).sum(), 1)), error


def next_click(mask: np.ndarray, truth: np.ndarray) -> tuple[str, tuple[float, float]] | None:
    """Choose the next click: the centre of the largest wrong region.

    Args:
        mask: (H, W) selection so far, 0 to 1.
        truth: (H, W) true mask, 0 to 1.

    Returns:
        The option that receives the click, and the position (x, y) in pixels; None when no large region is wrong.
    """
    wrong = (mask > 0.5) != (truth > 0.5)
    labels, count = ndimage.label(wrong)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.max() < DONE * max((truth > 0.5).sum(), 1):
        return None
    inside = np.pad(labels == 1 + int(np.argmax(sizes)), 1)
    deep = ndimage.distance_transform_edt(inside)[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(deep)), deep.shape)
    name = "subject" if truth[row, column] > 0.5 else "not_subject"
    return name, (float(column) + 0.5, float(row) + 0.5)


def select(inputs: Inputs, options: Mapping[str, Any]) -> np.ndarray:
    """Return the selected mask (H, W); all zeros when the product finds no subject."""
    try:
        result = apply("select_subject", options, inputs)
    except UsageError:
        return np.zeros(inputs.picture.shape[:2], np.float32)
    return next(layer.pixels for layer in result.layers if layer.role is Role.SELECTION)


class Clicked(NamedTuple):
    """The course of a selection.

    Attributes:
        scores: agreement after 0, 1, 2 and 3 clicks.
        seconds: how long each click took.
        clicks: option and position of each click.
    """

    scores: list[tuple[float, float]]
    seconds: list[float]
    clicks: list[tuple[str, tuple[float, float]]]


def clicked(picture: np.ndarray, truth: np.ndarray) -> Clicked:
    """Select a subject with up to three clicks."""
    disparity = estimate_depth(picture).disparity
    inputs = Inputs(picture=picture, disparity=disparity, cache=MemoryCache({}))
    options: dict[str, list[tuple[float, float]]] = {"subject": [], "not_subject": []}
    mask = select(inputs, options)
    course = Clicked([agreement(mask, truth)], [], [])
    while len(course.scores) <= CLICKS:
        click = next_click(mask, truth)
        if click is not None:
            options[click[0]].append(click[1])
            start = time.perf_counter()
            mask = select(inputs, options)
            course.seconds.append(time.perf_counter() - start)
            course.clicks.append(click)
        course.scores.append(agreement(mask, truth))
    return course


def _shown(values: Iterable[float]) -> str:
    return " ".join(f"{value:.3f}" for value in values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", choices=("subject", "matte"), default="subject")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for number, (name, group, picture, truth) in enumerate(items(chosen.data, chosen.set)):
        if number % chosen.every:
            continue
        course = clicked(picture, truth)
        overlaps, bands = (list(each) for each in zip(*course.scores, strict=True))
        row = {"name": name, "group": group, "overlaps": overlaps, "bands": bands}
        rows.append(row | {"seconds": course.seconds, "clicks": course.clicks})
        worse = "  worse" if min(np.diff(overlaps)) < -WORSE else ""
        print(f"{name:40} {_shown(overlaps)}  band {_shown(bands)}  s {_shown(course.seconds)}{worse}", flush=True)
    for group in [*sorted({row["group"] for row in rows}), "all"]:
        of_group = [row for row in rows if group in (row["group"], "all")]
        overlaps, bands = (np.mean([row[name] for row in of_group], axis=0) for name in ("overlaps", "bands"))
        print(f"{group:8} ({len(of_group)}) {_shown(overlaps)}  band {_shown(bands)}")
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
