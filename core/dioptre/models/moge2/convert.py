"""Published weights of MoGe-2 (`model.pt`) to our names and layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dioptre.checkpoints.card import WeightsError
from dioptre.checkpoints.torch_file import Tensor, read_torch
from dioptre.models.depth_anything_v2.convert import convert_backbone
from dioptre.models.key_map import Rule, apply_rules, conv_kernel, pointwise_kernel

from .config import Moge2Config, from_published

_BACKBONE = "encoder.backbone."
_UNUSED = re.compile(r"encoder\.image_(mean|std)")
_STACKS = {"neck": "neck", "points_head": "points", "mask_head": "mask", "normal_head": "normal"}
_HINT = "Give the model.pt of MoGe-2 ViT-S normal or ViT-B normal, as its authors publish it."


def _transposed(weight: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(weight.T)


def _spread_kernel(weight: np.ndarray) -> np.ndarray:
    """A transposed convolution's (I, O, kh, kw) to (kh, kw, I, O)."""
    return np.ascontiguousarray(weight.transpose(2, 3, 0, 1))


def _stack_rules(theirs: str, ours: str) -> tuple[Rule, ...]:
    level = rf"{theirs}\."
    weights = (
        Rule(
            source=rf"{level}input_blocks\.(\d)\.weight",
            target=rf"{ours}.enters.\1.kernel",
            layout=pointwise_kernel,
        ),
        Rule(
            source=rf"{level}output_blocks\.(\d)\.weight",
            target=rf"{ours}.leaves.\1.kernel",
            layout=pointwise_kernel,
        ),
        *(
            Rule(
                source=rf"{level}res_blocks\.(\d)\.(\d+)\.layers\.{number}\.weight",
                target=rf"{ours}.blocks.\1.\2.{place}.conv.kernel",
                layout=conv_kernel,
            )
            for number, place in ((2, "first"), (5, "second"))
        ),
        Rule(
            source=rf"{level}resamplers\.(\d)\.0\.weight",
            target=rf"{ours}.doublings.\1.spread.kernel",
            layout=_spread_kernel,
        ),
        Rule(
            source=rf"{level}resamplers\.(\d)\.1\.weight",
            target=rf"{ours}.doublings.\1.conv.conv.kernel",
            layout=conv_kernel,
        ),
    )
    biases = (
        Rule(
            source=rule.source.replace(r"\.weight", r"\.bias"),
            target=re.sub("kernel$", "bias", rule.target),
        )
        for rule in weights
    )
    return (*weights, *biases)


RULES = (
    Rule(
        source=r"encoder\.output_projections\.(\d)\.weight", target=r"projects.\1.kernel", layout=pointwise_kernel
    ),
    Rule(source=r"encoder\.output_projections\.(\d)\.bias", target=r"projects.\1.bias"),
    *(rule for theirs, ours in _STACKS.items() for rule in _stack_rules(theirs, ours)),
    *(
        rule
        for number in range(4)
        for rule in (
            Rule(source=rf"scale_head\.{2 * number}\.weight", target=f"scale.{number}.kernel", layout=_transposed),
            Rule(source=rf"scale_head\.{2 * number}\.bias", target=f"scale.{number}.bias"),
        )
    ),
)


def read(path: Path) -> tuple[Moge2Config, dict[str, np.ndarray]]:
    """Configuration and values from a published `model.pt`. Raises WeightsError when it holds something else."""
    file = read_torch(path)
    tree = file.tree
    tensors = tree.get("model") if isinstance(tree, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(one, Tensor) for one in tensors.values()):
        raise WeightsError("{file} does not hold MoGe-2.", hint=_HINT, file=path.name)
    config = from_published(tree.get("model_config") or {}, origin=path.name)
    try:
        return config, convert(dict(file.arrays(tensors)))
    except ValueError as error:
        raise WeightsError(
            "{file} does not hold MoGe-2: {why}.", hint=_HINT, file=path.name, why=str(error)
        ) from error


def convert(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The values from the names of the original code. Raises ValueError naming arrays that do not belong."""
    floats = {name: value.astype(np.float32) for name, value in arrays.items() if not _UNUSED.fullmatch(name)}
    backbone = {name.removeprefix(_BACKBONE): value for name, value in floats.items() if name.startswith(_BACKBONE)}
    others = {name: value for name, value in floats.items() if not name.startswith(_BACKBONE)}
    ours = {f"backbone.{name}": value for name, value in convert_backbone(backbone).items()}
    return ours | apply_rules(others, RULES)
