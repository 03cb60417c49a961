"""Measure how much of a subject's outline the depth step follows, on hand-drawn outlines of three example pictures.

    python -m benchmarks.depth_outlines [--model ID] [--json FILE]

At every pixel along an outline, the depth is sampled along the normal, 10 pixels inwards and outwards. The step is
at the steepest drop. It counts as found if it is within 2 pixels of the outline and the disparity drops by at least
2% of its range from 4 pixels before to 4 pixels after the step. Outlines end at the picture's border. Two maps are
measured: the estimate alone, and the map that *Portrait blur* uses, with its step moved to the subject's matte.

`depth_outlines.json` contains lists of [x, y] in pixels from the centre of the first pixel, with the near side on
the right of the direction of travel. The outlines were drawn on enlarged pictures, moved to the colour edges by
GrabCut where that looked right, and smoothed; the saucer is an ellipse fitted to 39 points. The cat's right side,
fur out of focus in front of a blanket of the same colour, was drawn by eye alone, on the picture enlarged 10 to 18
times with stretched contrast, without reference to any depth map.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates

from dioptre.imaging.depth_edge_snap import snap_to_matte
from dioptre.pipelines.depth import estimate_depth
from dioptre.pipelines.subject import find_subject

EXAMPLES = Path(__file__).parent.parent / "examples"
REACH_PX = 10
TOLERANCE_PX = 2.0
BESIDE_PX = 4
LEAST_STEP = 0.02
SAMPLES_A_PX = 4


def score(disparity: np.ndarray, outlines: list[np.ndarray]) -> dict[str, float]:
    """Score how well depth steps follow hand-drawn outlines.

    Args:
        disparity: (H, W), larger is nearer, range 0 to 1.
        outlines: Polylines (n, 2) of x and y in pixels.

    Returns:
        The fraction of the outlines with a step within two pixels, the fraction with any step, and the median
        distance of those steps in pixels.
    """
    distances, steps = (
        np.concatenate(part) for part in zip(*(_along(disparity, o) for o in outlines), strict=True)
    )
    found = steps >= LEAST_STEP
    return {
        "within 2 px": float((found & (distances <= TOLERANCE_PX)).mean()),
        "a step": float(found.mean()),
        "median px": float(np.median(distances[found])) if found.any() else float("nan"),
    }


def _along(disparity: np.ndarray, outline: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure the depth step at every pixel along an outline.

    Args:
        disparity: (H, W).
        outline: (n, 2), x and y in pixels, with the near side on the right of the direction of travel.

    Returns:
        The distance in pixels between the outline and the steepest drop, and the height of the step: one value of
            each for every pixel of the outline.
    """
    sides = np.diff(outline, axis=0)
    lengths = np.hypot(*sides.T)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    way = np.arange(0.5, ends[-1], 1.0)
    side = np.clip(np.searchsorted(ends, way, side="right") - 1, 0, len(sides) - 1)
    forwards = sides[side] / lengths[side, None]
    points = outline[side] + forwards * (way - ends[side])[:, None]
    outwards = np.stack([forwards[:, 1], -forwards[:, 0]], 1)
    offsets = np.linspace(-REACH_PX, REACH_PX, 2 * REACH_PX * SAMPLES_A_PX + 1)
    x, y = (points[:, None] + offsets[:, None] * outwards[:, None]).transpose(2, 0, 1)
    profile = map_coordinates(disparity, [y, x], order=1, mode="nearest")
    fall = profile[:, :-SAMPLES_A_PX] - profile[:, SAMPLES_A_PX:]  # Drop of the disparity per pixel.
    steepest = fall.argmax(1) + SAMPLES_A_PX // 2
    rows, beside = np.arange(len(profile)), BESIDE_PX * SAMPLES_A_PX
    before, behind = np.maximum(steepest - beside, 0), np.minimum(steepest + beside, len(offsets) - 1)
    return np.abs(offsets[steepest]), profile[rows, before] - profile[rows, behind]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    drawn = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    results: dict[str, dict[str, dict[str, float]]] = {}
    maps: dict[str, dict[str, np.ndarray]] = {}
    for name, outlines in drawn.items():
        photo = name.split(",")[0]
        if photo not in maps:
            picture = np.asarray(Image.open(EXAMPLES / f"{photo}.jpg").convert("RGB"), np.float32) / 255
            estimate = estimate_depth(picture, model=options.model).disparity
            matte = find_subject(picture, disparity=estimate).alpha
            maps[photo] = {"estimate": estimate, "with matte": snap_to_matte(estimate, matte)}
        results[name] = {
            kind: score(disparity, [np.array(outline) for outline in outlines])
            for kind, disparity in maps[photo].items()
        }
        for kind, scores in results[name].items():
            print(f"{name:15} {kind:10}", "  ".join(f"{key} {value:.2f}" for key, value in scores.items()))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
