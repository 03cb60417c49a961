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
    def receptive_radius_px(self) -> int:
        """How far, in input pixels, an output pixel can see: one for each 3x3 convolution on the longest path."""
        return 3 + 3 * self.blocks

    @property
    def overlap_px(self) -> int:
        """By how much tiles overlap on each side."""
        return self.receptive_radius_px

    @property
    def largest_tile_px(self) -> int:
        """Side of the largest tile that takes less than 1 GiB."""
        return 512


def span_x2() -> SpanConfig:
    """Twice as wide and high."""
    return SpanConfig(scale=2)


def span_x4() -> SpanConfig:
    """Four times as wide and high."""
    return SpanConfig(scale=4)
