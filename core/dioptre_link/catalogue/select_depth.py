"""The operation that selects everything at a given depth."""

from __future__ import annotations

from ..operation import Input, Kind, Memory, Operation, Parameter, Role, WarmUp, fraction, grouped
from .depth import COMMON_SHAPES
from .selection import SELECTION_PARAMETERS

NEARER, FARTHER, AROUND = "nearer", "farther", "around"

_OPTIONS = grouped(
    "Depth range",
    Parameter(
        name="side",
        kind=Kind.CHOICE,
        label="Select",
        help=(
            "The chosen depth and everything nearer, the chosen depth and everything "
            "farther, or only the chosen depth."
        ),
        default=NEARER,
        choices=(NEARER, FARTHER, AROUND),
        shown=("This depth and nearer", "This depth and farther", "Around this depth"),
        simple=True,
    ),
    Parameter(
        name="depth_point",
        kind=Kind.POINT,
        label="Depth point",
        help="A point at the depth to select. Auto: a depth between foreground and background.",
        simple=True,
    ),
    fraction(
        name="depth_level",
        label="Depth value",
        help=(
            "The depth to select, as a value of the depth map instead of a point: 1 "
            "nearest, 0 farthest. Auto: the depth of the point."
        ),
        simple=True,
    ),
    fraction(
        name="depth_range",
        label="Range",
        help="How far the selection extends beyond that depth, in values of the depth map.",
        default=0.08,
        slider=(0.0, 0.5),
        simple=True,
    ),
    fraction(
        name="depth_feather",
        label="Depth feather",
        help="Width of the transition at the end of the range, in values of the depth map; 0 gives a hard edge.",
        default=0.04,
        slider=(0.0, 0.5),
        simple=True,
    ),
    Parameter(
        name="picture_edges",
        kind=Kind.BOOLEAN,
        label="Snap to edges",
        help="Aligns the edges of the selection with the edges in the picture.",
        default=True,
    ),
)

OPERATION = Operation(
    name="select_depth",
    feature="select",
    title="Select by depth",
    help="Select everything nearer than a certain depth, farther than it, or close to it.",
    parameters=(
        *_OPTIONS,
        *SELECTION_PARAMETERS,
    ),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    warm_up=(WarmUp(once=True), *COMMON_SHAPES),
    outputs=(Role.SELECTION, Role.SUBJECT, Role.DEPTH),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=44),
    click_resets={"depth_level": None},
    finds_depth_layer=True,
)
