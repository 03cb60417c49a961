"""Sizes of RRDBNet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RrdbConfig:
    """RRDBNet of Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", 2018.

    channels: width of the feature maps between blocks.
    growth: what each convolution of a dense block adds.
    blocks: number of residual-in-residual dense blocks.
    """

    scale: int = 4
    channels: int = 64
    growth: int = 32
    blocks: int = 23

    @property
    def receptive_radius_px(self) -> int:
        """How far, in input pixels, an output pixel can see: 15 convolutions a block."""
        return 15 * self.blocks + 5

    @property
    def overlap_px(self) -> int:
        """By how much tiles overlap on each side: the reach of a small network, else what a photograph needs.

        The full reach of 23 blocks is 350 pixels. Beyond 96, even a picture that ends there changed nothing by more
        than 0.0011, which no 8-bit file shows.
        """
        return min(self.receptive_radius_px, 96)

    @property
    def largest_tile_px(self) -> int:
        """Side of the largest tile that takes less than 2 GiB."""
        return 384


def x4plus() -> RrdbConfig:
    """RealESRGAN_x4plus."""
    return RrdbConfig()
