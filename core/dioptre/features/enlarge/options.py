"""The options of the operation `super_resolution`."""

from __future__ import annotations

from dataclasses import dataclass

from dioptre.contract import Options


@dataclass(frozen=True, kw_only=True)
class EnlargementOptions(Options):
    """The options of `super_resolution`.

    Attributes:
        scale: 1 to 8.
        model: a super-resolution network's id, or "default" for the faithful networks.
        noise_reduction: how much noise and JPEG artefacts to remove first, 0 to 1. None: as much as the picture
            needs; 0 for the restoring networks, which remove noise themselves.
        grain: how much of the picture's own grain, up to 4 of 255 levels, to give back after noise reduction, 0 to
            1. None: all of it; none if `noise_reduction` is given.
        softness: standard deviation, in pixels of the picture, of the blur to remove first, 0 to 1.2. Use 0.5
            for pictures that the camera did not sharpen, 1 for those that are out of focus.
        fidelity: how closely the result, scaled back down, must match the picture without its noise and softness: 1
            means within one 8-bit step (two steps for scales below 1.5), 0 means not at all. None: 1 for the
            faithful networks, 0 for the restoring networks.
    """

    operation = "super_resolution"

    scale: float = 4.0
    model: str = "default"
    noise_reduction: float | None = None
    grain: float | None = None
    softness: float = 0.0
    fidelity: float | None = None

    @property
    def kept_grain(self) -> float:
        """Fraction of the picture's grain to give back."""
        if self.grain is not None:
            return self.grain
        return 1.0 if self.noise_reduction is None else 0.0
