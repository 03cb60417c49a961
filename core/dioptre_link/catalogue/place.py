"""The operation that places a layer at a depth of a photo."""

from __future__ import annotations

from ..operation import Input, Kind, Memory, Operation, Parameter, Role, fraction, grouped
from .depth import DEPTH_PARAMETERS

_PLACE = grouped(
    "Place",
    Parameter(
        name="stands_at",
        kind=Kind.POINT,
        label="Place at the depth of",
        help="A point of the photo. The layer stands just in front of it, or lies on it. Auto: behind the subject.",
    ),
    fraction(
        name="layer_depth",
        label="Layer depth",
        help="The depth of the layer, as a value of the depth map: 1 nearest, 0 farthest. Auto: that of the point.",
        only_if=("stance", "facing"),
    ),
    Parameter(
        name="stance",
        kind=Kind.CHOICE,
        label="Stance",
        help="Facing the camera, or lying in perspective on the surface that the photo shows at the point, "
        "such as the ground or a wall.",
        default="facing",
        choices=("facing", "surface"),
        shown=("Facing the camera", "Lying on the surface"),
    ),
    simple=True,
)

_LOOK = grouped(
    "Look",
    Parameter(
        name="blur_radius",
        kind=Kind.FLOAT,
        label="Layer blur",
        help="Radius of the layer's blur. Auto: the blur that the photo has at that depth.",
        minimum=0.0,
        maximum=300.0,
        slider=(0.0, 50.0),
        unit="px",
        simple=True,
    ),
    fraction(
        name="grain",
        label="Grain",
        help="How much of the photo's grain the layer gets: 0 none, 1 the same amount.",
        default=1.0,
    ),
    fraction(
        name="haze",
        label="Haze",
        help="How much of the photo's haze at its depth the layer gets: 0 none, 1 the same amount.",
        default=0.0,
    ),
    fraction(
        name="light",
        label="Colour of the light",
        help="How much of the colour of the photo's light, as from lamps, the layer gets: 0 none, 1 all.",
        default=0.0,
    ),
    fraction(
        name="shadow",
        label="Contact shadow",
        help="Darkness of the shadow where a layer that faces the camera stands on something.",
        default=0.0,
        simple=True,
        only_if=("stance", "facing"),
    ),
)

OPERATION = Operation(
    name="place",
    feature="place",
    title="Place at depth",
    help="Place a layer, such as text, at a depth of the photo: nearer things cover it with their soft edges.",
    parameters=(
        *_PLACE,
        *_LOOK,
        *DEPTH_PARAMETERS,
    ),
    inputs=(Input.PICTURE, Input.LAYER),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.FOREGROUND, Role.SHADOW, Role.PLACED, Role.MASK, Role.DEPTH),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=100),
    click_resets={"layer_depth": None},
    finds_depth_layer=True,
    only_files=True,
)
