"""The operation that lights a photo again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..operation import Input, Memory, Operation, Point, Points, Role, WarmUp, fraction, option
from .depth import DepthOptions
from .limit import RangeOptions

LightKind = Literal["area", "point", "directional"]


@dataclass(frozen=True, kw_only=True)
class LightOptions(RangeOptions, DepthOptions, group="Light", simple=True):
    """The options of `light`.

    At a `light_depth` of -1, a light is at least twice as far away as the subject.
    """

    kind: LightKind = option(
        "area",
        label="Light",
        help="A lamp shines all around. A soft box shines only towards the subject. Sunlight comes from the same "
        "direction everywhere.",
        shown=("Soft box", "Lamp", "Sunlight"),
    )
    light_at: Point | None = option(
        None,
        label="Place of the light",
        help="A place in the picture where the light stands. Auto: beside the subject.",
    )
    more_lights: Points = option(
        (), label="More lights", help="Places of up to three more lights, which are like the first."
    )
    light_angle: float = option(
        135.0,
        -180.0,
        180.0,
        label="Side of the light",
        help="If the light has no place: where around the subject it stands, 0 right, 90 above, 180 left.",
        unit="°",
        only_if=("light_at", None),
    )
    light_depth: float = option(
        0.4,
        -1.0,
        1.0,
        label="In front or behind",
        help="0: at the subject's depth. Above 0, the light stands in front of it: 1 at the camera. Below 0, it "
        "stands behind it, for a bright rim: -1 at what the photo shows at its place.",
    )
    light_size: float = option(
        0.5,
        0.0,
        2.0,
        label="Size of the light",
        help="Diameter of the light divided by its distance from the subject. A large light has soft shadows.",
    )
    warmth: float = option(
        5500.0,
        1500.0,
        15000.0,
        label="Temperature",
        help="Colour temperature of the light. 6500 K is the white of the photo; candles have 2000 K.",
        unit="K",
    )
    strength: float = option(
        0.8, 0.0, 4.0, label="Strength", help="Light on the subject, relative to the photo's own."
    )
    ambient: float = fraction(0.5, label="Light of the photo", help="How much of the photo's own light stays.")


OPERATION = Operation(
    name="light",
    feature="light",
    title="Light",
    help="Light a photo again with lamps that stand in its depth and throw soft shadows.",
    options=LightOptions,
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.MASK, Role.DEPTH),
    memory=Memory(fixed_mib=1200, bytes_per_pixel=55),
    warm_up=(WarmUp(draft=True, subject=0.5, once=True), WarmUp(subject=0.5, once=True)),
    click_adds="more_lights",
    at_marks="strength",
    drafts=True,
    finds_depth_layer=True,
)
