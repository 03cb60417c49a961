"""Enlarge pictures with more detail than interpolation, and invent nothing that the original contradicts.

The network works tile by tile on sRGB-encoded colour, as it was trained. Alpha is enlarged alike, colours are first
continued under transparent pixels so that edges stay clean on any background, grey stays grey, and what exceeds 1
is enlarged by interpolation and added again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.extension import extend_colours
from dioptre.imaging.layers import Inputs, Layer, Progress, Result, no_progress
from dioptre.imaging.resize import resize
from dioptre.models.loaded import Loaded
from dioptre.models.registry import ModelKind, find, load_model
from dioptre_link.errors import UsageError
from dioptre_link.operations import Role

from .tiled import Enlarged, enlarge_tiled

_FAITHFUL = {2: "span-x2", 4: "span-x4"}  # "default" for each factor
_GREY_TOLERANCE = 1e-4  # channels that differ by less are one channel


@dataclass(frozen=True, kw_only=True)
class _Picture:
    """pixels: (H, W, 3 or 4). interpolated: share of the picture where the network was not usable."""

    pixels: np.ndarray
    interpolated: float


def super_resolution(
    image: Float32[np.ndarray, "h w c"],
    *,
    scale: int,
    model: str = "default",
    progress: Progress = no_progress,
) -> Float32[np.ndarray, "H W c"]:
    """Enlarge a picture.

    image: (H, W, 3) or (H, W, 4) straight alpha, sRGB-encoded, nominally [0, 1]; values that are not finite count
        as 0, values above 1 are kept.
    scale: 2 or 4. model: a super-resolution network's id, or "default" for the faithful one.
    Raises UsageError for a factor that the model does not have, WeightsError when its weights are not installed,
    DioptreError when the network's result is unusable, and whatever `progress` raises.
    """
    return _enlarge(choose_network(model, scale=scale), image, progress).pixels


def _enlarge(network: Loaded, image: Float32[np.ndarray, "h w c"], progress: Progress) -> _Picture:
    clean = np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0)
    if clean.shape[2] == 3:
        colour = _enlarge_colour(network, clean, progress)
        return _Picture(pixels=colour.pixels, interpolated=colour.interpolated)
    alpha = np.clip(clean[..., 3:], 0, 1)
    if float(np.ptp(alpha)) == 0:
        colour = _enlarge_colour(network, clean[..., :3], progress)
        opacity = np.full((*colour.pixels.shape[:2], 1), alpha.flat[0], np.float32)
    else:
        colour = _enlarge_colour(network, extend_colours(clean), _share(progress, 0.0, 0.5))
        made = enlarge_tiled(network, np.repeat(alpha, 3, axis=2), progress=_share(progress, 0.5, 1.0))
        opacity = np.clip(made.pixels.mean(axis=2, keepdims=True), 0, 1)
    return _Picture(pixels=np.concatenate([colour.pixels, opacity], axis=-1), interpolated=colour.interpolated)


def choose_network(model: str, *, scale: int) -> Loaded:
    """The network of that id for that factor; raises UsageError when there is none."""
    if model == "default":
        if scale not in _FAITHFUL:
            raise UsageError(f"There is no factor {scale}.", hint="Choose 2 or 4.")
        model = _FAITHFUL[scale]
    network = load_model(find(model, kind=ModelKind.SUPER_RESOLUTION).id)
    if network.config.scale != scale:
        raise UsageError(
            f"{network.entry.title} enlarges {network.config.scale} times, not {scale} times.",
            hint=f"Choose a scale of {network.config.scale}, or the default model.",
        )
    return network


def run(inputs: Inputs, options: Mapping[str, Any], progress: Progress) -> Result:
    """The operation `super_resolution`, as described in `dioptre_link.operations`."""
    scale = int(options["scale"])
    network = choose_network("default", scale=scale)
    made = _enlarge(network, inputs.picture, progress)
    messages = []
    if not np.isfinite(inputs.picture).all():
        messages.append("Some values of the picture were not numbers; they were taken as 0.")
    if made.interpolated > 0:
        share = max(1, round(100 * made.interpolated))
        messages.append(f"About {share} % of the picture was too noisy for the network and was interpolated.")
    return Result(
        layers=(Layer(name="Super-resolution", role=Role.RESULT, pixels=made.pixels),),
        values={"scale": scale, "width": made.pixels.shape[1], "height": made.pixels.shape[0]},
        messages=tuple(messages),
        models=network.checksums,
    )


def _enlarge_colour(network: Loaded, picture: Float32[np.ndarray, "h w 3"], progress: Progress) -> Enlarged:
    nominal = np.clip(picture, 0, 1)
    made = enlarge_tiled(network, nominal, progress=progress)
    enlarged = made.pixels
    if float(np.ptp(picture, axis=2).max()) < _GREY_TOLERANCE:
        enlarged[:] = enlarged.mean(axis=2, keepdims=True)
    np.clip(enlarged, 0, 1, out=enlarged)
    if picture.max() > 1 or picture.min() < 0:
        enlarged += resize(picture - nominal, (enlarged.shape[0], enlarged.shape[1]), method="bilinear")
    return made


def _share(progress: Progress, start: float, stop: float) -> Progress:
    """A progress for one part of the work."""
    return lambda fraction, phase: progress(start + fraction * (stop - start), phase)
