"""The operation that enlarges a picture with more detail."""

from __future__ import annotations

from dataclasses import dataclass

from ..operation import Input, Memory, Operation, Options, Role, WarmUp, fraction, option

_TILES = (400, 600)  # (height, width) of a picture that is enlarged in several tiles
_PLACE = (106, 160)  # (height, width) of the part of a picture that a dialog shows enlarged four times


@dataclass(frozen=True, kw_only=True)
class _Detail(Options, group="Detail"):
    """How much detail to add."""

    noise_reduction: float | None = fraction(
        None,
        label="Noise reduction",
        help="Removes noise and JPEG artefacts before enlarging: 0 none, 1 maximum. Auto: as much as the picture "
        "needs.",
        simple=True,
    )
    grain: float | None = fraction(
        None,
        label="Grain",
        help="How much of the photo's own fine grain the result keeps: 0 none, 1 all. Auto: 1, or 0 if you set the "
        "noise reduction.",
    )
    softness: float = option(
        0.0,
        0.0,
        1.2,
        label="Remove softness",
        help="Radius of the lens or focus blur to remove before enlarging: 0 for a sharp picture, 0.5 for a soft "
        "one, 1 for a very soft one.",
        unit="px",
    )
    fidelity: float | None = fraction(
        None,
        label="Fidelity",
        help="How closely the result, scaled back down, must match the original: 1 exactly, 0 not at all. Auto: 1 "
        "for Faithful, 0 for the Restore networks.",
    )


@dataclass(frozen=True, kw_only=True)
class EnlargementOptions(_Detail):
    """The options of `super_resolution`.

    The restoring networks remove noise themselves, so an automatic `noise_reduction` is 0 for them. The `grain` is
    that of up to 4 of 255 levels. The `softness` is the standard deviation of the blur. A `fidelity` of 1 means
    within one 8-bit step, or two for scales below 1.5.
    """

    scale: float = option(
        4.0, 1.0, 8.0, label="Scale", help="How many times wider and taller the result is.", simple=True
    )
    model: str = option(
        "default",
        label="Network",
        help="Faithful (default) sharpens existing detail. Restore invents plausible detail for worn, noisy or "
        "compressed pictures; these networks need a one-time download.",
        choices=("default", "realesr-animevideov3", "realesrgan-x4plus"),
        shown=("Faithful", "Restore drawings (Real-ESR AnimeVideo v3)", "Restore photos (Real-ESRGAN ×4+)"),
        simple=True,
    )


OPERATION = Operation(
    name="super_resolution",
    feature="enlarge",
    title="Super-resolution",
    help="Enlarge a picture up to eight times, with more detail than interpolation.",
    options=EnlargementOptions,
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.RESULT,),
    memory=Memory(fixed_mib=250, bytes_per_pixel=40, bytes_per_result_pixel=64),
    warm_up=(WarmUp(size=_PLACE), WarmUp(size=_TILES, once=True)),
    warm_up_rank=4,
    scaled_by="scale",
)
