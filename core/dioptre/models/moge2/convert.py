"""Convert published weights of MoGe-2 (`model.pt`) to Dioptre's names and layouts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.checkpoints.card import WeightsError
from dioptre.checkpoints.torch_file import Tensor, TorchFile, read_torch
from dioptre.models.depth_anything_v2.convert import convert_backbone
from dioptre.models.key_map import (
    Rule,
    apply_rules,
    conv_rules,
    linear_rules,
    pointwise_rules,
    spread_rules,
)

from .config import from_published

_BACKBONE = "encoder.backbone."
_UNUSED = re.compile(r"encoder\.image_(mean|std)")
_STACKS = {"neck": "neck", "points_head": "points", "mask_head": "mask", "normal_head": "normal"}
_HINT = "Use the model.pt of MoGe-2 ViT-S normal or ViT-B normal, as published by its authors."


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
    # The original numbering also counts the ReLU between two linear layers.
    *(rule for number in range(4) for rule in linear_rules(rf"scale_head\.{2 * number}", f"scale.{number}")),
)


def from_torch_file(path: Path) -> dict[str, np.ndarray]:
    """Read the values of a published `model.pt`; raise WeightsError if it contains something else."""
    file, tensors = _opened(path)
    try:
        return convert(dict(file.arrays(tensors)))
    except (ValueError, KeyError, IndexError) as error:
        raise WeightsError(
            "{file} does not contain MoGe-2: {why}.", hint=_HINT, file=path.name, why=str(error)
        ) from error


def stated_config(path: Path) -> dict[str, Any]:
    """Return the configuration in a published `model.pt`; raise WeightsError if the variant is not supported."""
    file, _ = _opened(path)
    stated = file.tree.get("model_config")
    from_published(stated or {}, origin=path.name)
    plain: dict[str, Any] = json.loads(json.dumps(stated))  # turns tuples into lists, as in the card
    return plain


def _opened(path: Path) -> tuple[TorchFile, dict[str, Tensor]]:
    file = read_torch(path)
    tensors = file.tree.get("model") if isinstance(file.tree, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise WeightsError("{file} does not contain MoGe-2.", hint=_HINT, file=path.name)
    return file, tensors


def convert(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert the values from the original code's names; raise ValueError naming every unknown array."""
    floats = {name: value.astype(np.float32) for name, value in arrays.items() if not _UNUSED.fullmatch(name)}
    backbone = {name.removeprefix(_BACKBONE): value for name, value in floats.items() if name.startswith(_BACKBONE)}
    others = {name: value for name, value in floats.items() if not name.startswith(_BACKBONE)}
    ours = {f"backbone.{name}": value for name, value in convert_backbone(backbone).items()}
    return ours | apply_rules(others, RULES)
