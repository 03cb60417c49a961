"""The operation that adds or removes haze by depth."""

from __future__ import annotations

from dataclasses import dataclass

from ..operation import Input, Memory, Operation, Point, Role, fraction, option
from .depth import DepthOptions
from .limit import RangeOptions


@dataclass(frozen=True, kw_only=True)
class HazeOptions(RangeOptions, DepthOptions, group="Haze", simple=True):
    """The options of `haze`."""

    density: float = option(
        0.5,
        -1.0,
        1.0,
        label="Density",
        help="Above 0, haze is added: at 1, the farthest parts disappear. Below 0, haze is removed: at -1, nearly "
        "all of it.",
    )
    air: Point | None = option(
        None,
        label="Colour of the haze",
        help="A place in the picture that has the colour of the haze, such as the sky above the horizon. Auto: the "
        "farthest bright area.",
    )
    mist: float = fraction(
        0.0,
        label="Ground mist",
        help="How much of the added haze lies near the ground, and thins out with the height.",
    )


OPERATION = Operation(
    name="haze",
    feature="haze",
    title="Haze",
    help="Add haze or mist that grows with the distance, or remove the haze of a photo.",
    options=HazeOptions,
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.MASK, Role.DEPTH),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=60),
    finds_depth_layer=True,
)
