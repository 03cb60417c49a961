"""The super-resolution of pictures and of an operation's inputs.

A depth layer is enlarged along the edges of the enlarged picture; it also shows which areas are out of focus and
should get no new detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Inputs, Layer, Progress, Result, no_progress
from dioptre.imaging.numbers import within_unit, without_nan
from dioptre_link.operation import Role

from .depth_enlargement import enlarge_disparity
from .enlargement import EnlargementOptions, enlarge
from .sharpness import defocus_from_depth


def super_resolution(
    image: Float32[np.ndarray, "h w c"],
    *,
    scale: float,
    model: str = "default",
    defocus: Float32[np.ndarray, "h w"] | None = None,
    fidelity: float | None = None,
    noise_reduction: float | None = None,
    softness: float = 0.0,
    grain: float | None = None,
    progress: Progress = no_progress,
) -> Float32[np.ndarray, "H W c"]:
    """Enlarge a picture.

    Args:
        image: (H, W, 3) or (H, W, 4) float32, sRGB-encoded, straight alpha, nominally [0, 1]. NaN and infinite
            values count as 0; values above 1 are preserved.
        scale: 1 to 8.
        model: a super-resolution network's id, or "default" for the faithful networks.
        defocus: (H, W) in [0, 1]: where it is 1, the picture is enlarged smoothly, without new detail.
        fidelity: how closely the result, scaled back down, must match the picture without its noise and softness: 1
            means within one 8-bit step (two steps for scales below 1.5), 0 means not at all. None: 1 for the
            faithful networks, 0 for the restoring networks.
        noise_reduction: how much noise and JPEG artefacts to remove first, 0 to 1. None: as much as the picture
            needs; 0 for the restoring networks, which remove noise themselves.
        softness: standard deviation, in pixels of `image`, of the blur to remove first, 0 to 1.2. Use 0.5
            for pictures that the camera did not sharpen, 1 for those that are out of focus.
        grain: how much of the picture's own grain, up to 4 of 255 levels, to give back after noise reduction, 0 to
            1. None: all of it; none if `noise_reduction` is given.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.

    Returns:
        The enlarged picture, (round(H · scale), round(W · scale), C) float32.

    Raises:
        UsageError: the scale is out of range, or there is no such model.
        WeightsError: the model's weights are not installed.
        UnusableResultError: the network returned an invalid result.
    """
    chosen = EnlargementOptions(
        scale=scale,
        model=model,
        fidelity=fidelity,
        noise_reduction=noise_reduction,
        softness=softness,
        grain=grain,
    )
    return enlarge(without_nan(image), chosen, defocus, progress).pixels


def run(inputs: Inputs, options: Mapping[str, Any], progress: Progress) -> Result:
    """Run the operation `super_resolution`, as described in `dioptre_link.catalogue`."""
    made = enlarge_picture(inputs, options, progress)
    if inputs.disparity is None:
        return made
    depth = enlarge_disparity(inputs.disparity, made.layers[0].pixels[..., :3])
    layer = Layer(name="Depth", role=Role.DEPTH, pixels=depth, visible=False)
    return replace(made, layers=(*made.layers, layer))


def enlarge_picture(inputs: Inputs, options: Mapping[str, Any], progress: Progress) -> Result:
    """Enlarge the picture of an operation as `run` does, but without its depth layer."""
    chosen = EnlargementOptions(
        scale=options["scale"],
        model=options["model"],
        fidelity=options["fidelity"],
        noise_reduction=options["noise_reduction"],
        softness=options["softness"],
        grain=options["grain"],
    )
    picture = without_nan(inputs.picture)
    messages = []
    if picture is not inputs.picture:
        messages.append("Some pixels were NaN or infinite and were replaced by 0.")
    defocus = None
    if inputs.disparity is not None and options["smooth_defocus"]:
        defocus = defocus_from_depth(within_unit(picture[..., :3]), inputs.disparity)
        if float(defocus.max()) == 0:
            defocus = None
    made = enlarge(picture, chosen, defocus, progress)
    if made.interpolated > 0:
        share = max(1, round(100 * made.interpolated))
        messages.append(f"About {share} % of the picture was too noisy for the network and was interpolated.")
    height, width = made.pixels.shape[:2]
    return Result(
        layers=(Layer(name="Super-resolution", role=Role.RESULT, pixels=made.pixels),),
        values={
            "scale": float(chosen.scale),
            "width": width,
            "height": height,
            "noise_reduction": made.noise_reduction,
            "grain": made.grain,
        },
        messages=tuple(messages),
        models=made.models,
    )
