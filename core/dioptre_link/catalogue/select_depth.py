"""The operation that selects everything at a given depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..operation import Input, Memory, Operation, Point, Role, WarmUp, fraction, option
from .depth import COMMON_SHAPES
from .selection import SelectionOptions


@dataclass(frozen=True, kw_only=True)
class SelectDepthOptions(SelectionOptions, group="Depth range"):
    """The options of `select_depth`."""

    side: Literal["nearer", "farther", "around"] = option(
        "nearer",
        label="Select",
        help="The chosen depth and everything nearer, the chosen depth and everything farther, or only the chosen "
        "depth.",
        shown=("This depth and nearer", "This depth and farther", "Around this depth"),
        simple=True,
    )
    depth_point: Point | None = option(
        None,
        label="Depth point",
        help="A point at the depth to select. Auto: a depth between foreground and background.",
        simple=True,
    )
    depth_level: float | None = fraction(
        None,
        label="Depth value",
        help="The depth to select, as a value of the depth map instead of a point: 1 nearest, 0 farthest. Auto: "
        "the depth of the point.",
        simple=True,
    )
    depth_range: float = fraction(
        0.08,
        label="Range",
        help="How far the selection extends beyond that depth, in values of the depth map.",
        slider=(0.0, 0.5),
        simple=True,
    )
    depth_feather: float = fraction(
        0.04,
        label="Depth feather",
        help="Width of the transition at the end of the range, in values of the depth map; 0 gives a hard edge.",
        slider=(0.0, 0.5),
        simple=True,
    )
    picture_edges: bool = option(
        True, label="Snap to edges", help="Aligns the edges of the selection with the edges in the picture."
    )


OPERATION = Operation(
    name="select_depth",
    feature="select",
    title="Select by depth",
    help="Select everything nearer than a certain depth, farther than it, or close to it.",
    options=SelectDepthOptions,
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    warm_up=(WarmUp(once=True), *COMMON_SHAPES),
    outputs=(Role.SELECTION, Role.SUBJECT, Role.DEPTH),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=44),
    click_resets={"depth_level": None},
    finds_depth_layer=True,
)
