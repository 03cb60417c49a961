"""The operation that corrects a depth layer."""

from __future__ import annotations

from dataclasses import replace

from ..operation import Input, Kind, Memory, Operation, Parameter, Role, fraction
from .depth import DEPTH_MODEL

UNCHANGED = {"mode": "shift", "amount": 0.0}
"""Options with which the depth stays as it is: only strokes on it change."""

OPERATION = Operation(
    name="repair_depth",
    feature="depth",
    title="Repair depth in selection",
    help=(
        "Correct the depth layer inside the selection, for example in mirrors, windows, "
        "pictures on a wall or plants."
    ),
    parameters=(
        Parameter(
            name="mode",
            kind=Kind.CHOICE,
            label="Method",
            help="Estimate: re-estimate on a crop. Smooth: remove bumps. Fill: interpolate from the surroundings. "
            "Match: use the depth of a point. Shift: move nearer or farther.",
            default="estimate",
            choices=("estimate", "smooth", "fill", "match", "shift"),
            shown=(
                "Estimate again",
                "Smooth",
                "Fill from the surroundings",
                "Match a point",
                "Shift nearer or farther",
            ),
            simple=True,
        ),
        Parameter(
            name="at",
            kind=Kind.POINT,
            label="Match point",
            only_if=("mode", "match"),
            help="For Match: a point that has the correct depth.",
            simple=True,
        ),
        fraction(
            name="value",
            label="Match depth",
            only_if=("mode", "match"),
            help="For Match: a depth value instead of a point (1 nearest, 0 farthest).",
        ),
        Parameter(
            name="amount",
            kind=Kind.FLOAT,
            label="Shift amount",
            only_if=("mode", "shift"),
            help="For Shift: how far to move, in values of the depth map. Positive values move nearer, "
            "negative values farther.",
            default=0.1,
            minimum=-1.0,
            maximum=1.0,
            simple=True,
        ),
        Parameter(
            name="feather",
            kind=Kind.FLOAT,
            label="Feather",
            help="Width of the soft edge inside the selection; 0 is a hard edge. Auto: a narrow edge for "
            "Match and Shift; the other methods blend on their own.",
            minimum=0.0,
            maximum=2000.0,
            slider=(0.0, 100.0),
            unit="px",
        ),
        replace(DEPTH_MODEL, only_if=("mode", "estimate")),
    ),
    inputs=(Input.PICTURE, Input.DISPARITY, Input.SELECTION),
    outputs=(Role.DEPTH,),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=30),  # peak memory, which re-estimating the depth requires
    click_resets={"value": None, "mode": "match"},
)
