"""Measure how well subjects are cut out, on pictures with true mattes or masks, compared with MODNet and U²-Net-P.

    PYTHONPATH=DATA python -m benchmarks.matte DATA [--set matte|subject] [--json FILE]

DATA contains `matte/` (pictures with true alpha), `subject/` (pictures with true masks) and `evalkit.py`, with the
loaders and the scores: error in the band (where the truth is partly transparent, and nearby), error over the
picture, error of the gradient in the band, overlap (IoU), and holes. No trimap or click is given: the subject is
found automatically, with the disparity that the product estimates. The rows MODNet and U²-Net-P are the networks'
own maps, as background removers use them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import evalkit
import numpy as np

from dioptre.imaging.resize import resize
from dioptre.pipelines.depth import estimate_depth
from dioptre.pipelines.soft_matte import soft_matte
from dioptre.pipelines.subject import find_subject
from dioptre.pipelines.subject_views import saliency_of

GROUPS = {
    "hair": ("portrait_hair", "doll_hair", "person"),
    "fur": ("animal_fur", "plush_fur", "animal_smooth", "plush"),
    "thin": ("plant", "thin_object", "bicycle"),
    "thing": ("object",),
    "glass": ("glass",),
    "alive": ("person", "dog", "horse", "bird", "animal", "sheep_cow", "cat", "video"),
    "things": ("object", "plant", "vehicle"),
}
BEYOND_REACH = "glass"
HOLE = 0.01  # Smallest hole that is counted, as a fraction of the subject's area.

Cut = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Maps a picture (h, w, 3) and its disparity (h, w) to alpha (h, w)."""


def items(data: Path, chosen: str) -> Iterator[tuple[str, str, str, np.ndarray, np.ndarray]]:
    """Yield the test pictures of a set.

    Yields:
        The name, the category, the group, the picture (h, w, 3) in [0, 1], and its true alpha or mask (h, w).
    """
    load = evalkit.matte_items if chosen == "matte" else evalkit.subject_items
    known = list(GROUPS.items())[:5] if chosen == "matte" else list(GROUPS.items())[5:]
    for name, category, picture, truth in load(str(data)):
        group = next(group for group, categories in known if category.replace(" ", "_").startswith(categories))
        yield name, category, group, picture.astype(np.float32) / 255, truth.astype(np.float64)


def of_portrait(picture: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """Return the alpha that Portrait blur uses."""
    return find_subject(picture, disparity=disparity).alpha


def of_map(picture: np.ndarray, disparity: np.ndarray, *, model: str) -> np.ndarray:
    """Return the saliency map of a network, resized to the picture."""
    saliency = saliency_of(resize(picture, (320, 320), method="area"), model=model)
    return resize(saliency.coverage, picture.shape[:2], method="bilinear")


def of_modnet(picture: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """Return MODNet's alpha, resized to the picture."""
    return resize(soft_matte(picture), (picture.shape[0], picture.shape[1]), method="bilinear")


def summary(scores: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean scores, the IoU of the worst quarter, and the fraction of the pictures with a hole."""
    overlap = np.sort([score["iou"] for score in scores])
    means = {
        name: float(np.nanmean([score[name] for score in scores])) for name in ("band", "mad", "gradient", "iou")
    }
    means["worst quarter"] = float(overlap[: max(len(overlap) // 4, 1)].mean())
    means["with a hole"] = float(np.mean([score["hole"] > HOLE for score in scores]))
    return {name: round(value, 3) for name, value in means.items()} | {"pictures": len(scores)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", choices=("matte", "subject"), default="matte")
    parser.add_argument("--only", nargs="+", help="of Portrait blur, MODNet, U²-Net-P")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cuts: dict[str, Cut] = {
        "Portrait blur": of_portrait,
        "MODNet": of_modnet,
        "U²-Net-P": partial(of_map, model="u2netp"),
    }
    cuts = {name: cut for name, cut in cuts.items() if arguments.only is None or name in arguments.only}
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    pictures, seconds = [], dict.fromkeys(cuts, 0.0)
    for name, category, group, picture, truth in items(arguments.data, arguments.set):
        disparity = estimate_depth(picture).disparity
        for by, cut in cuts.items():
            start = time.perf_counter()
            alpha = cut(picture, disparity)
            seconds[by] += time.perf_counter() - start
            scores = evalkit.matte_scores(alpha, truth)
            pictures.append({"picture": name, "category": category, "by": by, **scores})
            every = "all" if group == BEYOND_REACH else f"all but {BEYOND_REACH}"
            for part in (group, every, *(("horses",) if category == "horse" else ())):
                found.setdefault((by, part), []).append(scores)
    rows = [{"by": by, "of": group, **summary(scores)} for (by, group), scores in sorted(found.items())]
    print("by | of | pictures | band | over picture | gradient | IoU (worst quarter) | with a hole")
    for row in rows:
        print(
            f"{row['by']:13} | {row['of']:13} | {row['pictures']:8} | {row['band']:.3f} | {row['mad']:.3f}        "
            f"| {row['gradient']:8.3f} | {row['iou']:.3f} ({row['worst quarter']:.3f}) | {row['with a hole']:.2f}"
        )
    count = max(len(pictures) // max(len(cuts), 1), 1)
    print(", ".join(f"{by} {1000 * total / count:.0f} ms" for by, total in seconds.items()), "a picture")
    if arguments.json:
        content = json.dumps({"rows": rows, "pictures": pictures}, indent=1, ensure_ascii=False)
        arguments.json.write_text(content + "\n")


if __name__ == "__main__":
    main()
