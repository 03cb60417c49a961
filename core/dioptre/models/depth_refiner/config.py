"""Sizes of the depth refiner."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DepthRefinerConfig:
    """widths: channels at 1/2, 1/4, 1/8 and 1/16 of the picture's size. reach_px: how far a value may come from."""

    widths: tuple[int, int, int, int] = (24, 40, 56, 72)
    tail: int = 32
    last: int = 16
    reach_px: float = 40.0
