"""MoGe-2: a network that estimates depth in metres, the angle of view and surface normals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dioptre.checkpoints.card import WeightsError
from dioptre.models.depth_anything_v2 import BackboneConfig
from dioptre.models.entry import IMAGENET_DEVIATION, IMAGENET_MEAN, DepthTraits, Entry, ModelKind, Preprocessing
from dioptre.models.published import card_of, hugging_face

LEVELS = 5
"""Number of resolutions in the convolutional part: the token grid, then four doublings."""

_BACKBONES: Mapping[str, Any] = {
    "dinov2_vits14": {"width": 384, "blocks": 12, "heads": 6, "hidden": 1536},
    "dinov2_vitb14": {"width": 768, "blocks": 12, "heads": 12, "hidden": 3072},
}
_LEVEL_WIDTHS = (256, 128, 64, 32)  # channels at the levels after the token grid, from coarse to fine
_RESAMPLERS = ("conv_transpose", "bilinear")
_MOST, _MOST_BLOCKS, _MOST_SIZES = 1 << 16, 16, 16  # sizes that a file may state, and how many in a list
_POSITION_OFFSET = 0.1  # `BackboneConfig.position_offset` of DINOv2's original code, with which MoGe was trained


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """A stack of residual blocks, with one group per level and a doubling of resolution between levels.

    Attributes:
        inputs: input channels at each level; None where there is no projection.
        widths: channels of the blocks at each level.
        outputs: output channels at each level; None where there is no projection.
        blocks: number of blocks at each level.
        resamplers: method of each doubling, "conv_transpose" or "bilinear".
    """

    inputs: tuple[int | None, ...]
    widths: tuple[int, ...]
    outputs: tuple[int | None, ...]
    blocks: tuple[int, ...]
    resamplers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Moge2Config:
    """Sizes of MoGe-2.

    Attributes:
        backbone: sizes of the backbone.
        projection: channels to which the taps are projected.
        neck: the stack shared by all heads.
        points: the stack that estimates points.
        mask: the stack that estimates the mask.
        normal: the stack that estimates normals; None if the checkpoint has none.
        scale: widths of the perceptron that estimates the metric scale.
        tokens: minimum and maximum number of tokens in training.
    """

    backbone: BackboneConfig
    projection: int
    neck: StackConfig
    points: StackConfig
    mask: StackConfig
    normal: StackConfig | None = None
    scale: tuple[int, ...] = field(default=())
    tokens: tuple[int, int] = (1200, 3600)

    @property
    def linear_end(self) -> bool:
        """Whether the finest level of neck and heads is linear, as in the published networks."""
        heads = (self.points, self.mask, *(() if self.normal is None else (self.normal,)))
        bilinear = all(not stack.blocks[-1] and stack.resamplers[-1] == "bilinear" for stack in (self.neck, *heads))
        projects = all(head.inputs[-1] is not None and head.outputs[-1] is not None for head in heads)
        return bilinear and projects and self.neck.inputs[-1] is not None and self.neck.outputs[-1] is None


def configuration(backbone: str, stated: Mapping[str, Any] | None = None) -> Moge2Config:
    """Return the configuration stated in a network's file, else that of the published network."""
    return from_published(stated or as_trained(backbone))


def as_trained(backbone: str) -> dict[str, Any]:
    """Return the configuration of the published networks with normals, in the original code's format."""
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
    """Parse the configuration in a checkpoint; raise WeightsError if the variant is not supported.

    Args:
        published: the configuration in the original code's format.
        origin: name of the checkpoint in error messages.
    """
    try:
        encoder = published["encoder"]
        taps = encoder["intermediate_layers"]
        backbone = _BACKBONES[encoder["backbone"]]
        last = backbone["blocks"]
        taps = range(last)[-taps:] if isinstance(taps, int) else taps
        normal = published.get("normal_head")
        if published.get("remap_output") != "exp":
            raise ValueError(f"remap_output {published.get('remap_output')!r}")
        fewest, most = _sizes(published.get("num_tokens_range", (1200, 3600)))
        return Moge2Config(
            backbone=BackboneConfig(**backbone, taps=_sizes(taps), position_offset=_POSITION_OFFSET),
            projection=_size(encoder["dim_out"]),
            neck=_stack(published["neck"]),
            points=_stack(published["points_head"]),
            mask=_stack(published["mask_head"]),
            normal=None if normal is None else _stack(normal),
            scale=_sizes(published["scale_head"]["dims"]),
            tokens=(fewest, most),
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
    widths = _sizes(published["dim_res_blocks"])
    if len(widths) != LEVELS:
        raise ValueError(f"{len(widths)} levels")
    resamplers = _each(published["resamplers"], LEVELS - 1)
    if any(resampler not in _RESAMPLERS for resampler in resamplers):
        raise ValueError(f"resamplers {resamplers}")
    return StackConfig(
        inputs=_perhaps_sizes(published["dim_in"]),
        widths=widths,
        outputs=_perhaps_sizes(published["dim_out"]),
        blocks=_sizes(_each(published.get("num_res_blocks", 1), LEVELS), most=_MOST_BLOCKS),
        resamplers=resamplers,
    )


def _each(value: Any, count: int) -> tuple[Any, ...]:
    """Return one value per level; a single value is repeated."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != count:
            raise ValueError(f"{len(value)} values for {count} levels")
        return tuple(value)
    return (value,) * count


def _perhaps_sizes(value: Any) -> tuple[int | None, ...]:
    return tuple(None if each is None else _size(each) for each in _each(value, LEVELS))


def _sizes(values: Sequence[Any], *, most: int = _MOST) -> tuple[int, ...]:
    if len(values) > _MOST_SIZES:
        raise ValueError(f"{len(values)} sizes")
    return tuple(_size(value, most=most) for value in values)


def _size(value: Any, *, most: int = _MOST) -> int:
    """Return a number of channels, blocks or tokens; raise ValueError if no published network has so many."""
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"a size of {str(value)[:40]}")
    return value


_FILES = {
    "s": hugging_face(
        "Ruicheng/moge-2-vits-normal",
        "model.pt",
        sha256="79a16621928c2bf0ed04659218c55c01075e950507f40bb3332fb4c873d3e1dc",
        nbytes=140_550_416,
    ),
    "b": hugging_face(
        "Ruicheng/moge-2-vitb-normal",
        "model.pt",
        sha256="16b8110e86d5dc5a849db120ca96ef3a223fd30b0c9146d1d81db504073da5f6",
        nbytes=419_110_160,
    ),
}

ENTRIES = tuple(
    Entry(
        id=f"moge-2-vit{letter}-normal",
        title=f"MoGe-2 ViT-{letter.upper()}",
        kind=ModelKind.DEPTH,
        module=f"{__name__}.module:Moge2",
        config=partial(configuration, f"dinov2_vit{letter}14"),
        stated_config=f"{__name__}.module:stated_config",
        checkpoints={f"moge-2-vit{letter}-normal": ""},
        preprocessing=Preprocessing(
            mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=518, multiple_px=14
        ),
        convert=f"{__name__}.module:from_torch_file",
        card=partial(
            card_of,
            _FILES[letter],
            checkpoint=f"moge-2-vit{letter}-normal",
            title=f"MoGe-2 ViT-{letter.upper()}",
            architecture=f"moge2: ViT-{letter.upper()}/14",
            licence="MIT",
            notice="MoGe-2: Copyright (c) Microsoft Corporation. MIT License.",
        ),
        package=_FILES[letter],
        depth=DepthTraits(
            read=f"{__name__}.geometry:read",
            rank=rank,
            metric=True,
            field_of_view=True,
            normals=True,
            takes_aspect=True,
        ),
    )
    for letter, rank in (("s", 40), ("b", 60))
)
