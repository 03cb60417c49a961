"""Configuration of SRVGGNetCompact."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SrvggConfig:
    """Sizes of SRVGGNetCompact (Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution", 2021).

    Attributes:
        scale: enlargement factor.
        channels: channels of every feature map.
        convolutions: number of inner convolutions.
    """

    scale: int = 4
    channels: int = 64
    convolutions: int = 16

    @property
    def restores(self) -> bool:
        """Whether the network also removes degradation, so that its result may differ visibly from the picture."""
        return True

    @property
    def receptive_radius_px(self) -> int:
        """Radius of the receptive field in input pixels."""
        return self.convolutions + 2

    @property
    def overlap_px(self) -> int:
        """Overlap of tiles on each side, in pixels."""
        return self.receptive_radius_px

    @property
    def working_bytes_per_px(self) -> int:
        """Memory needed to process a tile, in bytes per pixel of the tile."""
        return 1024


def animevideov3() -> SrvggConfig:
    """Return the configuration of realesr-animevideov3."""
    return SrvggConfig()
