"""The operation that makes pictures for two eyes: for glasses, headsets and screens that show depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..operation import Input, Memory, Operation, Point, Role, option
from .depth import DepthOptions

LAYOUT = "layout"
"""Name of the option for how the views are arranged."""

QUILT_COLUMNS, QUILT_ROWS, QUILT_PX = 8, 6, 4096
"""Views of a quilt, and its largest width and height in pixels."""

_DOUBLE = ("parallel", "crossed", "rgbd")  # layouts that are twice as wide as the picture


@dataclass(frozen=True, kw_only=True)
class SpatialOptions(DepthOptions):
    """The options of `spatial`."""

    layout: Literal["parallel", "crossed", "anaglyph", "rgbd", "quilt", "mpo"] = option(
        "parallel",
        label="Layout",
        help="Views side by side, an anaglyph for red-cyan glasses, the picture beside its depth, a Looking Glass "
        "quilt, or two pictures in a file, whose name must end in .mpo.",
        shown=(
            "Side by side, parallel",
            "Side by side, crossed",
            "Red-cyan anaglyph",
            "Picture and depth (RGB-D)",
            "Looking Glass quilt",
            "Two pictures in a file (MPO)",
        ),
        simple=True,
    )
    budget: float = option(
        3.0,
        0.1,
        10.0,
        label="Depth budget",
        help="How far the nearest and the farthest points move against each other between the two outermost views, "
        "in per cent of the width.",
        slider=(0.5, 6.0),
        unit="%",
        simple=True,
    )
    screen: Point | None = option(
        None,
        label="Point on the screen",
        help="A point that appears in the plane of the screen; nearer points appear in front of it. Auto: the "
        "subject.",
        simple=True,
    )


OPERATION = Operation(
    name="spatial",
    feature="spatial",
    title="Spatial picture",
    help="Show a picture in 3D: for crossed eyes, red-cyan glasses, 3D screens or headsets.",
    options=SpatialOptions,
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT,),
    memory=Memory(fixed_mib=1200, bytes_per_pixel=160),
    only_files=True,
)


def suffix_of(operation: str, options: Mapping[str, Any]) -> str | None:
    """Return the suffix that the file for a step's result must have; None for that of any picture."""
    return ".mpo" if operation == OPERATION.name and options[LAYOUT] == "mpo" else None


def ending_of(operation: str, options: Mapping[str, Any], size: tuple[int, int] | None) -> str:
    """Return the end of the name of a step's result, before the suffix, which programs for quilts read.

    Args:
        operation: name of the step's operation.
        options: its options.
        size: height and width of the picture; None if they are not known yet, which gives an unfinished ending.
    """
    if operation != OPERATION.name or options[LAYOUT] != "quilt":
        return ""
    aspect = "" if size is None else f"{size[1] / size[0]:.4g}"
    return f"_qs{QUILT_COLUMNS}x{QUILT_ROWS}a{aspect}"


def quilt_view(size: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of each view of a quilt of a picture."""
    height, width = size
    scale = min(QUILT_PX / QUILT_COLUMNS / width, QUILT_PX / QUILT_ROWS / height, 1.0)
    return max(1, round(height * scale)), max(1, round(width * scale))


def size_of(operation: str, options: Mapping[str, Any], size: tuple[int, int]) -> tuple[int, int]:
    """Return the largest height and width that a step's result can have, given those of the picture."""
    layout = options[LAYOUT] if operation == OPERATION.name else ""
    if layout == "quilt":
        height, width = quilt_view(size)
        return height * QUILT_ROWS, width * QUILT_COLUMNS
    return size[0], size[1] * 2 if layout in _DOUBLE else size[1]
