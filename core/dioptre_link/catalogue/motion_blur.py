"""The operation that blurs a photo by the motion of its camera."""

from __future__ import annotations

from ..operation import Input, Kind, Memory, Operation, Parameter, Role, grouped
from .depth import DEPTH_PARAMETERS
from .limit import RANGE_PARAMETERS

_OPTIONS = grouped(
    "Motion",
    Parameter(
        name="motion",
        kind=Kind.CHOICE,
        label="Motion",
        help="Pan: the camera turns with the subject, and everything else gets the same streaks. Travel: it "
        "moves sideways; streaks grow with the difference in distance from what stays sharp.",
        default="pan",
        choices=("pan", "travel"),
        shown=("Pan with the subject", "Travel sideways"),
    ),
    Parameter(
        name="length",
        kind=Kind.FLOAT,
        label="Length",
        help="Length of the longest streaks, in per cent of the picture's longer side.",
        default=3.0,
        minimum=0.0,
        maximum=20.0,
        slider=(0.0, 10.0),
        unit="%",
    ),
    Parameter(
        name="angle",
        kind=Kind.FLOAT,
        label="Angle",
        help="Direction of the streaks: 0 horizontal, 90 vertical, above 0 rising to the right.",
        default=0.0,
        minimum=-90.0,
        maximum=90.0,
        unit="°",
    ),
    Parameter(
        name="target",
        kind=Kind.POINT,
        label="Target",
        help="A place on what stays sharp. Auto: the subject.",
    ),
    simple=True,
)

OPERATION = Operation(
    name="motion_blur",
    feature="motion_blur",
    title="Motion blur",
    help="Blur a photo as if its camera had moved during the exposure; the subject stays sharp.",
    parameters=(
        *_OPTIONS,
        *RANGE_PARAMETERS,
        *DEPTH_PARAMETERS,
    ),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.MASK, Role.DEPTH),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=70),
    finds_depth_layer=True,
)
