"""Make weights/dioptre-depth-head from the file of its training run. See README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.save import save
from dioptre.models.depth_anything_v2.convert import convert_head

CARD = Card(
    id="dioptre-depth-head",
    title="Depth head",
    architecture="depth_anything_v2: head, small, without cut-off",
    licence="Apache-2.0",
    licence_doubts=(
        "Trained on pictures rendered for it, no photos. The rendered furniture is CC BY 3.0 and CC0; surface "
        "textures come from SuperTuxKart (mostly CC BY-SA, some CC0, CC BY and GPL). Whether share-alike terms of "
        "textures reach values trained on renderings that show them is not settled."
    ),
    notice=(
        "Copyright 2026 The Dioptre authors. Furniture models: the Sweet Home 3D contributors, CC BY 3.0 and CC0."
    ),
    sources=(Source(upstream="trained for Dioptre: 1,863 rendered pictures, two crops of each, 3,151 steps of 4"),),
    storage="float16-planes",
    preprocessing=(
        "Features of blocks 2, 5, 8 and 11 of dinov2-vits14, normalised, without the class token. The picture's "
        "short side about 280 pixels. The output is relative inverse depth of any scale and shift, and may "
        "be negative."
    ),
    parity={"largest difference from transformers 5.23, three photos, of range": 6e-6},
    metrics={
        "26 photos with measured depth, aligned in scale and shift, without the refiner": {
            "AbsRel": 0.162,
            "delta1": 0.746,
            "correlation": 0.728,
        }
    },
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arrays", type=Path, help=".npz with the original code's names, `depth_head.…`")
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    with np.load(arguments.arrays, allow_pickle=False) as file:
        arrays = {name.removeprefix("depth_head."): file[name] for name in file.files}
    print(save(arguments.out, CARD, convert_head(arrays)))


if __name__ == "__main__":
    main()
