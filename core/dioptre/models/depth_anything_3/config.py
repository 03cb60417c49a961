"""Configurations of the three supported variants of Depth Anything 3.

Lin et al., "Depth Anything 3: Recovering the Visual Space from Any Views", 2025.
"""

from __future__ import annotations

from dataclasses import dataclass

from dioptre.models.depth_anything_v2.config import BackboneConfig, HeadConfig

_OFFSET = 0.1  # value of `BackboneConfig.position_offset`, as in DINOv2's original code
_LAST_EPSILON = 1e-5  # epsilon of every norm except the two inside each block


@dataclass(frozen=True, kw_only=True)
class DepthAnything3Config:
    """A variant of Depth Anything 3.

    Attributes:
        backbone: sizes of the backbone.
        head: sizes of the head.
        rotary_from: the first block whose query and key are normalised and rotated by position, and in whose input
            a camera token replaces the class token; None for a plain DINOv2.
        paired: whether the output of each tapped block is concatenated with that of the block before it; the head
            then also normalises the features and adds positions.
        confidence: whether the head also estimates the confidence of each depth.
        sky: whether the head also estimates where there is sky.
        field_of_view: whether the camera's angles of view are estimated from the camera token.
    """

    backbone: BackboneConfig
    head: HeadConfig
    rotary_from: int | None = None
    paired: bool = False
    confidence: bool = False
    sky: bool = False
    field_of_view: bool = False


def small() -> DepthAnything3Config:
    """Return the configuration of DA3-SMALL as published."""
    return _relative(width=384, heads=6, stages=(48, 96, 192, 384), fusion=64)


def base() -> DepthAnything3Config:
    """Return the configuration of DA3-BASE as published."""
    return _relative(width=768, heads=12, stages=(96, 192, 384, 768), fusion=128)


def metric_large() -> DepthAnything3Config:
    """Return the configuration of DA3METRIC-LARGE as published."""
    return DepthAnything3Config(
        backbone=BackboneConfig(
            width=1024,
            blocks=24,
            heads=16,
            hidden=4096,
            taps=(4, 11, 17, 23),
            position_offset=_OFFSET,
            last_epsilon=_LAST_EPSILON,
        ),
        head=HeadConfig(stages=(256, 512, 1024, 1024), fusion=256, positive=False),
        sky=True,
    )


def _relative(*, width: int, heads: int, stages: tuple[int, int, int, int], fusion: int) -> DepthAnything3Config:
    return DepthAnything3Config(
        backbone=BackboneConfig(
            width=width,
            heads=heads,
            hidden=4 * width,
            taps=(5, 7, 9, 11),
            position_offset=_OFFSET,
            last_epsilon=_LAST_EPSILON,
        ),
        head=HeadConfig(stages=stages, fusion=fusion, positive=False),
        rotary_from=4,
        paired=True,
        confidence=True,
        field_of_view=True,
    )
