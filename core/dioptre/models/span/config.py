"""Sizes of SPAN."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SpanConfig:
    """SPAN as of Wan et al., "Swift Parameter-free Attention Network for Efficient Super-Resolution", 2024.

    scale: how many times wider and higher the output is.
    channels: width of every feature map.
    blocks: number of attention blocks.
    """

    scale: int
    channels: int = 48
    blocks: int = 6

    @property
    def restores(self) -> bool:
        """Whether it also takes damage out of the picture, so that its result may differ from it."""
        return False

    @property
    def receptive_radius_px(self) -> int:
        """How far, in input pixels, an output pixel can see: one for each 3x3 convolution on the longest path."""
        return 3 + 3 * self.blocks

    @property
    def overlap_px(self) -> int:
        """By how much tiles overlap on each side."""
        return self.receptive_radius_px

    @property
    def working_bytes_per_px(self) -> int:
        """Memory that a tile takes while it is computed, for each of its pixels."""
        return 3072


def span_x2() -> SpanConfig:
    """Twice as wide and high."""
    return SpanConfig(scale=2)


def span_x4() -> SpanConfig:
    """Four times as wide and high."""
    return SpanConfig(scale=4)
