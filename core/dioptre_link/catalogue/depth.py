"""The operation that estimates depth from one picture, and the depth options of other operations."""

from __future__ import annotations

from ..operation import Input, Kind, Memory, Operation, Parameter, Role, WarmUp

BEST = "best"
"""The choice that selects the best installed depth network."""

DEPTH_MODEL = Parameter(
    name="depth_model",
    kind=Kind.CHOICE,
    label="Depth network",
    help="The network that estimates depth. Best: the best that is installed. The others are downloaded once, when "
    "you ask; those marked (m) give metres.",
    default=BEST,
    choices=(
        BEST,
        "dioptre-depth-small",
        "depth-anything-v2-small",
        "depth-anything-3-small",
        "depth-anything-3-base",
        "depth-anything-3-metric-large",
        "moge-2-vits-normal",
        "moge-2-vitb-normal",
    ),
    shown=(
        "Best installed",
        "Bundled",
        "Depth Anything V2 Small",
        "Depth Anything 3 Small",
        "Depth Anything 3 Base",
        "Depth Anything 3 Metric Large (m)",
        "MoGe-2 ViT-S (m)",
        "MoGe-2 ViT-B (m)",
    ),
    group="Depth",
)

EQUIVALENT = Parameter(
    name="equivalent_mm",
    kind=Kind.FLOAT,
    label="Picture's focal length",
    help="The focal length that the picture was taken with, in 35 mm terms; it gives the angle of view. Auto: from "
    "the file, else as the network estimates it.",
    minimum=4.0,
    maximum=3000.0,
    slider=(10.0, 200.0),
    unit="mm",
    group="Depth",
)

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
    DEPTH_MODEL,
    EQUIVALENT,
    Parameter(
        name="refine",
        kind=Kind.BOOLEAN,
        label="Refine edges",
        help="Aligns the depth map with the edges in the picture.",
        default=True,
        group="Depth",
    ),
)

_FULL = (1300, 1950)  # smallest picture whose depth map is doubled as often as that of any larger picture

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
