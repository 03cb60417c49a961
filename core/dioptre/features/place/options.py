"""The options of the operation `place`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dioptre_link.catalogue.depth import DepthOptions

Stance = Literal["facing", "surface"]


@dataclass(frozen=True, kw_only=True)
class PlaceOptions(DepthOptions):
    """The options of `place`.

    Attributes:
        stands_at: (x, y) of a place in the photo at whose depth the layer stands; None for behind the subject.
        layer_depth: the layer's disparity, instead of a point.
        stance: "facing" the camera, or lying on the "surface" that the photo shows.
        blur_radius: radius of the layer's blur in pixels; None for the blur that the photo has at that depth.
        grain: how much of the photo's grain the layer gets, from 0 to 1.
        haze: how much of the photo's haze at that depth the layer gets, from 0 to 1.
        light: how much of the colour of the photo's light the layer gets, from 0 to 1.
        shadow: darkness of the shadow where the layer stands on something, from 0 to 1.
    """

    operation = "place"

    stands_at: tuple[float, float] | None = None
    layer_depth: float | None = None
    stance: Stance = "facing"
    blur_radius: float | None = None
    grain: float = 1.0
    haze: float = 0.0
    light: float = 0.0
    shadow: float = 0.0
