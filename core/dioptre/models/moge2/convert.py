"""Published weights of MoGe-2 (`model.pt`) to our names and layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dioptre.checkpoints.card import WeightsError
from dioptre.checkpoints.torch_file import Tensor, read_torch
from dioptre.models.depth_anything_v2.convert import convert_backbone
from dioptre.models.key_map import (
    Rule,
    apply_rules,
    conv_rules,
    linear_rules,
    pointwise_rules,
    spread_rules,
)

from .config import Moge2Config, from_published

_BACKBONE = "encoder.backbone."
_UNUSED = re.compile(r"encoder\.image_(mean|std)")
_STACKS = {"neck": "neck", "points_head": "points", "mask_head": "mask", "normal_head": "normal"}
_HINT = "Use the model.pt of MoGe-2 ViT-S normal or ViT-B normal, as its authors publish it."


def _stack_rules(theirs: str, ours: str) -> tuple[Rule, ...]:
    return (
        *pointwise_rules(rf"{theirs}\.input_blocks\.(\d)", rf"{ours}.enters.\1"),
        *pointwise_rules(rf"{theirs}\.output_blocks\.(\d)", rf"{ours}.leaves.\1"),
        *conv_rules(rf"{theirs}\.res_blocks\.(\d)\.(\d+)\.layers\.2", rf"{ours}.blocks.\1.\2.first.conv"),
        *conv_rules(rf"{theirs}\.res_blocks\.(\d)\.(\d+)\.layers\.5", rf"{ours}.blocks.\1.\2.second.conv"),
        *spread_rules(rf"{theirs}\.resamplers\.(\d)\.0", rf"{ours}.doublings.\1.spread"),
        *conv_rules(rf"{theirs}\.resamplers\.(\d)\.1", rf"{ours}.doublings.\1.conv.conv"),
    )


RULES = (
    *pointwise_rules(r"encoder\.output_projections\.(\d)", r"projects.\1"),
    *(rule for theirs, ours in _STACKS.items() for rule in _stack_rules(theirs, ours)),
    # Between two linear layers is a ReLU, which counts in their numbers.
    *(rule for number in range(4) for rule in linear_rules(rf"scale_head\.{2 * number}", f"scale.{number}")),
)


def read(path: Path) -> tuple[Moge2Config, dict[str, np.ndarray]]:
    """Configuration and values from a published `model.pt`. Raises WeightsError when it holds something else."""
    file = read_torch(path)
    tree = file.tree
    tensors = tree.get("model") if isinstance(tree, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(one, Tensor) for one in tensors.values()):
        raise WeightsError("{file} does not contain MoGe-2.", hint=_HINT, file=path.name)
    config = from_published(tree.get("model_config") or {}, origin=path.name)
    try:
        return config, convert(dict(file.arrays(tensors)))
    except ValueError as error:
        raise WeightsError(
            "{file} does not contain MoGe-2: {why}.", hint=_HINT, file=path.name, why=str(error)
        ) from error


def convert(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The values from the names of the original code. Raises ValueError naming arrays that do not belong."""
    floats = {name: value.astype(np.float32) for name, value in arrays.items() if not _UNUSED.fullmatch(name)}
    backbone = {name.removeprefix(_BACKBONE): value for name, value in floats.items() if name.startswith(_BACKBONE)}
    others = {name: value for name, value in floats.items() if not name.startswith(_BACKBONE)}
    ours = {f"backbone.{name}": value for name, value in convert_backbone(backbone).items()}
    return ours | apply_rules(others, RULES)
