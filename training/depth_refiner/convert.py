"""Convert the file of a training run to weights/dioptre-depth-refiner. See README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.save import save
from dioptre.models.depth_refiner.convert import convert

CARD = Card(
    id="dioptre-depth-refiner",
    title="Depth edges",
    architecture="depth_refiner",
    licence="Apache-2.0",
    licence_doubts=(
        "Trained on pictures rendered for it (furniture CC BY 3.0 and CC0, textures mostly CC BY-SA, some CC0, CC "
        "BY and GPL; whether their terms reach trained values is not settled) and on coarse maps of an earlier "
        "depth head, which had seen photos of an ImageNet sample on the walls of its renderings."
    ),
    notice=(
        "Copyright 2026 The Dioptre authors. Furniture models: the Sweet Home 3D contributors, CC BY 3.0 and CC0."
    ),
    sources=(Source(upstream="trained for Dioptre on about 890 rendered pictures, 2,320 steps of 6 crops"),),
    storage="float16-planes",
    preprocessing=(
        "RGB, sRGB-encoded, [0, 1], short side about 504 pixels, both sides multiples of 16, and disparity whose "
        "1st and 99th percentile are 0 and 1. Applied twice."
    ),
    parity={"largest difference from its PyTorch original on the golden picture": 1e-6},
    metrics={
        "26 photos with measured depth, boundary F1": {"without": 0.004, "once": 0.051, "twice": 0.059},
    },
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arrays", type=Path, help=".npz with the names of network.py, after `refiner.`")
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    with np.load(arguments.arrays, allow_pickle=False) as file:
        arrays = {name.removeprefix("refiner."): file[name] for name in file.files}
    print(save(arguments.out, CARD, convert(arrays)))


if __name__ == "__main__":
    main()
