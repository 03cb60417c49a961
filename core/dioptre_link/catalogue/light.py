"""The operation that lights a photo again."""

from __future__ import annotations

from ..operation import Input, Kind, Memory, Operation, Parameter, Role, WarmUp, fraction, grouped
from .depth import DEPTH_PARAMETERS
from .limit import RANGE_PARAMETERS

_OPTIONS = grouped(
    "Light",
    Parameter(
        name="kind",
        kind=Kind.CHOICE,
        label="Light",
        help="A lamp shines all around. A soft box shines only towards the subject. Sunlight comes from the "
        "same direction everywhere.",
        default="area",
        choices=("area", "point", "directional"),
        shown=("Soft box", "Lamp", "Sunlight"),
    ),
    Parameter(
        name="light_at",
        kind=Kind.POINT,
        label="Place of the light",
        help="A place in the picture where the light stands. Auto: beside the subject.",
    ),
    Parameter(
        name="more_lights",
        kind=Kind.POINTS,
        label="More lights",
        help="Places of up to three more lights, which are like the first.",
        default=(),
    ),
    Parameter(
        name="light_angle",
        kind=Kind.FLOAT,
        label="Side of the light",
        help="If the light has no place: where around the subject it stands, 0 right, 90 above, 180 left.",
        default=135.0,
        minimum=-180.0,
        maximum=180.0,
        unit="°",
    ),
    Parameter(
        name="light_depth",
        kind=Kind.FLOAT,
        label="In front or behind",
        help="0: at the subject's depth. Above 0, the light stands in front of it: 1 at the camera. Below 0, "
        "it stands behind it, for a bright rim: -1 at what the photo shows at its place.",
        default=0.4,
        minimum=-1.0,
        maximum=1.0,
    ),
    Parameter(
        name="light_size",
        kind=Kind.FLOAT,
        label="Size of the light",
        help="Diameter of the light divided by its distance from the subject. A large light has soft shadows.",
        default=0.5,
        minimum=0.0,
        maximum=2.0,
    ),
    Parameter(
        name="warmth",
        kind=Kind.FLOAT,
        label="Temperature",
        help="Colour temperature of the light. 6500 K is the white of the photo; candles have 2000 K.",
        default=5500.0,
        minimum=1500.0,
        maximum=15000.0,
        unit="K",
    ),
    Parameter(
        name="strength",
        kind=Kind.FLOAT,
        label="Strength",
        help="Light on the subject, relative to the photo's own.",
        default=0.8,
        minimum=0.0,
        maximum=4.0,
    ),
    fraction(
        name="ambient",
        label="Light of the photo",
        help="How much of the photo's own light stays.",
        default=0.5,
    ),
    simple=True,
)

OPERATION = Operation(
    name="light",
    feature="light",
    title="Light",
    help="Light a photo again with lamps that stand in its depth and throw soft shadows.",
    parameters=(
        *_OPTIONS,
        *RANGE_PARAMETERS,
        *DEPTH_PARAMETERS,
    ),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.MASK, Role.DEPTH),
    memory=Memory(fixed_mib=1200, bytes_per_pixel=55),
    warm_up=(WarmUp(draft=True, subject=0.5, once=True), WarmUp(subject=0.5, once=True)),
    click_adds="more_lights",
    drafts=True,
    finds_depth_layer=True,
)
