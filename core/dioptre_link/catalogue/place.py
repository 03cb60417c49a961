"""The operation that places a layer at a depth of a photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..operation import Input, Memory, Operation, Options, Point, Role, fraction, option
from .depth import DepthOptions


@dataclass(frozen=True, kw_only=True)
class _Look(Options, group="Look"):
    """How the layer looks."""

    blur_radius: float | None = option(
        None,
        0.0,
        300.0,
        label="Layer blur",
        help="Radius of the layer's blur. Auto: the blur that the photo has at that depth, if it stays readable.",
        slider=(0.0, 50.0),
        unit="px",
        simple=True,
    )
    grain: float = fraction(
        1.0,
        label="Grain",
        help="How much of the photo's grain the layer gets: 0 none, 1 the same amount. On a surface, it takes on "
        "its texture and light, too.",
    )
    haze: float = fraction(
        0.0,
        label="Haze",
        help="How much of the photo's haze at its depth the layer gets: 0 none, 1 the same amount.",
    )
    light: float = fraction(
        0.0,
        label="Colour of the light",
        help="How much of the colour of the photo's light, as from lamps, the layer gets: 0 none, 1 all.",
    )
    shadow: float = fraction(
        0.0,
        label="Contact shadow",
        help="Darkness of the shadow where a layer that faces the camera stands on something.",
        only_if=("stance", "facing"),
        simple=True,
    )


@dataclass(frozen=True, kw_only=True)
class PlaceOptions(_Look, DepthOptions, group="Place", simple=True):
    """The options of `place`."""

    stands_at: Point | None = option(
        None,
        label="Place at the depth of",
        help="A point of the photo. The layer stands just in front of it, or lies on it. Auto: behind the subject.",
    )
    layer_depth: float | None = fraction(
        None,
        label="Layer depth",
        help="The depth of the layer, as a value of the depth map: 1 nearest, 0 farthest. Auto: that of the point.",
        only_if=("stance", "facing"),
    )
    stance: Literal["facing", "surface"] = option(
        "facing",
        label="Stance",
        help="Facing the camera, or lying in perspective on the surface that the photo shows at the point, such as "
        "the ground or a wall.",
        shown=("Facing the camera", "Lying on the surface"),
    )


OPERATION = Operation(
    name="place",
    feature="place",
    title="Place at depth",
    help="Place a layer, such as text, at a depth of the photo: nearer things cover it with their soft edges.",
    options=PlaceOptions,
    inputs=(Input.PICTURE, Input.LAYER),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.FOREGROUND, Role.SHADOW, Role.PLACED, Role.MASK, Role.DEPTH),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=100),
    click_resets={"layer_depth": None},
    finds_depth_layer=True,
    only_files=True,
)
