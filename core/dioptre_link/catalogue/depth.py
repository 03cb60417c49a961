"""Depth from one picture."""

from __future__ import annotations

from ..operation import Input, Kind, Memory, Operation, Parameter, Role, WarmUp

DEPTH_PARAMETERS = (
    Parameter(
        name="depth_source",
        kind=Kind.CHOICE,
        label="Depth source",
        help="Embedded: the depth map that a phone saves with portrait photos. Estimate: from the picture. "
        "Auto: embedded if available, otherwise estimated.",
        default="auto",
        choices=("auto", "embedded", "estimate"),
        shown=("Auto", "From the camera", "Estimate"),
        group="Depth",
    ),
    Parameter(
        name="refine",
        kind=Kind.BOOLEAN,
        label="Refine edges",
        help="Aligns the depth map with the edges in the picture.",
        default=True,
        group="Depth",
    ),
)

_FULL = (1300, 1950)  # the smallest size whose depth is doubled as often as that of any photo

OPERATION = Operation(
    name="depth",
    title="Depth map",
    help="Adds an editable depth layer: white is near, black is far.",
    parameters=(
        *DEPTH_PARAMETERS,
        Parameter(
            name="confidence",
            kind=Kind.BOOLEAN,
            label="Confidence layer",
            help="Also adds a hidden layer that shows where the depth is reliable (white) and where it is "
            "not (black).",
            default=False,
            group="Depth",
        ),
    ),
    inputs=(Input.PICTURE,),
    outputs=(Role.DEPTH, Role.CONFIDENCE),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=24),
    warm_up=(WarmUp(size=_FULL),),
)
