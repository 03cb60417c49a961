"""SPAN: a network that enlarges pictures faithfully by two or four."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from dioptre.models.enlarging import EnlargingConfig
from dioptre.models.entry import Entry, ModelKind


@dataclass(frozen=True, kw_only=True)
class SpanConfig(EnlargingConfig):
    """Sizes of SPAN (Wan et al., "Swift Parameter-free Attention Network for Efficient Super-Resolution", 2024).

    Attributes:
        channels: channels of every feature map.
        blocks: number of attention blocks.
    """

    restores = False
    working_bytes_per_px = 3072
    channels: int = 48
    blocks: int = 6

    @property
    def receptive_radius_px(self) -> int:
        """Radius of the receptive field in input pixels: one per 3x3 convolution on the longest path."""
        return 3 + 3 * self.blocks


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
