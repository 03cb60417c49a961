"""Convert published weights of DINOv2 and Depth Anything V2 to Dioptre's names and layouts.

Two naming schemes are supported: that of the original code (`pretrained.…`, `depth_head.…`; DINOv2 without the
prefix) and that of Hugging Face's `transformers`, which is first translated to the original names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from dioptre.checkpoints.card import WeightsError
from dioptre.models.key_map import (
    Rule,
    apply_rules,
    conv_kernel,
    conv_rules,
    linear_rules,
    norm_rules,
    pointwise_rules,
    spread_rules,
)
from dioptre_link.language import Message

Arrays = Mapping[str, np.ndarray]


def _patch_kernel(weight: np.ndarray) -> np.ndarray:
    """Convert (O, 3, 14, 14) to (14 * 14 * 3, O); patches are flattened in the order row, column, channel."""
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0).reshape(-1, len(weight)))


BACKBONE_RULES = (
    Rule(source="cls_token", target="class_token", layout=np.ravel),
    # The table's first row is the position of the class token; `convert_backbone` splits it off.
    Rule(source="pos_embed", target="positions", layout=lambda table: table[0]),
    Rule(source=r"patch_embed\.proj\.weight", target="patch.kernel", layout=_patch_kernel),
    Rule(source=r"patch_embed\.proj\.bias", target="patch.bias"),
    *norm_rules(r"blocks\.(\d+)\.norm([12])", r"blocks.\1.norm\2"),
    *linear_rules(r"blocks\.(\d+)\.attn\.qkv", r"blocks.\1.attention.qkv"),
    *linear_rules(r"blocks\.(\d+)\.attn\.proj", r"blocks.\1.attention.out"),
    *linear_rules(r"blocks\.(\d+)\.mlp\.fc1", r"blocks.\1.enter"),
    *linear_rules(r"blocks\.(\d+)\.mlp\.fc2", r"blocks.\1.leave"),
    Rule(source=r"blocks\.(\d+)\.ls([12])\.gamma", target=r"blocks.\1.scale\2"),
    *norm_rules("norm", "norm"),
)

_SCRATCH = r"scratch\."
HEAD_RULES = (
    *pointwise_rules(r"projects\.(\d)", r"projects.\1"),
    *spread_rules(r"resize_layers\.0", "spread4"),
    *spread_rules(r"resize_layers\.1", "spread2"),
    *conv_rules(r"resize_layers\.3", "halve"),
    *(
        rule
        for stage in range(4)
        for rule in (
            Rule(
                source=rf"{_SCRATCH}layer{stage + 1}_rn\.weight",
                target=f"enters.{stage}.kernel",
                layout=conv_kernel,
            ),
            *pointwise_rules(rf"{_SCRATCH}refinenet{stage + 1}\.out_conv", f"fusions.{stage}.out"),
            *(
                rule
                for unit, ours in ((1, "skip"), (2, "residual"))
                for conv, place in ((1, "first"), (2, "second"))
                for rule in conv_rules(
                    rf"{_SCRATCH}refinenet{stage + 1}\.resConfUnit{unit}\.conv{conv}",
                    f"fusions.{stage}.{ours}.{place}",
                )
            ),
        )
    ),
    *conv_rules(rf"{_SCRATCH}output_conv1", "out1"),
    *conv_rules(rf"{_SCRATCH}output_conv2\.0", "out2"),
    *pointwise_rules(rf"{_SCRATCH}output_conv2\.2", "out3"),
)

_HF_LAYER = r"backbone\.encoder\.layer\.(\d+)"
_HF_FUSION = {layer: 4 - layer for layer in range(4)}  # Hugging Face numbers the layers from the coarsest
HUGGING_FACE_RULES = (
    Rule(source=r"backbone\.embeddings\.cls_token", target="pretrained.cls_token"),
    Rule(source=r"backbone\.embeddings\.mask_token", target="pretrained.mask_token"),
    Rule(source=r"backbone\.embeddings\.position_embeddings", target="pretrained.pos_embed"),
    Rule(
        source=r"backbone\.embeddings\.patch_embeddings\.projection\.(weight|bias)",
        target=r"pretrained.patch_embed.proj.\1",
    ),
    Rule(source=rf"{_HF_LAYER}\.(norm[12])\.(weight|bias)", target=r"pretrained.blocks.\1.\2.\3"),
    *(
        Rule(
            # `old` is the name used before transformers 5. `upstream_names` joins query, key and value.
            source=rf"{_HF_LAYER}\.attention\.(?:{old}|{new})\.(weight|bias)",
            target=rf"pretrained.blocks.\1.attn.{name}.\2",
        )
        for old, new, name in (
            (r"attention\.query", "q_proj", "query"),
            (r"attention\.key", "k_proj", "key"),
            (r"attention\.value", "v_proj", "value"),
            (r"output\.dense", "o_proj", "proj"),
        )
    ),
    Rule(source=rf"{_HF_LAYER}\.layer_scale([12])\.lambda1", target=r"pretrained.blocks.\1.ls\2.gamma"),
    Rule(source=rf"{_HF_LAYER}\.mlp\.(fc[12])\.(weight|bias)", target=r"pretrained.blocks.\1.mlp.\2.\3"),
    Rule(source=r"backbone\.layernorm\.(weight|bias)", target=r"pretrained.norm.\1"),
    Rule(
        source=r"neck\.reassemble_stage\.layers\.(\d)\.projection\.(weight|bias)",
        target=r"depth_head.projects.\1.\2",
    ),
    Rule(
        source=r"neck\.reassemble_stage\.layers\.(\d)\.resize\.(weight|bias)",
        target=r"depth_head.resize_layers.\1.\2",
    ),
    *(
        rule
        for layer in range(4)
        for rule in (
            Rule(source=rf"neck\.convs\.{layer}\.weight", target=f"depth_head.scratch.layer{layer + 1}_rn.weight"),
            Rule(
                source=rf"neck\.fusion_stage\.layers\.{layer}\.projection\.(weight|bias)",
                target=rf"depth_head.scratch.refinenet{_HF_FUSION[layer]}.out_conv.\1",
            ),
            Rule(
                source=rf"neck\.fusion_stage\.layers\.{layer}\.residual_layer([12])\.convolution([12])\.(weight|bias)",
                target=rf"depth_head.scratch.refinenet{_HF_FUSION[layer]}.resConfUnit\1.conv\2.\3",
            ),
        )
    ),
    Rule(source=r"head\.conv1\.(weight|bias)", target=r"depth_head.scratch.output_conv1.\1"),
    Rule(source=r"head\.conv2\.(weight|bias)", target=r"depth_head.scratch.output_conv2.0.\1"),
    Rule(source=r"head\.conv3\.(weight|bias)", target=r"depth_head.scratch.output_conv2.2.\1"),
)

_UNUSED_BACKBONE = re.compile(r"mask_token")  # token that replaces masked patches in training
# This unit prepares a stage for the addition of the next coarser one, which the coarsest stage does not have.
_UNUSED_HEAD = re.compile(r"scratch\.refinenet4\.resConfUnit1\..*")


def from_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Read Depth-Anything-V2-Small from a safetensors file with either naming scheme.

    Raises:
        WeightsError: the file is unreadable or contains something else.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise WeightsError(Message("{path} is not a readable safetensors file.", path=path), hint=_HINT) from error
    try:
        return convert(arrays)
    except (ValueError, KeyError, IndexError) as error:
        raise WeightsError(
            Message("{path} does not contain Depth Anything V2: {error}.", path=path, error=error), hint=_HINT
        ) from error


_HINT = "Use the model.safetensors of Depth-Anything-V2-Small, as published for transformers."


def convert(arrays: Arrays) -> dict[str, np.ndarray]:
    """Convert the whole network from either naming scheme; raise ValueError naming every unknown array."""
    if any(name.startswith("backbone.") for name in arrays):
        arrays = upstream_names(arrays)
    backbone = _below(arrays, "pretrained.")
    head = _below(arrays, "depth_head.")
    strange = [name for name in arrays if not name.startswith(("pretrained.", "depth_head."))]
    if strange:
        raise ValueError(f"unknown arrays: {', '.join(strange)}")
    ours = {f"backbone.{name}": value for name, value in convert_backbone(backbone).items()}
    return ours | {f"head.{name}": value for name, value in convert_head(head).items()}


def convert_backbone(arrays: Arrays) -> dict[str, np.ndarray]:
    """Convert DINOv2 from the original names (without a prefix) to Dioptre's, as float32 with stacked blocks."""
    renamed = apply_rules(_floats(arrays, without=_UNUSED_BACKBONE), BACKBONE_RULES)
    renamed["class_position"], renamed["positions"] = renamed["positions"][0], renamed["positions"][1:]
    return stacked_blocks(renamed)


def stacked_blocks(renamed: Arrays) -> dict[str, np.ndarray]:
    """Stack the arrays of `blocks.0`, `blocks.1`, … along a leading axis as `blocks`; keep the others."""
    ours = {name: value for name, value in renamed.items() if not name.startswith("blocks.")}
    stacks: dict[str, dict[int, np.ndarray]] = {}
    for name in renamed.keys() - ours.keys():
        if match := re.fullmatch(r"blocks\.(\d+)\.(.+)", name):
            stacks.setdefault(match[2], {})[int(match[1])] = renamed[name]
    for name, blocks in stacks.items():
        ours[f"blocks.{name}"] = np.stack([blocks[number] for number in range(len(blocks))])
    return ours


def convert_head(arrays: Arrays) -> dict[str, np.ndarray]:
    """Convert the DPT head from the original names (without a prefix) to Dioptre's, as float32."""
    return apply_rules(_floats(arrays, without=_UNUSED_HEAD), HEAD_RULES)


def upstream_names(arrays: Arrays) -> dict[str, np.ndarray]:
    """Translate the names of `transformers` to the original ones, and join query, key and value into one array."""
    renamed = apply_rules(arrays, HUGGING_FACE_RULES)
    for name in [name for name in renamed if ".attn.query." in name]:
        parts = [renamed.pop(name.replace("query", part)) for part in ("query", "key", "value")]
        renamed[name.replace("query", "qkv")] = np.concatenate(parts)
    return renamed


def _below(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _floats(arrays: Arrays, *, without: re.Pattern[str]) -> dict[str, np.ndarray]:
    return {name: value.astype(np.float32) for name, value in arrays.items() if not without.fullmatch(name)}
