"""The operation that blurs a picture by a depth map."""

from __future__ import annotations

from ..operation import LAPTOP_PREVIEW, Input, Kind, Memory, Operation, Parameter, Role, WarmUp
from .blur import BLUR_PARAMETERS
from .depth import DEPTH_PARAMETERS
from .focus import FOCUS_PARAMETERS, FOCUS_RESETS, STROKES
from .lens import LENS_PARAMETERS

_PIECES = Parameter(
    name="pieces",
    kind=Kind.CHOICE,
    label="Separate layers",
    help="Also adds the foreground, the subject and the blurred background as separate layers: for layers blended "
    "in linear light, or for perceptual blending, as in OpenRaster files.",
    default="none",
    choices=("none", "linear", "encoded"),
    shown=("None", "For linear blending", "For perceptual blending"),
    group="Layers",
    bytes_per_pixel=88,  # the layers, and those that continue behind them
)

_ONE_TILE = (214, 320)  # (height, width) of a picture that the blur processes as a single tile
_FOCUS = {"focal_disparity": 0.8}
_WARM_UP = (  # together, these runs compile the programs for tiles of every size and for drafts
    WarmUp(size=LAPTOP_PREVIEW, draft=True, options={"f_number": 1.4, **_FOCUS}),
    WarmUp(options={"f_number": 1.4, **_FOCUS}),
    WarmUp(size=_ONE_TILE, options={"f_number": 1.4, **_FOCUS}),
    WarmUp(size=_ONE_TILE, draft=True, options={"f_number": 1.4, **_FOCUS}),
    # This run compiles the program for small discs.
    WarmUp(size=_ONE_TILE, draft=True, options={"f_number": 1.4, "focus_range": 0.0, **_FOCUS}),
    WarmUp(size=LAPTOP_PREVIEW, draft=True, options={"f_number": 4.0, **_FOCUS}),
)

OPERATION = Operation(
    name="lens_blur",
    feature="blur",
    title="Lens blur",
    help=(
        "Blur a picture by its depth, like a lens focused at one distance. Uses the "
        "picture's depth map if there is one; otherwise, estimates the depth."
    ),
    parameters=(*FOCUS_PARAMETERS, STROKES, *BLUR_PARAMETERS, *LENS_PARAMETERS, *DEPTH_PARAMETERS, _PIECES),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.FOREGROUND, Role.SUBJECT, Role.BACKGROUND, Role.DEPTH),
    memory=Memory(fixed_mib=1200, bytes_per_pixel=36),  # peak memory, which finding the subject requires
    warm_up=_WARM_UP,
    warm_up_rank=1,
    click_resets=FOCUS_RESETS,
    drafts=True,
    finds_depth_layer=True,
)
