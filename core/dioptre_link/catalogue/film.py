"""The operation that films a photo: a short film with a moving camera or focus."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from ..operation import Input, Kind, Memory, Operation, Parameter, Role
from .depth import DEPTH_PARAMETERS

SUFFIXES = (".mp4", ".webp", ".gif")
"""Suffixes of files that hold a film. A name without a suffix is a folder of PNG frames."""

MASKS = "masks"
"""Name of the option for a film of masks."""

OPERATION = Operation(
    name="film",
    feature="film",
    title="Film",
    help="Make a short film of a picture: the camera or the focus moves.",
    parameters=(
        Parameter(
            name="move",
            kind=Kind.CHOICE,
            label="Move",
            help="Push in: the camera moves towards the target; dolly zoom: away from it while it zooms in; orbit: "
            "around it. Focus pull: the focus moves to the target.",
            default="push-in",
            choices=("push-in", "dolly-zoom", "orbit", "focus-pull"),
            shown=("Push in", "Dolly zoom", "Orbit", "Focus pull"),
            bytes_per_pixel=160,  # of a focus pull at the largest size
            simple=True,
        ),
        Parameter(
            name="seconds",
            kind=Kind.FLOAT,
            label="Duration",
            help="Length of the film.",
            default=4.0,
            minimum=0.5,
            maximum=20.0,
            slider=(1.0, 10.0),
            unit="s",
            simple=True,
        ),
        Parameter(
            name="fps",
            kind=Kind.INTEGER,
            label="Frames per second",
            help="Frames per second.",
            default=30,
            minimum=5,
            maximum=60,
            simple=True,
        ),
        Parameter(
            name="size",
            kind=Kind.INTEGER,
            label="Size",
            help="Longer side of the frames in pixels; they are never larger than the picture.",
            default=1920,
            minimum=64,
            maximum=4096,
            simple=True,
        ),
        Parameter(
            name="strength",
            kind=Kind.FLOAT,
            label="Strength",
            help="How far the camera moves, or how strong the blur is: 100 % suits most pictures.",
            default=100.0,
            minimum=10.0,
            maximum=300.0,
            unit="%",
            simple=True,
        ),
        Parameter(
            name="target",
            kind=Kind.POINT,
            label="Target",
            help="The point that the camera moves to or around, or that becomes sharp. Auto: the subject.",
            simple=True,
        ),
        Parameter(
            name="position",
            kind=Kind.FLOAT,
            label="Position",
            help="The frame that a preview shows: 0 is the first, 100 the last.",
            default=100.0,
            minimum=0.0,
            maximum=100.0,
            unit="%",
            simple=True,
        ),
        Parameter(
            name=MASKS,
            kind=Kind.BOOLEAN,
            label="Masks of invented pixels",
            help="Also makes a film of masks: white marks what the picture does not show.",
            default=False,
        ),
        *DEPTH_PARAMETERS,
    ),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.INVENTED),
    memory=Memory(fixed_mib=1500, bytes_per_pixel=160),
    finds_depth_layer=True,
    only_files=True,
    framed_by="position",
)


def count_of(options: Mapping[str, Any]) -> int:
    """Return the number of frames of a film."""
    return max(2, round(options["seconds"] * options["fps"]))


def delays_ms(count: int, fps: int, unit_ms: int) -> list[int]:
    """Return the duration of each frame in ms, in whole units that add up to the film's length."""
    ends = [round(1000 / unit_ms * number / fps) * unit_ms for number in range(count + 1)]
    return [end - start for start, end in pairwise(ends)]
