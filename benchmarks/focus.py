"""Measure whether Portrait blur focuses on the sharp part of a subject whose parts are at several depths.

    python -m benchmarks.focus PICTURES… [--json FILE]

PICTURES are photographs, or folders of them. In photographs whose subject has parts far apart in depth, the
farthest and the nearest part are put into focus in turn: the lens blur makes the other one unsharp, with a disc
whose radius is one of BLURS, as a fraction of the diagonal. The result is how often the focus is nearer to the
sharp part than to the other one. The same is measured for a focus at the median of the whole subject's depth, which
ignores sharpness. For the unmodified photographs, the result is how often the focus differs from that median.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image

from dioptre.pipelines.depth import estimate_depth
from dioptre.pipelines.lens_blur import lens_blur
from dioptre.pipelines.subject import find_subject
from dioptre.pipelines.subject_focus import APART, focus_of, parts_of

BLURS = (0.0025, 0.005, 0.01)
LARGEST_PX = 1600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    files = sorted(f for path in arguments.pictures for f in ([path] if path.is_file() else path.rglob("*.*")))
    photographs, changed = 0, 0
    right: dict[tuple[float, str], list[bool]] = {}
    for file in files:
        with Image.open(file) as opened:
            image = opened.convert("RGB")
        image.thumbnail((LARGEST_PX, LARGEST_PX))
        picture = np.asarray(image, np.float32) / 255
        disparity = estimate_depth(picture).disparity
        subject = find_subject(picture, disparity=disparity)
        depths = parts_of(subject.alpha, disparity)[1].values()
        if not subject.found or not depths or max(depths) - min(depths) < APART:
            continue
        far, near = min(depths), max(depths)
        grey = np.full_like(picture, 0.5)  # In a picture without any detail, the focus is the median of the depth.
        median = focus_of(grey, subject.alpha, disparity)[0]
        photographs += 1
        changed += subject.focal_disparity != median
        for blur in BLURS:
            for sharp, other in ((far, near), (near, far)):
                radius = blur * float(np.hypot(*disparity.shape)) / (near - far)
                shown = lens_blur(picture, disparity, focal_disparity=sharp, max_radius=radius).image
                for name, focal in (
                    ("Portrait blur", focus_of(shown, subject.alpha, disparity)[0]),
                    ("the median", median),
                ):
                    right.setdefault((blur, name), []).append(abs(focal - sharp) < abs(focal - other))
    print(f"{photographs} of {len(files)} photographs; as they are, {changed} focused elsewhere than the median")
    rows = [
        {"blur of the diagonal": blur, "by": name, "right": round(float(np.mean(found)), 3), "of": len(found)}
        for (blur, name), found in right.items()
    ]
    for row in rows:
        print(" | ".join(f"{key}: {value}" for key, value in row.items()))
    if arguments.json:
        text = json.dumps({"photographs": photographs, "changed as they are": int(changed), "rows": rows}, indent=1)
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
