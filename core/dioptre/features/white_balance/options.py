"""The options of the operation `white_balance`."""

from __future__ import annotations

from dataclasses import dataclass

from dioptre.contract import Options


@dataclass(frozen=True, kw_only=True)
class WhiteBalanceOptions(Options):
    """The options of `white_balance`.

    Attributes:
        temperature: colour temperature of the light in kelvin, instead of the estimate.
        tint: tint of the light in 1/3000 Duv, positive for green light, instead of the estimate.
        strength: 0 (every bit stays the same) to 1 (full correction), linear in mired.
        neutral: (x, y) in pixels: a point that should be grey, instead of the estimate.
        neutral_radius: radius in pixels of the area around `neutral` that is averaged.
        keep_warmth: fraction of a warm light's warmth to keep, 0 to 1.
        mixed: let the light vary over the picture if several are found.
    """

    operation = "white_balance"

    temperature: float | None = None
    tint: float | None = None
    strength: float = 1.0
    neutral: tuple[float, float] | None = None
    neutral_radius: int = 2
    keep_warmth: float = 0.0
    mixed: bool = False
