"""Paint the mask of soft brush strokes at any picture size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Disparity, Matte, Plane, row_slices
from dioptre_link.strokes import HARD

from .box_mean import box_mean

_LEAST_FADE_PX = 1.0  # minimum width of a brush's soft edge, in pixels
_FINE_PX = 32.0  # radius in pixels above which strokes are drawn at a reduced size and then enlarged
SPACING = 0.5  # distance between the points at which a picture is examined along a stroke, in brush radii
# How far a disparity may lie outside a stroke's range: full effect up to the first value, none beyond the second.
_SAME, _OTHER = 0.05, 0.12
_DEPTH_REACH = 1.4  # distance within which pixels take the depth of the stroke's centre line, in brush radii
_DEPTH_SOFTNESS = 0.25  # half-width of the window over which the depth range is averaged, in brush radii
_SLOPE_REACH = 0.15  # distance over which the slope of a surface is measured, in brush radii


def stroke_mask(strokes: Sequence[Mapping[str, Any]], disparity: Disparity) -> Plane:
    """Return a mask that is 1 where strokes keep a picture sharp, -1 where they let it blur, and 0 elsewhere.

    A stroke covers pixels at the depth of its centre line, and pixels on a surface that continues from there with
    the same slope. It ends at depth steps, so strokes along an object's outline do not affect the surroundings.

    Args:
        strokes: as in `dioptre_link.strokes`; later strokes cover earlier ones.
        disparity: depth in [0, 1].
    """
    size = disparity.shape
    mask = np.zeros(size, np.float32)
    for stroke in strokes:
        radius = stroke["radius"] * max(size)
        reach = radius + _LEAST_FADE_PX
        points = np.asarray(stroke["points"], np.float64)[:, ::-1] * size - 0.5  # rows and columns in pixels
        first = np.maximum(np.floor(points.min(axis=0) - reach), 0).astype(int)
        last = np.minimum(np.ceil(points.max(axis=0) + reach) + 1, size).astype(int)
        if (last <= first).any():
            continue
        part = slice(first[0], last[0]), slice(first[1], last[1])
        under, around = mask[part], disparity[part]
        step = max(radius / _FINE_PX, 1.0)
        drawn = _draw(points - first, around, radius=radius, step=step)
        for rows in row_slices(len(under)):
            target, near = under[rows], around[rows]
            cover, low, high = (_enlarged(plane, step, rows, near.shape[1]) for plane in drawn)
            beyond = np.maximum(low - near, near - high)
            cover *= 1 - _smooth((beyond - _SAME) / (_OTHER - _SAME))
            target *= 1 - cover
            target += cover if stroke["keep"] else -cover
    return mask


class _Drawn(NamedTuple):
    """A stroke drawn at every `step`-th pixel of a section of the picture.

    Attributes:
        cover: coverage by the brush, 0 to 1.
        low: smallest disparity that belongs to the stroke.
        high: largest disparity that belongs to the stroke.
    """

    cover: Matte
    low: Plane
    high: Plane


def _draw(points: np.ndarray, near: Disparity, *, radius: float, step: float) -> _Drawn:
    """Draw a stroke at every `step`-th pixel.

    Args:
        points: rows and columns of the stroke's path in pixels.
        near: disparity of the section.
        radius: radius of the brush in pixels.
        step: distance between drawn pixels.
    """
    rows, columns = (np.arange(int((length - 1) / step) + 2) * step for length in near.shape)
    squared = np.full((rows.size, columns.size), np.inf)
    low, high = squared.copy(), -squared
    reach = _DEPTH_REACH * radius + 2 * step + _LEAST_FADE_PX
    points = spaced(points, SPACING * radius)
    depths, slope = _depths(points, near), _slope(points, near, reach_px=max(_SLOPE_REACH * radius, 1.0))
    ends = range(1, len(points)) if len(points) > 1 else range(1)
    for index in ends:
        start, end = points[index - 1], points[index]
        around = tuple(
            slice(*np.searchsorted(axis, (min(a, b) - reach, max(a, b) + reach)))
            for axis, a, b in zip((rows, columns), start, end, strict=True)
        )
        y, x = rows[around[0], None] - start[0], columns[around[1]] - start[1]
        along = end - start
        place = np.clip((y * along[0] + x * along[1]) / max(float(along @ along), 1e-12), 0.0, 1.0)
        away = np.square(y - place * along[0]) + np.square(x - place * along[1])
        depth = depths[index - 1] + place * (depths[index] - depths[index - 1])
        slack = np.where(away <= reach**2, slope * np.sqrt(away), -np.inf)
        for plane, values, extreme in (
            (squared, away, np.minimum),
            (low, depth - slack, np.minimum),
            (high, depth + slack, np.maximum),
        ):
            extreme(plane[around], values, out=plane[around])
    fade = max((1 - HARD) * radius, _LEAST_FADE_PX)
    cover = _smooth((radius - np.sqrt(squared)) / fade)
    outside = np.isinf(low)
    low[outside], high[outside] = 0.0, 1.0
    softness = round(_DEPTH_SOFTNESS * radius / step)
    low, high = (box_mean(plane.astype(np.float32), softness) for plane in (low, high))
    return _Drawn(cover.astype(np.float32), low, high)


def spaced(points: np.ndarray, most_px: float) -> np.ndarray:
    """Insert points into a path, (n, 2), until no two neighbours are farther than `most_px` apart."""
    parts = [points[:1]]
    for start, end in pairwise(points):
        steps = max(math.ceil(math.dist(start, end) / most_px), 1)
        parts.append(start + (end - start) * (np.arange(1, steps + 1)[:, None] / steps))
    return np.concatenate(parts)


def _depths(points: np.ndarray, near: Disparity) -> np.ndarray:
    rows, columns = np.clip(np.rint(points).astype(int), 0, np.array(near.shape) - 1).T
    return near[rows, columns]


def _slope(points: np.ndarray, near: Disparity, *, reach_px: float) -> float:
    """Return the slope in disparity per pixel under a stroke; it is a median, which depth steps hardly affect."""
    down, across = (
        _depths(points + offset, near) - _depths(points - offset, near)
        for offset in (np.array((reach_px, 0.0)), np.array((0.0, reach_px)))
    )
    return float(np.median(np.hypot(down, across))) / (2 * reach_px)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the smoothstep of the values: 0 below 0, 1 above 1, and smooth in between."""
    share = np.clip(values, 0.0, 1.0)
    return share * share * (3 - 2 * share)


def _enlarged(small: Plane, step: float, rows: slice, width: int) -> Float32[np.ndarray, "h2 w2"]:
    """Interpolate a plane of every `step`-th pixel linearly to full size, and return some rows of the result."""
    if step == 1.0:
        return small[rows, :width].copy()
    for axis, pixels in enumerate((np.arange(rows.start, rows.stop), np.arange(width))):
        place = pixels / step
        before = place.astype(int)
        weight = (place - before).astype(np.float32)
        weight = weight[:, None] if axis == 0 else weight
        small = small.take(before, axis) * (1 - weight) + small.take(before + 1, axis) * weight
    return small
