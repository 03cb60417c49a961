"""The operation that selects everything at a given depth."""

from __future__ import annotations

from ..operation import Input, Kind, Memory, Operation, Parameter, Role
from .selection import SELECTION_PARAMETERS

NEARER, FARTHER, AROUND = "nearer", "farther", "around"

OPERATION = Operation(
    name="select_depth",
    title="Select by depth",
    help="Selects everything nearer than a depth, farther, or around it. Click in the picture to choose the depth.",
    parameters=(
        Parameter(
            name="side",
            kind=Kind.CHOICE,
            label="Select",
            help="That depth and everything nearer, that depth and everything farther, or that depth alone.",
            default=NEARER,
            choices=(NEARER, FARTHER, AROUND),
            shown=("This depth and nearer", "This depth and farther", "Around this depth"),
            group="Depth range",
            simple=True,
        ),
        Parameter(
            name="depth_point",
            kind=Kind.POINT,
            label="Depth point",
            help="The point whose depth counts. Auto: between foreground and background.",
            group="Depth range",
            simple=True,
        ),
        Parameter(
            name="depth_level",
            kind=Kind.FLOAT,
            label="Depth value",
            help="A value of the depth map in place of a point: 1 nearest, 0 farthest. Auto: at the point.",
            minimum=0.0,
            maximum=1.0,
            group="Depth range",
            simple=True,
        ),
        Parameter(
            name="depth_range",
            kind=Kind.FLOAT,
            label="Range",
            help="How much beyond the depth still belongs to it, in values of the depth map.",
            default=0.08,
            minimum=0.0,
            maximum=1.0,
            slider=(0.0, 0.5),
            group="Depth range",
            simple=True,
        ),
        Parameter(
            name="depth_feather",
            kind=Kind.FLOAT,
            label="Depth feather",
            help="How gradually the selection ends in depth, in values of the depth map; 0 ends at once.",
            default=0.04,
            minimum=0.0,
            maximum=1.0,
            slider=(0.0, 0.5),
            group="Depth range",
            simple=True,
        ),
        Parameter(
            name="picture_edges",
            kind=Kind.BOOLEAN,
            label="Edges of the picture",
            help="Moves the selection's edges onto those of the picture.",
            default=True,
            group="Depth range",
        ),
        *SELECTION_PARAMETERS,
    ),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.SELECTION, Role.SUBJECT, Role.DEPTH),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=44),
    click_resets={"depth_level": None},
    finds_depth_layer=True,
)
