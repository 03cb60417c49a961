"""Configuration of MI-GAN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dioptre.checkpoints.card import WeightsError

COARSEST_PX = 4
"""Side of the coarsest feature maps."""

RESOLUTIONS = (256, 512)
"""Resolutions of the published networks."""


@dataclass(frozen=True, kw_only=True)
class MiganConfig:
    """Sizes of MI-GAN (Sargsyan et al., "MI-GAN: A Simple Baseline for Image Inpainting on Mobile Devices", 2023).

    Attributes:
        resolution: side of the square pictures that the network takes, in pixels; a power of two.
        total: channels times side of feature maps, where this does not exceed `most`.
        most: maximum channels of a feature map.
    """

    resolution: int = 512
    total: int = 32768
    most: int = 512

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the feature maps in pixels, from fine to coarse."""
        return tuple(self.resolution >> level for level in range((self.resolution // COARSEST_PX).bit_length()))

    def channels(self, side: int) -> int:
        """Return the channels of feature maps with this side."""
        return min(self.total // side, self.most)


def published(stated: Mapping[str, Any] | None = None) -> MiganConfig:
    """Return the configuration of a published network: of the stated resolution, else of 512 pixels.

    Raises:
        WeightsError: no network of this resolution was published.
    """
    resolution = (stated or {}).get("resolution", 512)
    if resolution not in RESOLUTIONS:
        raise WeightsError(
            "There is no MI-GAN of {resolution} pixels.",
            hint="Use the networks of 256 or 512 pixels.",
            resolution=resolution,
        )
    return MiganConfig(resolution=resolution)
