"""Configuration of the sharpening network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SharpeningConfig:
    """Sizes of the sharpening network.

    Attributes:
        widths: channels of the two layers at half the picture's size and of the two at a quarter.
        scale: factor by which the detail is multiplied first.
    """

    widths: tuple[int, int] = (32, 48)
    scale: float = 255 / 16
