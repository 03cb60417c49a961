"""The operation that films a photo: a short film with a moving camera or focus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from ..operation import Input, Memory, Operation, Point, Role, option
from .depth import DepthOptions

SUFFIXES = (".mp4", ".webp", ".gif")
"""Suffixes of files that hold a film. A name without a suffix is a folder of PNG frames."""

MASKS = "masks"
"""Name of the option for a film of masks."""

Move = Literal["push-in", "dolly-zoom", "orbit", "focus-pull"]


@dataclass(frozen=True, kw_only=True)
class FilmOptions(DepthOptions):
    """The options of `film`."""

    move: Move = option(
        "push-in",
        label="Move",
        help="Push in: the camera moves towards the target; dolly zoom: away from it while it zooms in; orbit: "
        "around it. Focus pull: the focus moves to the target.",
        shown=("Push in", "Dolly zoom", "Orbit", "Focus pull"),
        simple=True,
        bytes_per_pixel=160,  # of a focus pull at the largest size
    )
    seconds: float = option(
        4.0, 0.5, 20.0, label="Duration", help="Length of the film.", slider=(1.0, 10.0), unit="s", simple=True
    )
    fps: int = option(30, 5, 60, label="Frames per second", help="Frames per second.", simple=True)
    size: int = option(
        1920,
        64,
        4096,
        label="Size",
        help="Longer side of the frames in pixels; they are never larger than the picture.",
        simple=True,
        within_picture=True,
    )
    strength: float = option(
        100.0,
        10.0,
        300.0,
        label="Strength",
        help="How far the camera moves, or how strong the blur is: 100 % suits most pictures.",
        unit="%",
        simple=True,
    )
    target: Point | None = option(
        None,
        label="Target",
        help="The point that the camera moves to or around, or that becomes sharp. Auto: the subject.",
        simple=True,
    )
    position: float = option(
        100.0,
        0.0,
        100.0,
        label="Position",
        help="The frame that a preview shows: 0 is the first, 100 the last.",
        unit="%",
        simple=True,
    )
    masks: bool = option(
        False,
        label="Masks of invented pixels",
        help="Also makes a film of masks: white marks what the picture does not show.",
    )


OPERATION = Operation(
    name="film",
    feature="film",
    title="Film",
    help="Make a short film of a picture: the camera or the focus moves.",
    options=FilmOptions,
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
