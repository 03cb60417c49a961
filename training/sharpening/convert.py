"""Convert the file of a training run to weights/dioptre-sharpening. See README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.numpy import load_file

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.save import save

CARD = Card(
    id="dioptre-sharpening",
    title="Earlier sharpening",
    architecture="sharpening",
    licence="Apache-2.0",
    licence_doubts=(
        "Trained on photographs of CLIC 2025 (Unsplash licence), COCO (those under CC BY 2.0, CC BY-SA 2.0 or "
        "without known restrictions), flower_photos and Open Images (CC BY 2.0), the clothing dataset (free for "
        "any use) and the Grocery Store Dataset (MIT). Whether their terms reach trained values is not settled."
    ),
    notice=(
        "Copyright 2026 The Dioptre authors. Training material: CLIC 2025 (Unsplash photographers), COCO, "
        "flower_photos (TensorFlow), Open Images, the clothing dataset (Alexey Grigorev and contributors), the "
        "Grocery Store Dataset (MIT, Copyright (c) 2019 Marcus Klasson)."
    ),
    sources=(Source(upstream="trained for Dioptre, training/sharpening"),),
    storage="float16",
    preprocessing=(
        "sRGB-encoded luma (ITU-R BT.601) in [0, 1] minus its mean over 65 x 65 pixels; 17 pixels of margin before "
        "and 15 after."
    ),
    parity={"none": "an own network"},
    metrics={},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arrays", type=Path, help="network.safetensors of train.py")
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    print(save(arguments.out, CARD, load_file(arguments.arrays)))


if __name__ == "__main__":
    main()
