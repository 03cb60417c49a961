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
    def restores(self) -> bool:
        """Whether it also takes damage out of the picture, so that its result may differ from it."""
        return True

    @property
    def receptive_radius_px(self) -> int:
        """How far, in input pixels, an output pixel can see."""
        return self.convolutions + 2

    @property
    def overlap_px(self) -> int:
        """By how much tiles overlap on each side."""
        return self.receptive_radius_px

    @property
    def working_bytes_per_px(self) -> int:
        """Memory that a tile takes while it is computed, for each of its pixels."""
        return 1024


def animevideov3() -> SrvggConfig:
    """realesr-animevideov3."""
    return SrvggConfig()
