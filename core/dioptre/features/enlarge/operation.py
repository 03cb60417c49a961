"""The super-resolution of pictures and of an operation's inputs.

A depth layer is enlarged along the edges of the enlarged picture; it also shows which areas are out of focus and
should get no new detail.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Inputs, Layer, Picture, Plane, Progress, Result, no_progress
from dioptre.imaging.numbers import within_unit, without_nan
from dioptre_link.operation import Role

from .depth_enlargement import enlarge_disparity
from .enlargement import enlarge
from .options import EnlargementOptions
from .sharpness import defocus_from_depth


def super_resolution(
    image: Picture,
    *,
    scale: float,
    defocus: Plane | None = None,
    progress: Progress = no_progress,
    **options: Any,
) -> Float32[np.ndarray, "H W c"]:
    """Enlarge a picture.

    Args:
        image: (H, W, 3) or (H, W, 4) float32, sRGB-encoded, straight alpha, nominally [0, 1]. NaN and infinite
            values count as 0; values above 1 are preserved.
        scale: 1 to 8.
        defocus: (H, W) in [0, 1]: where it is 1, the picture is enlarged smoothly, without new detail.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.
        options: `model`, `noise_reduction`, `grain`, `softness` and `fidelity`; see `EnlargementOptions`.

    Returns:
        The enlarged picture, (round(H · scale), round(W · scale), C) float32.

    Raises:
        UsageError: an option is unknown or out of range.
        WeightsError: the model's weights are not installed.
        UnusableResultError: the network returned an invalid result.
    """
    chosen = EnlargementOptions.checked({"scale": scale, **options})
    return enlarge(without_nan(image), chosen, defocus, progress).pixels


def run(inputs: Inputs, options: EnlargementOptions, progress: Progress) -> Result:
    """Run the operation `super_resolution`, as described in `dioptre_link.catalogue`."""
    picture = without_nan(inputs.picture)
    messages = []
    if picture is not inputs.picture:
        messages.append("Some pixels were NaN or infinite and were replaced by 0.")
    defocus = None
    if inputs.disparity is not None and options.smooth_defocus:
        defocus = defocus_from_depth(within_unit(picture[..., :3]), inputs.disparity)
        if float(defocus.max()) == 0:
            defocus = None
    made = enlarge(picture, options, defocus, progress)
    if made.interpolated > 0:
        share = max(1, round(100 * made.interpolated))
        messages.append(f"About {share} % of the picture was too noisy for the network and was interpolated.")
    height, width = made.pixels.shape[:2]
    layers = [Layer(name="Super-resolution", role=Role.RESULT, pixels=made.pixels)]
    if inputs.disparity is not None:
        depth = enlarge_disparity(inputs.disparity, made.pixels[..., :3])
        layers.append(Layer(name="Depth", role=Role.DEPTH, pixels=depth, visible=False))
    return Result(
        layers=tuple(layers),
        values={
            "scale": float(options.scale),
            "width": width,
            "height": height,
            "noise_reduction": made.noise_reduction,
            "grain": made.grain,
        },
        messages=tuple(messages),
        models=made.models,
    )
