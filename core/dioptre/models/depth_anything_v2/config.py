"""Sizes of Depth Anything V2 and what distinguishes its variants."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """DINOv2 as of Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", 2023.

    width: of a token. patch_px: side of the square that one token sees. grid: side of the table of learned
    positions, in tokens. taps: the blocks, counted from 0, whose outputs the head reads. position_offset: added to
    the number of tokens when the table is resized, as DINOv2's own code does (0.1) and transformers does not.
    epsilon: of the blocks' norms; last_epsilon: of the norm behind the tapped blocks.
    """

    width: int = 384
    blocks: int = 12
    heads: int = 6
    hidden: int = 1536
    patch_px: int = 14
    grid: int = 37
    taps: tuple[int, ...] = (2, 5, 8, 11)
    epsilon: float = 1e-6
    last_epsilon: float = 1e-6
    position_offset: float = 0.0


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """DPT as of Ranftl et al., "Vision Transformers for Dense Prediction", 2021, without batch normalisation.

    stages: channels at 4, 2, 1 and 1/2 times the token grid. fusion: channels while they are brought together.
    positive: whether the result is cut off at zero.
    """

    stages: tuple[int, int, int, int] = (48, 96, 192, 384)
    fusion: int = 64
    hidden: int = 32
    positive: bool = True


@dataclass(frozen=True, kw_only=True)
class DepthAnythingConfig:
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    head: HeadConfig = field(default_factory=HeadConfig)


def depth_anything_v2_small() -> DepthAnythingConfig:
    """Depth-Anything-V2-Small as published (Yang et al., "Depth Anything V2", 2024)."""
    return DepthAnythingConfig()


def dioptre_small() -> DepthAnythingConfig:
    """The bundled variant: the same network, whose head was trained here and has no cut-off."""
    return DepthAnythingConfig(head=HeadConfig(positive=False))
