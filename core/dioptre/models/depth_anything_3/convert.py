"""Convert the published weights of Depth Anything 3 (`model.safetensors`) to Dioptre's names and layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from dioptre.checkpoints.card import WeightsError
from dioptre.models.depth_anything_v2.convert import (
    BACKBONE_RULES,
    HEAD_RULES,
    stacked_blocks,
)
from dioptre.models.key_map import Rule, apply_rules, conv_rules, linear_rules, norm_rules, pointwise_rules

_PREFIX = "model."
_BLOCK = re.compile(r"blocks\.(\d+)\.(.+)")
_UNUSED = re.compile(
    r"cam_enc\..*"  # encoder for known cameras of several views
    r"|cam_dec\.fc_(t|qvec)\..*"  # camera poses of several views; a single camera is at the origin
    r"|head\.scratch\.(refinenet\d|output_conv[12])_aux\..*"  # rays, from which cameras can also be estimated
)
_HINT = "Use the model.safetensors of DA3-SMALL, DA3-BASE or DA3METRIC-LARGE, as published by its authors."

_ROTARY_RULES = (
    # A single picture needs only the first camera token, that of the first view.
    Rule(source="camera_token", target="camera_token", layout=lambda tokens: tokens[0, 0]),
    *norm_rules(r"blocks\.(\d+)\.attn\.q_norm", r"blocks.\1.attention.query_norm"),
    *norm_rules(r"blocks\.(\d+)\.attn\.k_norm", r"blocks.\1.attention.key_norm"),
)
_HEAD_RULES = (
    *norm_rules("norm", "norm"),
    *conv_rules(r"scratch\.sky_output_conv2\.0", "sky2"),
    *pointwise_rules(r"scratch\.sky_output_conv2\.2", "sky3"),
)
_CAMERA_RULES = (
    *linear_rules(r"backbone\.0", "0"),
    *linear_rules(r"backbone\.2", "1"),
    *linear_rules(r"fc_fov\.0", "2"),
)


def from_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Read a published file; raise WeightsError if it is unreadable or contains something else."""
    try:
        with safe_open(path, framework="numpy") as file:
            names = [name for name in file.keys() if not _UNUSED.fullmatch(name.removeprefix(_PREFIX))]  # noqa: SIM118  (not a mapping)
            arrays = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise WeightsError("{path} is not a readable safetensors file.", hint=_HINT, path=path) from error
    try:
        return convert(arrays)
    except (ValueError, KeyError, IndexError) as error:
        raise WeightsError(
            "{path} does not contain Depth Anything 3: {error}.", hint=_HINT, path=path, error=str(error)
        ) from error


def convert(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert the values from the original code's names; raise ValueError naming every unknown array."""
    floats = {
        bare: value.astype(np.float32)
        for name, value in arrays.items()
        if not _UNUSED.fullmatch(bare := name.removeprefix(_PREFIX))
    }
    parts = {prefix: _below(floats, prefix) for prefix in ("backbone.pretrained.", "head.", "cam_dec.")}
    if strange := [name for name in floats if not name.startswith(tuple(parts))]:
        raise ValueError(f"unknown arrays: {', '.join(strange)}")
    backbone = _backbone(parts["backbone.pretrained."])
    head = apply_rules(parts["head."], (*HEAD_RULES, *_HEAD_RULES))
    camera = apply_rules(parts["cam_dec."], _CAMERA_RULES)
    return {
        **{f"backbone.{name}": value for name, value in backbone.items()},
        **{f"head.{name}": value for name, value in head.items()},
        **{f"camera.{name}": value for name, value in camera.items()},
    }


def _backbone(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    renamed = apply_rules(arrays, (*BACKBONE_RULES, *_ROTARY_RULES))
    renamed["class_position"], renamed["positions"] = renamed["positions"][0], renamed["positions"][1:]
    rotary = {int(name.split(".")[1]) for name in renamed if name.endswith("query_norm.scale")}
    if not rotary:
        return stacked_blocks(renamed)
    first = min(rotary)
    early = {
        name: value
        for name, value in renamed.items()
        if not (match := _BLOCK.fullmatch(name)) or int(match[1]) < first
    }
    late = stacked_blocks(_numbered_from(renamed, first))
    return stacked_blocks(early) | {f"rotary.{name.removeprefix('blocks.')}": part for name, part in late.items()}


def _numbered_from(renamed: Mapping[str, np.ndarray], first: int) -> dict[str, np.ndarray]:
    """Return the blocks from `first` on, renumbered from 0."""
    return {
        f"blocks.{int(match[1]) - first}.{match[2]}": value
        for name, value in renamed.items()
        if (match := _BLOCK.fullmatch(name)) and int(match[1]) >= first
    }


def _below(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
