"""A second, closer pass of depth estimation: finer detail from overlapping crops, added to the map of the picture.

The estimate for the whole picture has the right layout, and estimates for crops have finer detail, as in S. M. H.
Miangoleh et al., "Boosting Monocular Depth Estimation Models to High-Resolution via Content-Adaptive
Multi-Resolution Merging", CVPR 2021. Here each crop's estimate is fitted to the map of the picture by a scale and a
shift, and only their difference at small scales is added. So the layout does not change, and crops meet without
seams.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import gaussian_filter

from dioptre.imaging.resize import resize
from dioptre.models.depth_view import DepthView, ReadingOptions
from dioptre.models.loaded import Loaded
from dioptre.models.registry import resolve

from .edges import aspect_of, network_input, working_shape

SMALLEST_PX = 256
"""Smaller pictures get no further passes: their crops would be enlarged to twice their size."""
BATCH = 2
"""Crops per run, which together need less memory than the picture and its mirror image."""

_CROP = 0.6  # side of a crop, as a fraction of the picture's
_FEATHER = 0.3  # width of the ramp of a crop's weight at its inner borders, as a fraction of its side
_SIGMA = 0.1  # detail is what a Gaussian of this sigma removes, as a fraction of the map's short side
_SMOOTHING_STEP_PX = 8  # the Gaussian is computed on a map reduced by this factor
# Correlation of a crop's estimate with the map: its detail is ignored below the first, kept whole above the second.
_UNRELATED, _RELATED = 0.5, 0.8
_KEPT = 0.5  # fraction of the map's own detail that stays where a crop shows none
_FLAT = 1e-6  # variance below which the map counts as constant in a crop

_Box = tuple[slice, slice]


def with_detail(
    picture: Float32[np.ndarray, "h w 3"], coarse: Float32[np.ndarray, "a b"], network: Loaded
) -> Float32[np.ndarray, "p q"]:
    """Add the finer detail that the network finds in four overlapping crops of the picture.

    Args:
        picture: (h, w, 3), sRGB-encoded, in [0, 1].
        coarse: (a, b), the network's disparity for the whole picture.
        network: a depth network.

    Returns:
        A finer map; `coarse` itself if the picture is small or the network makes no second pass.
    """
    traits = network.entry.depth
    assert traits is not None  # every depth network has depth traits
    if not traits.crop_short_side_px or min(picture.shape[:2]) < SMALLEST_PX:
        return coarse
    prepared = network.entry.preprocessing
    crop = crop_shape(picture.shape, network)
    size = round(crop[0] / _CROP), round(crop[1] / _CROP)
    boxes = list(product(_ends(crop[0], size[0]), _ends(crop[1], size[1])))
    base = resize(coarse, size, method="bilinear")
    detail, weights = np.zeros(size, np.float32), np.zeros(size, np.float32)
    x = network_input(picture, size, prepared)
    for first in range(0, len(boxes), BATCH):
        batch = boxes[first : first + BATCH]
        for box, estimate in zip(batch, estimates(np.stack([x[each] for each in batch]), network), strict=True):
            weight = _weight(box, size)
            detail[box] += weight * fitted_detail(estimate, base[box], sigma_px=_SIGMA * min(size))
            weights[box] += weight
    return base + detail / weights


def _ends(side: int, whole: int) -> tuple[slice, slice]:
    """Return the crops of length `side` at both ends of an axis."""
    return slice(0, side), slice(whole - side, whole)


def crop_shape(shape: tuple[int, ...], network: Loaded) -> tuple[int, int]:
    """Return the (height, width) at which the network processes crops of a picture of the given shape."""
    traits = network.entry.depth
    assert traits is not None
    return working_shape(aspect_of(shape), traits.crop_short_side_px, network.entry.preprocessing.multiple_px)


def estimates(crops: Float32[np.ndarray, "n c d 3"], network: Loaded) -> list[Float32[np.ndarray, "c d"]]:
    """Return the network's inverse depth, up to scale and shift, for each of its inputs."""
    traits = network.entry.depth
    assert traits is not None
    options = ReadingOptions(size=(crops.shape[1], crops.shape[2]))
    views: list[DepthView] = list(resolve(traits.read)(network(crops), options))
    return [view.inverse.astype(np.float32, copy=False) for view in views]


def fitted_detail(
    estimate: Float32[np.ndarray, "c d"], base: Float32[np.ndarray, "c d"], *, sigma_px: float
) -> Float32[np.ndarray, "c d"]:
    """Fit a crop's estimate to the map and return the change that gives the map the crop's detail.

    Args:
        estimate: (c, d), disparity up to scale and shift.
        base: (c, d), the map of the picture in the crop.
        sigma_px: standard deviation of the Gaussian that removes the detail.

    Returns:
        The change (c, d), which keeps part of the map's own detail where the crop shows less of it; reduced if the
        estimate and the map hardly correlate, and 0 if either is constant.
    """
    centred, wanted = estimate - estimate.mean(), base - base.mean()
    variance, wanted_variance = float(np.mean(centred**2)), float(np.mean(wanted**2))
    if variance == 0 or wanted_variance < _FLAT:
        return np.zeros_like(base)
    covariance = float(np.mean(centred * wanted))
    correlation = covariance / (variance * wanted_variance) ** 0.5
    trust = np.clip((correlation - _UNRELATED) / (_RELATED - _UNRELATED), 0, 1).astype(np.float32)
    fitted = np.float32(covariance / variance) * centred
    own, new = wanted - _smoothed(wanted, sigma_px), fitted - _smoothed(fitted, sigma_px)
    lost = np.sign(own) * np.maximum(np.abs(own) - np.abs(new), 0)
    return trust * (new - own + np.float32(_KEPT) * lost)


def _smoothed(values: Float32[np.ndarray, "c d"], sigma_px: float) -> Float32[np.ndarray, "c d"]:
    height, width = values.shape
    reduced = height // _SMOOTHING_STEP_PX, width // _SMOOTHING_STEP_PX
    coarse, sigma = resize(values, reduced, method="area"), sigma_px / _SMOOTHING_STEP_PX
    smooth = gaussian_filter(coarse, sigma, mode="nearest", truncate=3.0)
    return resize(smooth, (height, width), method="bilinear")


def _weight(box: _Box, size: tuple[int, int]) -> Float32[np.ndarray, "c d"]:
    """Return a crop's weights: 1, falling smoothly to 0 towards its borders inside the picture."""
    rows, columns = (
        ramped(span.start, span.stop - span.start, length, feather=_FEATHER)
        for span, length in zip(box, size, strict=True)
    )
    return rows[:, None] * columns[None]


def ramped(start: int, side: int, whole: int, *, feather: float) -> Float32[np.ndarray, " n"]:
    """Return weights along a crop's side: 1, falling smoothly to 0 at its ends inside the picture.

    Args:
        start: the crop's first pixel.
        side: length of its side in pixels.
        whole: length of the picture's side in pixels.
        feather: width of the ramps, as a fraction of the crop's side.
    """
    ramp = np.clip((np.arange(side, dtype=np.float32) + 0.5) / (feather * side), 0, 1)
    ramp = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    profile = np.ones(side, np.float32)
    if start > 0:
        profile *= ramp
    if start + side < whole:
        profile *= ramp[::-1]
    return profile
