"""SPAN: a network that enlarges pictures faithfully by two or four."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from dioptre.models.entry import Entry, ModelKind


@dataclass(frozen=True, kw_only=True)
class SpanConfig:
    """Sizes of SPAN (Wan et al., "Swift Parameter-free Attention Network for Efficient Super-Resolution", 2024).

    Attributes:
        scale: enlargement factor.
        channels: channels of every feature map.
        blocks: number of attention blocks.
    """

    scale: int
    channels: int = 48
    blocks: int = 6

    @property
    def restores(self) -> bool:
        """Whether the network also removes degradation, so that its result may differ visibly from the picture."""
        return False

    @property
    def receptive_radius_px(self) -> int:
        """Radius of the receptive field in input pixels: one per 3x3 convolution on the longest path."""
        return 3 + 3 * self.blocks

    @property
    def overlap_px(self) -> int:
        """Overlap of tiles on each side, in pixels."""
        return self.receptive_radius_px

    @property
    def working_bytes_per_px(self) -> int:
        """Memory needed to process a tile, in bytes per pixel of the tile."""
        return 3072


ENTRIES = tuple(
    Entry(
        id=f"span-x{scale}",
        title=f"Faithful enlargement ×{scale} (bundled)",
        kind=ModelKind.SUPER_RESOLUTION,
        module=f"{__name__}.module:Span",
        config=partial(SpanConfig, scale=scale),
        checkpoints={f"span-x{scale}": ""},
        default=scale == 4,
    )
    for scale in (2, 4)
)
