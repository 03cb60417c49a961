"""The operation that corrects the colour of the light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..language import Message
from ..operation import Input, Memory, Operation, Options, Point, Role, WarmUp, fraction, option

TEMPERATURE, NEUTRAL, STRENGTH = "temperature", "neutral", "strength"
"""Names of the options with which the user sets the light, instead of an estimate."""

UNCHANGED: Mapping[str, Any] = {"strength": 0.0}
"""Options with which every bit of the picture stays the same."""

SET_LIGHT = Message("To change this, set the strength or the temperature, or choose a neutral area.")
SET_WARMTH = Message("To preserve the warm light of the scene, increase Keep warmth.")
"""Messages about options, which an editor leaves out where the user cannot change them, as in a recipe."""


@dataclass(frozen=True, kw_only=True)
class WhiteBalanceOptions(Options, group="Light"):
    """The options of `white_balance`.

    A positive `tint` is that of green light. The `strength` is linear in mired; at 0, every bit stays the same.
    """

    temperature: float | None = option(
        None,
        1000.0,
        50000.0,
        label="Temperature",
        help="Colour temperature of the light: 6500 changes nothing; lower values make the picture bluer, higher "
        "values warmer. Auto: estimated.",
        slider=(2000.0, 15000.0),
        unit="K",
        simple=True,
    )
    tint: int | None = option(
        None,
        -300,
        300,
        label="Tint",
        help="Green-magenta tint of the light, in the units of raw converters (1/3000 Duv); daylight is about 10. "
        "Lower values make the picture greener, higher values more magenta. Auto: estimated.",
        slider=(-150, 150),
        simple=True,
    )
    strength: float | None = fraction(
        None,
        label="Strength",
        help="How much of the cast to remove: 0 none, 1 all of it. Auto: all but what seems to belong to the "
        "scene, such as evening sun or stage lights.",
        simple=True,
    )
    neutral: Point | None = option(
        None,
        label="Neutral area",
        help="The centre of an area that should be grey or white. Replaces the estimate.",
        simple=True,
    )
    neutral_radius: int = option(
        2, 0, 2000, label="Neutral area size", help="Radius of the neutral area.", slider=(0, 100), unit="px"
    )
    keep_warmth: float = fraction(
        0.0,
        label="Keep warmth",
        help="How much warm light to keep, such as candlelight or a sunset: 0 none, 1 all of it.",
        simple=True,
    )
    mixed: bool = option(
        False,
        label="Mixed lighting",
        help="Detects several light sources and balances each area of the picture for the light that falls on it.",
    )


OPERATION = Operation(
    name="white_balance",
    feature="white_balance",
    title="White balance",
    help="Estimate the colour of the light and remove the colour cast.",
    options=WhiteBalanceOptions,
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT,),
    memory=Memory(fixed_mib=450, bytes_per_pixel=25),
    warm_up=(WarmUp(),),
    warm_up_rank=3,
    click_resets={TEMPERATURE: None, "tint": None},
    in_series=True,
)
