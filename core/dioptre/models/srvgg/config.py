"""Sizes of SRVGGNetCompact."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SrvggConfig:
    """The compact network of Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution", 2021.

    scale: how many times wider and higher the output is.
    channels: width of every feature map.
    convolutions: number of inner convolutions.
    """

    scale: int = 4
    channels: int = 64
    convolutions: int = 16

    @property
    def receptive_radius_px(self) -> int:
        """How far, in input pixels, an output pixel can see."""
        return self.convolutions + 2

    @property
    def overlap_px(self) -> int:
        """By how much tiles overlap on each side."""
        return self.receptive_radius_px

    @property
    def largest_tile_px(self) -> int:
        """Side of the largest tile that takes less than 1 GiB."""
        return 512


def animevideov3() -> SrvggConfig:
    """realesr-animevideov3."""
    return SrvggConfig()
