"""Measure how accurately small subjects are cut out, with and without the second pass on a crop.

    python -m benchmarks.small_subjects --portraits PICTURES… --scenes PICTURES… [--json FILE]

PORTRAITS show one large subject each. It is cut out at its full size by `find_subject` and pasted into each of the
SCENES, pictures without a subject, at a half to a sixteenth of the scene's height. The matte with which it was
pasted is the truth. The results are how often the subject is found (IoU above .1), automatically and at a click on
it, and, for the subjects found, the median absolute error of the matte relative to the area of the true matte.
Portraits that are cut off by their picture's border end at a straight line in the scene; all results for one
height use the same scenes.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from unittest.mock import patch

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image

from dioptre.imaging.resize import resize
from dioptre.pipelines import subject
from dioptre.pipelines.subject import find_subject
from dioptre.pipelines.window import window_round

SCENE = (1200, 1600)
SHARES = (0.5, 0.25, 0.125, 0.0625)


def opened(file: Path) -> np.ndarray:
    """Read a picture as RGB float32 in [0, 1]."""
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"), np.float32) / 255


def placed(
    cut_out: np.ndarray, alpha: np.ndarray, scene: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Paste a cut-out onto a scene.

    Args:
        cut_out: Picture (h, w, 3) in [0, 1].
        alpha: Matte (h, w) of the cut-out.
        scene: Picture (*SCENE, 3) in [0, 1].
        share: Height of the pasted subject as a fraction of the scene's height.

    Returns:
        The scene with the subject's feet at 0.8 of its height, and the true matte.
    """
    height = round(share * SCENE[0])
    size = (height, max(1, round(height * alpha.shape[1] / alpha.shape[0])))
    small = resize(alpha, size, method="area")
    picture, truth = scene.copy(), np.zeros(SCENE, np.float32)
    top, left = round(0.8 * SCENE[0]) - size[0], round(0.4 * SCENE[1]) - size[1] // 2
    place = slice(top, top + size[0]), slice(left, left + size[1])
    picture[place] += small[..., None] * (resize(cut_out, size, method="area") - picture[place])
    truth[place] = small
    return picture, truth


def middle(truth: np.ndarray) -> tuple[float, float]:
    """Return the pixel (x, y) nearest to a matte's centre of mass among those that are certainly inside it."""
    rows, columns = np.nonzero(truth > 0.95)
    nearest = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    return float(columns[nearest]) + 0.5, float(rows[nearest]) + 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, nargs="+", required=True)
    parser.add_argument("--scenes", type=Path, nargs="+", required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    scenes = [resize(opened(file), SCENE, method="bicubic") for file in arguments.scenes]
    looks = {
        "two looks": (window_round, False),
        "one look": (lambda *_, **__: None, False),
        "two looks at a click": (window_round, True),
        "one look at a click": (lambda *_, **__: None, True),
    }
    errors: dict[tuple[float, str], list[float]] = {}
    for file in arguments.portraits:
        cut_out = opened(file)
        alpha = find_subject(cut_out).alpha
        rows, columns = (np.flatnonzero((alpha > 0.5).any(axis=axis)) for axis in (1, 0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        for scene in scenes:
            for share in SHARES:
                picture, truth = placed(cut_out[box], alpha[box], scene, share)
                for by, (window, clicked) in looks.items():
                    with patch.object(subject, "window_round", window):
                        found = find_subject(picture, at=middle(truth) if clicked else None).alpha
                    both, either = np.minimum(found, truth).sum(), np.maximum(found, truth).sum()
                    error = float(np.abs(found - truth).sum() / truth.sum())
                    errors.setdefault((share, by), []).append(error if both > 0.1 * either else math.inf)
    rows_out = []
    for (share, by), values in errors.items():
        seen = [error for error in values if error < math.inf]
        row = {"height": share, "by": by, "of": len(values), "found": len(seen)}
        rows_out.append(row | {"median error": round(float(np.median(seen)), 3)})
        print(" | ".join(f"{key}: {value}" for key, value in rows_out[-1].items()))
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows_out}, indent=1) + "\n")


if __name__ == "__main__":
    main()
