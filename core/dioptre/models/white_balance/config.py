"""Sizes of the white-balance estimator."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WhiteBalanceConfig:
    """thumbnail_px: side of the square thumbnail, a multiple of coarse_px. coarse_px: of a smaller one, on which
    all but the lightest and the darkest spots are inspected. bins: of the log-chroma histograms along each axis.

    chroma_range: the histograms cover log ratios from -chroma_range to +chroma_range.
    bends: numbers that the residual polynomial is made of. residual_limit: its largest coefficient.
    """

    thumbnail_px: int = 192
    coarse_px: int = 64
    bins: int = 32
    chroma_range: float = 1.8
    histogram_width: int = 16
    picture_width: int = 32
    hidden_width: int = 640
    reading_width: int = 256
    bends: int = 12
    residual_limit: float = 1.5
