"""The operation that blurs a photo as if its camera had turned with the subject."""

from __future__ import annotations

from dataclasses import dataclass

from ..operation import Input, Memory, Operation, Point, Role, option
from .depth import DepthOptions
from .limit import RangeOptions


@dataclass(frozen=True, kw_only=True)
class MotionBlurOptions(RangeOptions, DepthOptions, group="Motion", simple=True):
    """The options of `motion_blur`."""

    length: float = option(
        3.0,
        0.0,
        20.0,
        label="Length",
        help="Length of the streaks, in per cent of the picture's longer side.",
        slider=(0.0, 10.0),
        unit="%",
    )
    angle: float = option(
        0.0,
        -90.0,
        90.0,
        label="Angle",
        help="Direction of the streaks: 0 horizontal, 90 vertical, above 0 rising to the right.",
        unit="°",
    )
    target: Point | None = option(
        None, label="Target", help="A place on what the camera follows. Auto: the subject."
    )


OPERATION = Operation(
    name="motion_blur",
    feature="motion_blur",
    title="Motion blur",
    help="Blur a photo as if its camera had turned with the subject during the exposure.",
    options=MotionBlurOptions,
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.MASK, Role.DEPTH),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=70),
    finds_depth_layer=True,
)
