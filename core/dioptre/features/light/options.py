"""The options of the operation `light`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dioptre_link.catalogue.depth import DepthOptions
from dioptre_link.catalogue.limit import RangeOptions

Kind = Literal["point", "area", "directional"]


@dataclass(frozen=True, kw_only=True)
class LightOptions(RangeOptions, DepthOptions):
    """The options of `light`.

    Attributes:
        kind: "point" shines all around and "area" towards the subject; "directional" is infinitely far away.
        light_at: (x, y) of the light; None for beside the subject, at `light_angle`.
        more_lights: (x, y) of up to three more lights of the same kind.
        light_angle: where the light stands around the subject, in degrees: 0 right, 90 above.
        light_depth: from 0, at the depth of the subject, to 1, at the camera; below 0 behind the subject, to -1, at
            what the photo shows at the place, or twice as far as the subject.
        light_size: diameter of the light divided by its distance from the subject.
        warmth: colour temperature in kelvin, where 6500 K is the photo's white.
        strength: its light on the subject, relative to the photo's own.
        ambient: how much of the photo's own light stays.
    """

    operation = "light"

    kind: Kind = "area"
    light_at: tuple[float, float] | None = None
    more_lights: tuple[tuple[float, float], ...] = ()
    light_angle: float = 135.0
    light_depth: float = 0.4
    light_size: float = 0.5
    warmth: float = 5500.0
    strength: float = 0.8
    ambient: float = 0.5
