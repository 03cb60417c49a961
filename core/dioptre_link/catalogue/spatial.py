"""The operation that makes pictures for two eyes: for glasses, headsets and screens that show depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..operation import Input, Kind, Memory, Operation, Parameter, Role
from .depth import DEPTH_PARAMETERS

LAYOUT = "layout"
"""Name of the option for how the views are arranged."""

_SUFFIXES = {"mpo": ".mpo", "wiggle": ".webp"}  # of the layouts with several pictures in a file

OPERATION = Operation(
    name="spatial",
    feature="spatial",
    title="Spatial picture",
    help="Show a picture in 3D: for crossed eyes, red-cyan glasses, 3D screens, headsets or as a short animation.",
    parameters=(
        Parameter(
            name=LAYOUT,
            kind=Kind.CHOICE,
            label="Layout",
            help="Two views side by side (half: at half width), an anaglyph for red-cyan glasses, the picture "
            "beside its depth, a Looking Glass quilt, or dots that hide the depth. MPO and wiggle need names "
            "that end in .mpo and .webp.",
            default="parallel",
            choices=("parallel", "crossed", "half", "anaglyph", "rgbd", "quilt", "autostereogram", "mpo", "wiggle"),
            shown=(
                "Side by side, parallel",
                "Side by side, crossed",
                "Side by side, half width",
                "Red-cyan anaglyph",
                "Picture and depth (RGB-D)",
                "Looking Glass quilt",
                "Autostereogram",
                "Two pictures in a file (MPO)",
                "Wiggle animation",
            ),
            simple=True,
        ),
        Parameter(
            name="budget",
            kind=Kind.FLOAT,
            label="Depth budget",
            help="How far the nearest and the farthest points move against each other between the two outermost "
            "views, in per cent of the width.",
            default=3.0,
            minimum=0.1,
            maximum=10.0,
            slider=(0.5, 6.0),
            unit="%",
            simple=True,
        ),
        Parameter(
            name="screen",
            kind=Kind.POINT,
            label="Point on the screen",
            help="A point that appears in the plane of the screen; nearer points appear in front of it. Auto: the "
            "subject.",
            simple=True,
        ),
        *DEPTH_PARAMETERS,
    ),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT,),
    memory=Memory(fixed_mib=1200, bytes_per_pixel=160),
    only_files=True,
)


def suffix_of(operation: str, options: Mapping[str, Any]) -> str | None:
    """Return the suffix that the file for a step's result must have; None for that of any picture."""
    return _SUFFIXES.get(options[LAYOUT]) if operation == OPERATION.name else None
