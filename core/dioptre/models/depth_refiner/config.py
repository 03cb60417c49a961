"""Configuration of the depth refiner."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DepthRefinerConfig:
    """Sizes of the depth refiner.

    Attributes:
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of the picture's size.
        tail: channels before the pixel shuffle to full size.
        last: channels before the last convolution.
        reach_px: maximum distance in pixels from which a value may be copied.
    """

    widths: tuple[int, int, int, int] = (24, 40, 56, 72)
    tail: int = 32
    last: int = 16
    reach_px: float = 40.0
