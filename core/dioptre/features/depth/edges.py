"""Final steps of every depth map: sharpen its steps, enlarge it along the picture's edges, scale it to [0, 1].

Steps are sharpened by a shock filter, which leaves slopes unchanged: S. Osher and L. Rudin, "Feature-Oriented Image
Enhancement Using Shock Filters", SIAM J. Numer. Anal. 1990. Along the gradient, a pixel with positive curvature
takes a value from farther down, and a pixel with negative curvature takes one from farther up, so values move to
the middle of a ramp from both sides. Because values only move, there are no halos. Outlines stay smooth, because
the curvature is measured on a smoothed map. An even slope, such as a floor, has no curvature; in addition, pixels
change only where the range of values hardly grows with the window.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter, minimum_filter

from dioptre.contract import Disparity, Matte, Plane
from dioptre.imaging.joint_upsampling import double_along_edges
from dioptre.imaging.resize import resize
from dioptre.models.registry import Entry, Preprocessing

_PASSES = 12  # each pass moves values by up to one pixel, so ramps up to 24 pixels wide become steps
_SIGMA_PX = 1.75
_CURVATURE = 0.001  # second derivative, per pixel squared, from which values move at nearly full speed
_REACH_PX = 10
_SLOPE = 0.55  # range of values in a window, divided by that in one of twice the size: 1/2 on a slope, 1 at a step
_LEAST, _SURE = 0.01, 0.04  # excess of the range over a slope's: no effect below the first, full above the second
_ASPECTS = (1.0, 1.2, 1.35, 1.5, 1.8, 2.0, 2.5, 3.0)
"""Aspect ratios (long side to short side) at which networks run; fitting one squeezes a picture by at most 12%."""
_SHARPENED_PX, _SHARPENED_MULTIPLE_PX = 512, 16  # size at which the steps of a map are sharpened
_RANGE = (0.2, 99.8)  # percentiles of the finished map that become 0 and 1
_FLAT = 1e-4  # range below which the depth of a map counts as constant
_LARGEST_STEP_UP = 2  # maximum number of edge-guided doublings; any further enlargement is bilinear
_ABOUT_ONE = 1.25  # up to this ratio of the picture's size to the map's, the map is only resized bilinearly


def shock_filtered(disparity: Disparity) -> Plane:
    """Narrow the steps of `disparity` (about [0, 1]) from a few pixels to about one pixel."""
    values = disparity.astype(np.float32)
    speed = _stepness(values)
    rows, columns = np.nonzero(speed > 0.02)
    if not rows.size:
        return values
    speed = speed[rows, columns]
    height, width = values.shape
    above, below = np.maximum(rows - 1, 0), np.minimum(rows + 1, height - 1)
    before, after = np.maximum(columns - 1, 0), np.minimum(columns + 1, width - 1)
    for _ in range(_PASSES):
        s = gaussian_filter(values, _SIGMA_PX, truncate=3.0)
        here = 2 * s[rows, columns]
        up, down, left, right = s[above, columns], s[below, columns], s[rows, before], s[rows, after]
        along_y, along_x = (down - up) / 2, (right - left) / 2
        steepness = np.hypot(along_y, along_x) + np.float32(1e-6)
        along_y, along_x = along_y / steepness, along_x / steepness
        mixed = (s[below, after] - s[below, before] - s[above, after] + s[above, before]) / 4
        curvature = (
            along_x**2 * (right + left - here) + along_y**2 * (down + up - here) + 2 * along_x * along_y * mixed
        )
        step = speed * np.tanh(curvature / _CURVATURE)
        places = [rows - along_y * step, columns - along_x * step]
        values[rows, columns] = map_coordinates(values, places, order=1, mode="nearest")
    return values


def _stepness(values: Plane) -> Plane:
    """Return 1 near steps, and 0 on flat areas and slopes."""
    narrow, wide = (
        maximum_filter(values, 2 * reach + 1) - minimum_filter(values, 2 * reach + 1)
        for reach in (_REACH_PX, 2 * _REACH_PX)
    )
    return gaussian_filter(np.clip((narrow - _SLOPE * wide - _LEAST) / (_SURE - _LEAST), 0, 1), 2.0)


def aspect_of(shape: tuple[int, ...]) -> float:
    """Return the supported height-to-width ratio that is closest to that of `shape`."""
    aspects = np.array(sorted({a for aspect in _ASPECTS for a in (aspect, 1 / aspect)}))
    return float(aspects[np.argmin(np.abs(np.log(aspects * shape[1] / shape[0])))])


def network_shape(shape: tuple[int, ...], prepared: Preprocessing) -> tuple[int, int]:
    """Return the (height, width) at which a network processes a picture of the given shape."""
    return working_shape(aspect_of(shape), prepared.short_side_px, prepared.multiple_px)


def working_shape(aspect: float, short_side_px: int, multiple_px: int) -> tuple[int, int]:
    """Return a (height, width) close to the given aspect (height / width), both multiples of `multiple_px`."""
    short = round(short_side_px / multiple_px) * multiple_px
    long = round(short * max(aspect, 1 / aspect) / multiple_px) * multiple_px
    return (long, short) if aspect > 1 else (short, long)


def network_input(
    picture: Float32[np.ndarray, "h w 3"], shape: tuple[int, int], prepared: Preprocessing
) -> Float32[np.ndarray, "a b 3"]:
    """Resize a picture, sRGB-encoded and in [0, 1], to `shape` and normalize it for a network."""
    small = np.clip(resize(picture, shape, method="bicubic"), 0, 1)
    normalized: np.ndarray = small - np.array(prepared.mean, np.float32)
    normalized /= np.array(prepared.deviation, np.float32)
    return normalized


def mirrored_input(
    picture: Float32[np.ndarray, "h w 3"], entry: Entry
) -> tuple[Float32[np.ndarray, "2 a b 3"], tuple[np.float32, ...]]:
    """Return what a depth network sees of a picture and its mirror image, and the network's further inputs."""
    prepared = entry.preprocessing
    x = network_input(picture, network_shape(picture.shape, prepared), prepared)
    takes_aspect = entry.depth is not None and entry.depth.takes_aspect
    more = (np.float32(picture.shape[1] / picture.shape[0]),) if takes_aspect else ()
    return np.stack([x, x[:, ::-1]]), more


def sharpened(
    coarse: Float32[np.ndarray, "a b"], picture: Float32[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "p q"]:
    """Sharpen the steps of an estimate.

    Args:
        coarse: (a, b), disparity.
        picture: (h, w, 3), the picture that it belongs to.

    Returns:
        The map, with a short side of 512 pixels or, if the picture is about that size or smaller, the picture's.
    """
    shape = working_shape(aspect_of(picture.shape), _SHARPENED_PX, _SHARPENED_MULTIPLE_PX)
    return shock_filtered(_at_most(resize(coarse, shape, method="bilinear"), picture))


def _at_most(
    values: Float32[np.ndarray, "p q"], picture: Float32[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "r s"]:
    """Reduce a map to the picture's size if the picture is about the map's size or smaller."""
    if min(picture.shape[:2]) <= _ABOUT_ONE * min(values.shape):
        return resize(values, (picture.shape[0], picture.shape[1]), method="bilinear")
    return values


def enlarged_along_edges(disparity: Float32[np.ndarray, "a b"], picture: Float32[np.ndarray, "h w 3"]) -> Plane:
    """Enlarge the map to the picture's size, first by doublings guided by the picture's edges, then bilinearly."""
    size = picture.shape[0], picture.shape[1]
    guide = resize(picture, disparity.shape, method="area")
    for _ in range(_LARGEST_STEP_UP):
        if min(size) <= _ABOUT_ONE * min(disparity.shape):
            break
        finer = resize(picture, (2 * disparity.shape[0], 2 * disparity.shape[1]), method="area")
        disparity = np.array(double_along_edges(disparity, guide, finer))
        guide = finer
    return resize(disparity, size, method="bilinear")


def range_of(disparity: Disparity, seen: Matte) -> tuple[float, float]:
    """Return the values to map to 0 and 1: percentiles of a sample of the visible pixels, which ignore outliers."""
    step = max(1, int((disparity.size / 1e6) ** 0.5))
    sample = disparity[::step, ::step][seen[::step, ::step] > 0.5]
    low, high = np.percentile(sample if sample.size else disparity, _RANGE)
    return float(low), float(high)


def to_unit_range(disparity: Disparity, seen: Matte) -> tuple[Plane, tuple[float, float]]:
    """Scale a map to [0, 1] and return it with the values that became 0 and 1; a constant map becomes 0.5."""
    low, high = range_of(disparity, seen)
    if high - low < _FLAT:
        return np.full_like(disparity, 0.5), (low - 0.5, low + 0.5)
    scaled: np.ndarray = disparity - np.float32(low)
    scaled /= np.float32(high - low)
    return np.clip(scaled, 0, 1, out=scaled), (low, high)
