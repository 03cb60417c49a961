"""Sizes of MoGe-2, and how they are read from a published checkpoint.

Wang et al., "MoGe-2: Accurate Monocular Geometry with Metric Scale and Sharp Details", 2025.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dioptre.checkpoints.card import WeightsError
from dioptre.models.depth_anything_v2.config import BackboneConfig

LEVELS = 5
"""Resolutions of the convolutional part: the token grid, then four doublings."""

_BACKBONES = {
    "dinov2_vits14": {"width": 384, "blocks": 12, "heads": 6, "hidden": 1536},
    "dinov2_vitb14": {"width": 768, "blocks": 12, "heads": 12, "hidden": 3072},
}
_LEVEL_WIDTHS = (256, 128, 64, 32)  # behind the token grid
_RESAMPLERS = ("conv_transpose", "bilinear")
_POSITION_OFFSET = 0.1  # of DINOv2's own code, in which MoGe was trained


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """A stack of residual blocks, one group a level, with a doubling between levels.

    inputs, outputs: channels that enter and leave at each level, None where nothing is projected. widths: of the
    blocks. blocks: how many at each level. resamplers: how each doubling is done.
    """

    inputs: tuple[int | None, ...]
    widths: tuple[int, ...]
    outputs: tuple[int | None, ...]
    blocks: tuple[int, ...]
    resamplers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Moge2Config:
    """normal: None where the checkpoint estimates no normals. scale: widths of the metric scale's perceptron.

    tokens: fewest and most that the network was trained with.
    """

    backbone: BackboneConfig
    projection: int
    neck: StackConfig
    points: StackConfig
    mask: StackConfig
    normal: StackConfig | None = None
    scale: tuple[int, ...] = field(default=())
    tokens: tuple[int, int] = (1200, 3600)


def small(stated: Mapping[str, Any] | None = None) -> Moge2Config:
    """MoGe-2 ViT-S normal: as its file states, else as its authors' training configuration has it."""
    return from_published(stated or as_trained("dinov2_vits14"))


def base(stated: Mapping[str, Any] | None = None) -> Moge2Config:
    """MoGe-2 ViT-B normal: as its file states, else as its authors' training configuration has it."""
    return from_published(stated or as_trained("dinov2_vitb14"))


def as_trained(backbone: str) -> dict[str, Any]:
    """The configuration of the published networks with normals, in the terms of the original code."""
    width = _BACKBONES[backbone]["width"]
    stack: dict[str, Any] = {
        "dim_res_blocks": [width, *_LEVEL_WIDTHS],
        "res_block_in_norm": "none",
        "res_block_hidden_norm": "none",
        "resamplers": ["conv_transpose", "conv_transpose", "conv_transpose", "bilinear"],
    }
    head = {**stack, "dim_in": [width, *_LEVEL_WIDTHS], "num_res_blocks": [0, 1, 1, 1, 0]}
    neck = {**stack, "dim_in": [width + 2, 2, 2, 2, 2], "dim_out": None, "num_res_blocks": [0, 2, 2, 2, 0]}
    return {
        "encoder": {"backbone": backbone, "intermediate_layers": [2, 5, 8, 11], "dim_out": width},
        "neck": neck,
        "points_head": {**head, "dim_out": [None] * 4 + [3]},
        "normal_head": {**head, "dim_out": [None] * 4 + [3]},
        "mask_head": {**head, "dim_out": [None] * 4 + [1]},
        "scale_head": {"dims": [width, width, width, 1]},
        "remap_output": "exp",
        "num_tokens_range": [1200, 3600],
    }


def from_published(published: Mapping[str, Any], *, origin: str = "the checkpoint") -> Moge2Config:
    """The configuration that a checkpoint holds. Raises WeightsError for a variant that is not implemented here."""
    try:
        encoder = published["encoder"]
        taps = encoder["intermediate_layers"]
        backbone = _BACKBONES[encoder["backbone"]]
        last = backbone["blocks"]
        taps = tuple(range(last - taps, last)) if isinstance(taps, int) else tuple(int(tap) for tap in taps)
        normal = published.get("normal_head")
        if published.get("remap_output") != "exp":
            raise ValueError(f"remap_output {published.get('remap_output')!r}")
        return Moge2Config(
            backbone=BackboneConfig(**backbone, taps=taps, position_offset=_POSITION_OFFSET),
            projection=int(encoder["dim_out"]),
            neck=_stack(published["neck"]),
            points=_stack(published["points_head"]),
            mask=_stack(published["mask_head"]),
            normal=None if normal is None else _stack(normal),
            scale=tuple(int(width) for width in published["scale_head"]["dims"]),
            tokens=tuple(published.get("num_tokens_range", (1200, 3600))),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            "{origin} contains a variant of MoGe that Dioptre does not support: {why}.",
            hint="Use MoGe-2 ViT-S normal or MoGe-2 ViT-B normal.",
            origin=origin,
            why=str(error),
        ) from error


def _stack(published: Mapping[str, Any]) -> StackConfig:
    for name in ("res_block_in_norm", "res_block_hidden_norm"):
        if published[name] != "none":
            raise ValueError(f"{name} {published[name]!r}")
    if published.get("activation", "relu") != "relu" or published.get("dim_times_res_block_hidden", 1) != 1:
        raise ValueError("residual blocks of another kind")
    widths = tuple(int(width) for width in published["dim_res_blocks"])
    if len(widths) != LEVELS:
        raise ValueError(f"{len(widths)} levels")
    resamplers = _each(published["resamplers"], LEVELS - 1)
    if any(resampler not in _RESAMPLERS for resampler in resamplers):
        raise ValueError(f"resamplers {resamplers}")
    return StackConfig(
        inputs=_each(published["dim_in"], LEVELS),
        widths=widths,
        outputs=_each(published["dim_out"], LEVELS),
        blocks=_each(published.get("num_res_blocks", 1), LEVELS),
        resamplers=resamplers,
    )


def _each(value: Any, count: int) -> tuple[Any, ...]:
    """One value for each level."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != count:
            raise ValueError(f"{len(value)} values for {count} levels")
        return tuple(value)
    return (value,) * count
