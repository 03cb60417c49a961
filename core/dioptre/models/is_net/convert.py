"""Read the values of IS-Net from an ONNX file, whose exports list convolutions in the order of execution."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dioptre.checkpoints.onnx_file import OnnxFile, read_onnx
from dioptre.models.key_map import conv_kernel

_COARSER = "coarser side"  # a convolution for training, whose map is not used


def values(file: Path) -> dict[str, np.ndarray]:
    """Return the values in a published file of IS-Net; raise ValueError if it contains something else."""
    return values_of(read_onnx(file.read_bytes()))


def values_of(file: OnnxFile) -> dict[str, np.ndarray]:
    """Return the network's values as float32 under their paths in Dioptre's module.

    Raises:
        ValueError: the file has another number of convolutions.
    """
    found = {}
    for path, (kernel, bias) in zip(_paths(), file.convolutions(), strict=True):
        if path != _COARSER:
            found[f"{path}.kernel"], found[f"{path}.bias"] = conv_kernel(kernel), bias
    return found


def _paths() -> Iterator[str]:
    """Yield the path of each convolution in the order in which the original runs them."""
    yield "enter"
    for stage, level in [("encoder", i) for i in range(6)] + [("decoder", i) for i in reversed(range(5))]:
        steps = range(max(6 - level, 3))
        names = ["enter", *(f"down.{i}" for i in steps), "bottom", *(f"up.{i}" for i in reversed(steps))]
        yield from (f"{stage}.{level}.{name}.conv" for name in names)
    yield "side"
    yield from [_COARSER] * 5
