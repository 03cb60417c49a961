"""Select everything nearer than, farther than, or around a depth, with the mask aligned to the picture's edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Disparity, Inputs, Layer, Matte, Picture, Plane, Progress, Result, no_progress, part_of
from dioptre.features.depth import kept_depth
from dioptre.features.subject import opaque, otsu
from dioptre.imaging.guided_filter import guided_filter
from dioptre.imaging.numbers import is_finite, within_unit, without_nan
from dioptre.imaging.resize import resize
from dioptre_link.catalogue.depth import DepthOptions
from dioptre_link.catalogue.select_depth import OPERATION, SelectDepthOptions
from dioptre_link.errors import UsageError
from dioptre_link.operation import Role

from .selected import Selected, selection_layers

_SHARE_DEPTH = 0.9  # fraction of the total time that depth estimation takes, for the progress bar
_PICK_PX = 2  # half-width, in pixels, of the square around the clicked point whose median is used
_SMALL = (320, 320)  # (height, width) of the reduced map used to separate foreground from background
# Radius of the guided filter's window, as a fraction of the longer side, and number of passes. The window must
# contain both the mask's edge and the picture's; each pass moves the mask's edge closer to the picture's.
_REACH, _PASSES = 0.02, 2
_CONTRAST = 1e-4  # epsilon of the filter: areas with a squared contrast below this count as flat
_HAZE = 0.04  # mask values this close to 0 or 1 after filtering become exactly 0 or 1
_LEAST = 1 / 255  # a mask with no value above this looks empty in an editor


def select_depth(
    image: Picture,
    *,
    disparity: Float32[np.ndarray, "_ _"] | None = None,
    progress: Progress = no_progress,
    **options: Any,
) -> Selected:
    """Select everything at a given depth.

    Args:
        image: sRGB-encoded (H, W, 3 or 4), straight alpha.
        disparity: (H, W) in [0, 1], 1 = nearest: the depth map. Default: an estimate.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.
        options: options of the operation `select_depth`: side ("nearer", "farther" or "around"), depth_point (x, y)
            or depth_level, depth_range and depth_feather in values of the depth map, picture_edges.

    Returns:
        Selected: the selection; `mask` is (H, W) in [0, 1], and `values["depth_level"]` is the depth that was used.

    Raises:
        UsageError: nothing lies at that depth, an option is out of range, or the depth map has another size.
        DepthError: the depth of the picture cannot be estimated.
        WeightsError: the weights of a network are missing or damaged.
    """
    chosen = SelectDepthOptions(**OPERATION.check(options))
    OPERATION.check_points(vars(chosen), (image.shape[1], image.shape[0]))
    return _selected(Inputs(picture=image, disparity=disparity), chosen, progress)[0]


def run(inputs: Inputs, options: SelectDepthOptions, progress: Progress) -> Result:
    """Run the operation `select_depth`."""
    selected, disparity = _selected(inputs, options, progress)
    layers = selection_layers(inputs.picture, selected.mask, options)
    depth = Layer(name="Depth", role=Role.DEPTH, pixels=disparity, visible=False)
    progress(1.0, "Done")
    return Result(
        layers=(*layers, depth), values=selected.values, messages=selected.messages, models=selected.models
    )


def _selected(inputs: Inputs, options: SelectDepthOptions, progress: Progress) -> tuple[Selected, Plane]:
    """Return the selection and the disparity it is based on."""
    disparity = inputs.disparity
    models: Mapping[str, str] = {}
    messages: tuple[str, ...] = ()
    if disparity is None:
        depth = kept_depth(inputs, DepthOptions(), progress=part_of(progress, 0.0, _SHARE_DEPTH))
        disparity, models, messages = depth.disparity, depth.models, depth.messages
    _check(inputs.picture, disparity)
    progress(_SHARE_DEPTH, "Selecting")
    level = _level(disparity, options)
    reach = options.depth_range
    mask = depth_mask(
        inputs.picture,
        disparity,
        farthest=0.0 if options.side == "farther" else level - reach,
        nearest=1.0 if options.side == "nearer" else level + reach,
        feather=options.depth_feather,
        on_edges=options.picture_edges,
    )
    if inputs.picture.shape[2] == 4:
        mask = mask * within_unit(without_nan(inputs.picture[..., 3]))
    if float(mask.max()) < _LEAST:
        raise UsageError(
            "There is nothing at that depth.",
            hint="Choose another place ({point}), or a wider range ({range}).",
            point=OPERATION.mention("depth_point"),
            range=OPERATION.mention("depth_range"),
        )
    values = {"depth_level": round(level, 4), "selected": round(float(mask.mean()), 4)}
    return Selected(mask=mask, values=values, models=models, messages=messages), disparity


def _check(image: np.ndarray, disparity: np.ndarray) -> None:
    if disparity.shape != image.shape[:2]:
        raise UsageError("The depth map and the picture differ in size.", hint="Both must be the same size.")
    if not is_finite(disparity):
        raise UsageError("The depth layer contains values that are NaN or infinite.", hint="Estimate it again.")


def _level(disparity: Disparity, options: SelectDepthOptions) -> float:
    """Return the chosen depth; if none was chosen, one that separates the foreground from the background."""
    if options.depth_level is not None:
        return float(options.depth_level)
    if options.depth_point is not None:
        column, row = (
            min(int(place), side - 1)
            for place, side in zip(options.depth_point, disparity.shape[::-1], strict=True)
        )
        around = (slice(max(0, place - _PICK_PX), place + _PICK_PX + 1) for place in (row, column))
        return float(np.median(disparity[tuple(around)]))
    small = resize(disparity, _SMALL, method="area")
    between, reach = otsu(small), float(options.depth_range)
    if options.side == "around":  # use the median of the foreground
        return float(np.median(small[small >= between]))
    return float(np.clip(between + reach if options.side == "nearer" else between - reach, 0.0, 1.0))


def depth_mask(
    picture: Picture,
    disparity: Disparity,
    *,
    farthest: float,
    nearest: float,
    feather: float,
    on_edges: bool = True,
) -> Matte:
    """Return a mask that is 1 within a range of depth and falls to 0 over the feather.

    Args:
        picture: sRGB-encoded.
        disparity: 1 = nearest.
        farthest: disparity at the far end of the range; up to 0, the range has no far end.
        nearest: disparity at its near end; from 1, it has no near end.
        feather: width of the transition at each end, in disparities.
        on_edges: whether to align the edges of the mask with those of the picture.
    """
    width = np.float32(max(feather, 1e-4))
    mask = np.ones_like(disparity)
    if farthest > 0:
        mask *= _rising((disparity - np.float32(farthest)) / width + 1)
    if nearest < 1:
        mask *= _rising((np.float32(nearest) - disparity) / width + 1)
    return _onto_edges(picture, mask) if on_edges else mask


def _rising(values: np.ndarray) -> np.ndarray:
    """Return the smoothstep function: 0 below 0, 1 above 1."""
    share = np.clip(values, 0.0, 1.0)
    smooth: np.ndarray = share * share * (3 - 2 * share)
    return smooth


def _onto_edges(image: Picture, mask: Matte) -> Plane:
    """Align the edges of the mask with those of the picture."""
    guide = opaque(image)
    for _ in range(_PASSES):
        mask = guided_filter(guide, mask, radius_px=_REACH * max(mask.shape), epsilon=_CONTRAST)
        mask = np.clip((mask - np.float32(_HAZE)) / np.float32(1 - 2 * _HAZE), 0, 1)
    return mask
