"""The operation that corrects the colour of the light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..language import Message
from ..operation import Input, Kind, Memory, Operation, Parameter, Role, WarmUp, fraction, grouped

TEMPERATURE, NEUTRAL = "temperature", "neutral"
"""Names of the options with which the user sets the light, instead of an estimate."""

UNCHANGED: Mapping[str, Any] = {"strength": 0.0}
"""Options with which every bit of the picture stays the same."""

SET_LIGHT = Message("To change this, set the temperature or choose a neutral area.")
SET_WARMTH = Message("To preserve the warm light of the scene, increase Keep warmth.")
"""Messages about options, which an editor leaves out where the user cannot change them, as in a recipe."""

_OPTIONS = grouped(
    "Light",
    Parameter(
        name=TEMPERATURE,
        kind=Kind.FLOAT,
        label="Temperature",
        help="Colour temperature of the light: 6500 changes nothing; lower values make the picture bluer, "
        "higher values warmer. Auto: estimated.",
        minimum=1000.0,
        maximum=50000.0,
        slider=(2000.0, 15000.0),
        unit="K",
        simple=True,
    ),
    Parameter(
        name="tint",
        kind=Kind.INTEGER,
        label="Tint",
        help=(
            "Green-magenta tint of the light, in the units of raw converters (1/3000 "
            "Duv); daylight is about 10. Lower values make the picture greener, higher "
            "values more magenta. Auto: estimated."
        ),
        minimum=-300,
        maximum=300,
        slider=(-150, 150),
        simple=True,
    ),
    fraction(
        name="strength",
        label="Strength",
        help="How much of the cast to remove: 0 none, 1 all of it.",
        default=1.0,
        simple=True,
    ),
    Parameter(
        name=NEUTRAL,
        kind=Kind.POINT,
        label="Neutral area",
        help="The centre of an area that should be grey or white. Replaces the estimate.",
        simple=True,
    ),
    Parameter(
        name="neutral_radius",
        kind=Kind.INTEGER,
        label="Neutral area size",
        help="Radius of the neutral area.",
        default=2,
        minimum=0,
        maximum=2000,
        slider=(0, 100),
        unit="px",
    ),
    fraction(
        name="keep_warmth",
        label="Keep warmth",
        help="How much warm light to keep, such as candlelight or a sunset: 0 none, 1 all of it.",
        default=0.0,
        simple=True,
    ),
    Parameter(
        name="mixed",
        kind=Kind.BOOLEAN,
        label="Mixed lighting",
        help=(
            "Detects several light sources and balances each area of the picture for the light that falls on it."
        ),
        default=False,
    ),
)

OPERATION = Operation(
    name="white_balance",
    feature="white_balance",
    title="White balance",
    help="Estimate the colour of the light and remove the colour cast.",
    parameters=(*_OPTIONS,),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT,),
    memory=Memory(fixed_mib=450, bytes_per_pixel=25),
    warm_up=(WarmUp(),),
    warm_up_rank=3,
    click_resets={TEMPERATURE: None, "tint": None},
    in_series=True,
)
