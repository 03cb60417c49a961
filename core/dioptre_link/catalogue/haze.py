"""The operation that adds or removes haze by depth."""

from __future__ import annotations

from ..operation import Input, Kind, Memory, Operation, Parameter, Role, fraction, grouped
from .depth import DEPTH_PARAMETERS
from .limit import RANGE_PARAMETERS

_OPTIONS = grouped(
    "Haze",
    Parameter(
        name="density",
        kind=Kind.FLOAT,
        label="Density",
        help="Above 0, haze is added: at 1, the farthest parts disappear. Below 0, haze is removed: at -1, "
        "nearly all of it.",
        default=0.5,
        minimum=-1.0,
        maximum=1.0,
    ),
    Parameter(
        name="air",
        kind=Kind.POINT,
        label="Colour of the haze",
        help="A place in the picture that has the colour of the haze, such as the sky above the horizon. Auto: "
        "the farthest bright area.",
    ),
    fraction(
        name="mist",
        label="Ground mist",
        help="How much of the added haze lies near the ground, and thins out with the height.",
        default=0.0,
    ),
    simple=True,
)

OPERATION = Operation(
    name="haze",
    feature="haze",
    title="Haze",
    help="Add haze or mist that grows with the distance, or remove the haze of a photo.",
    parameters=(
        *_OPTIONS,
        *RANGE_PARAMETERS,
        *DEPTH_PARAMETERS,
    ),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.MASK, Role.DEPTH),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=60),
    finds_depth_layer=True,
)
