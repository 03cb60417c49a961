"""The operation that enlarges a picture with more detail."""

from __future__ import annotations

from ..operation import Input, Kind, Memory, Operation, Parameter, Role, WarmUp, fraction, grouped

_TILES = (400, 600)  # (height, width) of a picture that is enlarged in several tiles
_PLACE = (106, 160)  # (height, width) of the part of a picture that a dialog shows enlarged four times

_OPTIONS = grouped(
    "Detail",
    fraction(
        name="noise_reduction",
        label="Noise reduction",
        help="Removes noise and JPEG artefacts before enlarging: 0 none, 1 maximum. Auto: as much as the "
        "picture needs.",
        simple=True,
    ),
    fraction(
        name="grain",
        label="Grain",
        help="How much of the photo's own fine grain the result keeps: 0 none, 1 all. Auto: 1, or 0 if you "
        "set the noise reduction.",
    ),
    Parameter(
        name="softness",
        kind=Kind.FLOAT,
        label="Remove softness",
        help="Radius of the lens or focus blur to remove before enlarging: 0 for a sharp picture, 0.5 for "
        "a soft one, 1 for a very soft one.",
        default=0.0,
        minimum=0.0,
        maximum=1.2,
        unit="px",
    ),
    fraction(
        name="fidelity",
        label="Fidelity",
        help="How closely the result, scaled back down, must match the original: 1 exactly, 0 not at all. "
        "Auto: 1 for Faithful, 0 for the Restore networks.",
    ),
)

OPERATION = Operation(
    name="super_resolution",
    feature="enlarge",
    title="Super-resolution",
    help="Enlarge a picture up to eight times, with more detail than interpolation.",
    parameters=(
        Parameter(
            name="scale",
            kind=Kind.FLOAT,
            label="Scale",
            help="How many times wider and taller the result is.",
            default=4.0,
            minimum=1.0,
            maximum=8.0,
            simple=True,
        ),
        Parameter(
            name="model",
            kind=Kind.CHOICE,
            label="Network",
            help="Faithful (default) sharpens existing detail. Restore invents plausible detail for worn, "
            "noisy or compressed pictures; these networks need a one-time download.",
            default="default",
            choices=("default", "realesr-animevideov3", "realesrgan-x4plus"),
            shown=(
                "Faithful",
                "Restore drawings (Real-ESR AnimeVideo v3)",
                "Restore photos (Real-ESRGAN ×4+)",
            ),
            simple=True,
        ),
        *_OPTIONS,
    ),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT,),
    memory=Memory(fixed_mib=250, bytes_per_pixel=40, bytes_per_result_pixel=64),
    warm_up=(WarmUp(size=_PLACE), WarmUp(size=_TILES, once=True)),
    warm_up_rank=4,
    scaled_by="scale",
)
