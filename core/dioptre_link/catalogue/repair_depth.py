"""The operation that corrects a depth layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..operation import Input, Memory, Operation, Options, Point, Role, fraction, option
from .depth import network_option

UNCHANGED = {"mode": "shift", "amount": 0.0}
"""Options with which the depth stays as it is: only strokes on it change."""


@dataclass(frozen=True, kw_only=True)
class RepairOptions(Options):
    """The options of `repair_depth`."""

    mode: Literal["estimate", "smooth", "fill", "match", "shift"] = option(
        "estimate",
        label="Method",
        help="Estimate: re-estimate on a crop. Smooth: remove bumps. Fill: interpolate from the surroundings. "
        "Match: use the depth of a point. Shift: move nearer or farther.",
        shown=(
            "Estimate again",
            "Smooth",
            "Fill from the surroundings",
            "Match a point",
            "Shift nearer or farther",
        ),
        simple=True,
    )
    at: Point | None = option(
        None,
        label="Match point",
        help="For Match: a point that has the correct depth.",
        only_if=("mode", "match"),
        simple=True,
    )
    value: float | None = fraction(
        None,
        label="Match depth",
        help="For Match: a depth value instead of a point (1 nearest, 0 farthest).",
        only_if=("mode", "match"),
    )
    amount: float = option(
        0.1,
        -1.0,
        1.0,
        label="Shift amount",
        help="For Shift: how far to move, in values of the depth map. Positive values move nearer, "
        "negative values farther.",
        only_if=("mode", "shift"),
        simple=True,
    )
    feather: float | None = option(
        None,
        0.0,
        2000.0,
        label="Feather",
        help="Width of the soft edge inside the selection; 0 is a hard edge. Auto: a narrow edge for "
        "Match and Shift; the other methods blend on their own.",
        slider=(0.0, 100.0),
        unit="px",
    )
    depth_model: str = network_option(only_if=("mode", "estimate"))


OPERATION = Operation(
    name="repair_depth",
    feature="depth",
    title="Repair depth in selection",
    help=(
        "Correct the depth layer inside the selection, for example in mirrors, windows, "
        "pictures on a wall or plants."
    ),
    options=RepairOptions,
    inputs=(Input.PICTURE, Input.DISPARITY, Input.SELECTION),
    outputs=(Role.DEPTH,),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=30),  # peak memory, which re-estimating the depth requires
    click_resets={"value": None, "mode": "match"},
)
