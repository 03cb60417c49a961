"""Convert the files of the training runs to weights/dioptre-subject-head. See README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.save import save
from dioptre.models.depth_anything_v2.config import BackboneConfig

_TOKENS = len(BackboneConfig().taps) * BackboneConfig().width

CARD = Card(
    id="dioptre-subject-head",
    title="Subject (head)",
    architecture="subject",
    licence="Apache-2.0",
    licence_doubts=(
        "Trained on 327 photographs of COCO under CC BY 2.0, CC BY-SA 2.0 or without known restrictions, with "
        "COCO's outlines (CC BY 4.0), and on photographs of CID22 (CC BY-SA 4.0), CLIC 2025 (Unsplash licence), "
        "COCO (freely licensed ones), flower_photos and Open Images (CC BY 2.0), the clothing dataset (free for "
        "any use) and the Grocery Store Dataset (MIT), for which U²-Net-P (Apache-2.0, itself trained on DUTS, "
        "which names no licence) and, in 19 portraits, Dioptre's depth map said what stands out. Whether their "
        "terms reach trained values is not settled."
    ),
    notice=(
        "Copyright 2026 The Dioptre authors. Training material: COCO (Lin and others, 2014), CID22 (Cloudinary), "
        "CLIC 2025 (Unsplash photographers), flower_photos (TensorFlow), Open Images, the clothing dataset (Alexey "
        "Grigorev and contributors), the Grocery Store Dataset (MIT, Copyright (c) 2019 Marcus Klasson); U²-Net-P "
        "(Xuebin Qin and others, Apache-2.0) as teacher for pictures without outlines."
    ),
    sources=(Source(upstream="trained for Dioptre, training/subject; fitted to new values of the backbone"),),
    storage="float16-planes",
    preprocessing=(
        "RGB, sRGB-encoded, [0, 1], less the mean (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225); "
        "squeezed to 336 x 336 pixels for dioptre-depth-backbone, whose features it reads, and to 192 x 192 for "
        "itself. The output is log odds of coverage, 192 x 192, and of the picture's having one subject."
    ),
    parity={"none": "an own network"},
    metrics={
        "overlap (IoU) of Portrait blur with outlines, 150 COCO photographs of people and animals": 0.709,
        "the same, worst quarter": 0.312,
        "34 of things": 0.542,
        "the same of things, worst quarter": 0.170,
        "122 pictures with masks, after the fit to the depth network's fifth run": 0.9125,
        "155 COCO photographs: with one subject (119), told right": 0.941,
        "without one (36), told right": 0.917,
    },
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arrays", type=Path, help="what train.py has written")
    parser.add_argument("--chance", type=Path, help="what chance.py has written; left out, every chance is a half")
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    chance = {"chance.kernel": np.zeros((_TOKENS + 1, 1), np.float32), "chance.bias": np.zeros(1, np.float32)}
    if arguments.chance:
        chance = load_file(arguments.chance)
    print(save(arguments.out, CARD, {**load_file(arguments.arrays), **chance}))


if __name__ == "__main__":
    main()
