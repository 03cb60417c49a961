"""The operation that blurs a picture by a depth map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..operation import LAPTOP_PREVIEW, Input, Memory, Operation, Options, Role, WarmUp, option
from .blur import BlurOptions
from .focus import FOCUS_RESETS, BrushOptions, FocusOptions

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


@dataclass(frozen=True, kw_only=True)
class _Pieces(Options, group="Layers"):
    """The layers that are created beside the picture."""

    pieces: Literal["none", "linear", "encoded"] = option(
        "none",
        label="Separate layers",
        help="Also adds the foreground, the subject and the blurred background as separate layers: for layers "
        "blended in linear light, or for perceptual blending, as in OpenRaster files.",
        shown=("None", "For linear blending", "For perceptual blending"),
        bytes_per_pixel=88,  # the layers, and those that continue behind them
    )


@dataclass(frozen=True, kw_only=True)
class LensBlurOptions(FocusOptions, BrushOptions, BlurOptions, _Pieces):
    """The options of `lens_blur`."""


OPERATION = Operation(
    name="lens_blur",
    feature="blur",
    title="Lens blur",
    help=(
        "Blur a picture by its depth, like a lens focused at one distance. Uses the "
        "picture's depth map if there is one; otherwise, estimates the depth."
    ),
    options=LensBlurOptions,
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT, Role.FOREGROUND, Role.SUBJECT, Role.BACKGROUND, Role.DEPTH),
    memory=Memory(fixed_mib=1200, bytes_per_pixel=36),  # peak memory, which finding the subject requires
    warm_up=_WARM_UP,
    warm_up_rank=1,
    click_resets=FOCUS_RESETS,
    resets=FOCUS_RESETS,
    drafts=True,
    finds_depth_layer=True,
)
