"""Configuration of the subject network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dioptre.models.depth_anything_v2.config import BackboneConfig


@dataclass(frozen=True, kw_only=True)
class SubjectHeadConfig:
    """Sizes of the head.

    Attributes:
        tap: channels to which each tap of the backbone is projected.
        entry: channels on the grid of patches.
        widths: channels at 1/8, 1/4, 1/2 and the whole of the picture's side.
        seen: channels of the features computed from the picture itself, at 1/8, 1/4 and 1/2 of its side.
    """

    tap: int = 96
    entry: int = 128
    widths: tuple[int, int, int, int] = (96, 64, 32, 16)
    seen: tuple[int, int, int] = (48, 32, 16)


@dataclass(frozen=True, kw_only=True)
class SubjectConfig:
    """Sizes of the network.

    Attributes:
        backbone: sizes of the backbone.
        rank: rank of the changes of the backbone's linear layers.
        head: sizes of the head.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    rank: int = 16
    head: SubjectHeadConfig = field(default_factory=SubjectHeadConfig)

    def in_bfloat16(self) -> SubjectConfig:
        """Return the configuration with the products of the backbone's blocks in bfloat16."""
        return replace(self, backbone=replace(self.backbone, bfloat16=True))
