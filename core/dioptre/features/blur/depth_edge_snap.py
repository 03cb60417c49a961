"""Align the depth step at a subject's outline exactly with its matte."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image, ImageFilter

from dioptre.imaging.box_mean import box_mean
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import fitted_size, resize

_WORKING_PX = 640  # longer side of the reduced map on which depths, which vary smoothly, are extrapolated
_BAND = 0.03  # half-width of the replaced band round the outline, as a fraction of the shorter side
_STEP = 0.02  # height of the step, in disparity, from which snapping has its full effect
_SMOOTHED = 0.5  # half-width of the square over which the step's height is averaged, in half-widths of the band
_WINDOW = 2  # half-width of the windows in which planes are fitted, in half-widths of the band
_SURENESS = 6  # exponent: a pixel's weight in a fit is its distance from the outline (0 to 1) to this power
_FLATNESS = 0.005  # added to the variance of positions (in squared window half-widths) to keep uncertain fits flat
_PLANE = 0.03  # standard deviation of disparity from the fitted plane at which the plane has half its weight
_HELD = 0.2  # fraction of a window that must lie on the plane's side for the plane to have full weight
_SURE = 0.9  # distance from the outline, in half-widths of the band, beyond which a pixel's depth is trusted
_RIGHT_SIDE = 0.05  # fraction of the step by which a value may deviate from its own side without being changed
_WRONG_SIDE = 0.2  # fraction of the step; a value that deviates by more is replaced entirely
_VOTERS = 0.002  # half-width, relative to the shorter side, of the square whose majority decides a doubtful pixel
_CERTAIN = 0.9  # coverage from which a pixel is not doubtful, so that no majority overrules thin strands of hair
_BAND_ROWS = 64  # number of rows that are processed at a time


def snap_to_matte(
    disparity: Float32[np.ndarray, "h w"], matte: Float32[np.ndarray, "h w"], *, band: float = _BAND
) -> Float32[np.ndarray, "h w"]:
    """Return `disparity` with its step moved to the outline of `matte`.

    In a band round the outline, values that belong to the other side or lie between the two are replaced. The new
    values extrapolate the depth of their own side, with its slope, from outside the band, so receding ground is
    not mistaken for a step and does not hide one. Thin parts that lie entirely within the band, such as hair, get
    the subject's depth. Throughout the band, the step is as high as at the outline.

    Nothing changes where the subject is not the nearer side (feet on the ground, an object in front of it), and no
    depth is introduced that the map does not contain nearby. A small error in the matte therefore does not create a
    false step; a large one does, so pass only the matte of a subject that was detected with confidence.

    Args:
        disparity: depth in [0, 1], 1 = nearest.
        matte: coverage of the subject, in [0, 1].
        band: half-width of the band, as a fraction of the shorter side.
    """
    full = disparity.shape[0], disparity.shape[1]
    size = fitted_size(full, longest_px=_WORKING_PX)
    small = resize(disparity, size, method="area")
    belongs_in = resize(matte, size, method="area") > 0.5
    radius = max(1, round(band * min(size)))
    inside = box_mean(belongs_in.astype(np.float32), radius)
    surely_in, surely_out = inside > 0.999, inside < 0.001
    if not surely_in.any() or not surely_out.any():
        return disparity.copy()  # one side lies entirely within the band, so its depth is unknown
    nearest, farthest = _extreme(small, 2 * radius, np.maximum), _extreme(small, 2 * radius, np.minimum)
    depth_in = np.minimum(_continued(small, np.clip(2 * inside - 1, 0, 1), _WINDOW * radius), nearest)
    depth_out = np.maximum(_continued(small, np.clip(1 - 2 * inside, 0, 1), _WINDOW * radius), farthest)
    step = _at_outline(depth_in - depth_out, belongs_in, max(1, round(_SMOOTHED * radius)))
    depth_in, depth_out = (
        np.where(belongs_in, depth_in, depth_out + step),
        np.where(belongs_in, depth_in - step, depth_out),
    )
    near_outline = np.clip((1 - np.abs(2 * inside - 1)) * 5, 0, 1)  # 1 inside the band, falling to 0 at its edges
    nearer = _sides(matte)  # computed before the full-size planes take up memory
    weight, depth_in, depth_out = (
        resize(plane.astype(np.float32), full, method="bilinear")
        for plane in (np.clip(step / _STEP, 0, 1) * near_outline, depth_in, depth_out)
    )
    snapped = np.empty_like(disparity)
    for top in range(0, full[0], _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        snapped[rows] = _moved(disparity[rows], nearer[rows], weight[rows], depth_in[rows], depth_out[rows])
    return snapped


def _sides(matte: Float32[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return which pixels belong to the subject; doubtful ones follow the majority around them to avoid specks."""
    inside = matte > 0.5
    reach = max(1, round(_VOTERS * min(matte.shape)))
    share = Image.fromarray(inside.view(np.uint8) * np.uint8(255)).filter(ImageFilter.BoxBlur(reach))
    doubtful = (matte > 1 - _CERTAIN) & (matte < _CERTAIN)
    np.copyto(inside, np.asarray(share) > 127, where=doubtful)
    return inside


def _at_outline(
    step: Float32[np.ndarray, "h w"], belongs_in: Bool[np.ndarray, "h w"], radius: int
) -> Float32[np.ndarray, "h w"]:
    """Return, at every pixel, the mean step height at the outline within a square of half-width `radius`.

    The height is measured at the outline, because away from it only one side's depth is known well.
    """
    line = np.zeros_like(step)
    for beside, beyond in (
        ((slice(1, None),), (slice(None, -1),)),
        ((..., slice(1, None)), (..., slice(None, -1))),
    ):
        across = belongs_in[beside] != belongs_in[beyond]
        line[beside][across] = line[beyond][across] = 1
    mean = box_mean(line * step, radius) / np.maximum(box_mean(line, radius), np.float32(1e-4))
    return pull_push(mean.astype(np.float32, copy=False), line)


def _continued(
    values: Float32[np.ndarray, "h w"], away: Float32[np.ndarray, "h w"], radius: int
) -> Float32[np.ndarray, "h w"]:
    """Extrapolate the depth on one side of the outline over the whole map.

    Each pixel takes the value of a plane fitted to the values around it. It takes the nearest values instead where
    a plane does not fit, as at a step, or where the window contains little of its side, as in a thin part far from
    the rest.

    Args:
        values: the depth map.
        away: 0 at the outline and on the other side, rising to 1 outside the band; higher values weigh more.
        radius: half-width of the windows in which planes are fitted.
    """
    weight = away**_SURENESS
    height, width = values.shape
    rows = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None] / radius, values.shape)
    columns = np.broadcast_to(np.arange(width, dtype=np.float32) / radius, values.shape)
    held = box_mean(weight, radius)
    share = np.maximum(held, np.float32(1e-4))

    def mean(plane: np.ndarray) -> np.ndarray:
        return box_mean(weight * plane, radius) / share

    row, column, value = mean(rows), mean(columns), mean(values)
    down = np.maximum(mean(rows * rows) - row * row, 0) + np.float32(_FLATNESS)
    across = np.maximum(mean(columns * columns) - column * column, 0) + np.float32(_FLATNESS)
    both = mean(rows * columns) - row * column
    with_rows, with_columns = mean(rows * values) - row * value, mean(columns * values) - column * value
    determinant = np.maximum(down * across - both * both, np.float32(1e-6))
    downwards = (with_rows * across - with_columns * both) / determinant
    rightwards = (with_columns * down - with_rows * both) / determinant
    left = mean(values * values) - value * value - downwards * with_rows - rightwards * with_columns
    trust = np.clip(held / _HELD, 0, 1) * _PLANE**2 / (_PLANE**2 + np.maximum(left, 0))
    plane = value + downwards * (rows - row) + rightwards * (columns - column)
    around = pull_push(values, np.where(away > _SURE, weight, 0))
    return around + trust * (plane - around)


def _moved(
    disparity: Float32[np.ndarray, "h w"],
    belongs_in: Bool[np.ndarray, "h w"],
    weight: Float32[np.ndarray, "h w"],
    depth_in: Float32[np.ndarray, "h w"],
    depth_out: Float32[np.ndarray, "h w"],
) -> Float32[np.ndarray, "h w"]:
    """Move values on the wrong side of the step to their own side, in proportion to `weight`."""
    from_far_side = (disparity - depth_out) / np.maximum(depth_in - depth_out, np.float32(_STEP))
    missed = np.where(belongs_in, 1 - from_far_side, from_far_side)  # 0: value on its own side, 1: on the other
    wrong = np.clip((missed - np.float32(_RIGHT_SIDE)) / np.float32(_WRONG_SIDE - _RIGHT_SIDE), 0, 1)
    return disparity + weight * wrong * (np.where(belongs_in, depth_in, depth_out) - disparity)


def _extreme(
    values: Float32[np.ndarray, "h w"], radius: int, choose: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Float32[np.ndarray, "h w"]:
    """Return the largest or smallest value in a square of half-width `radius` at each pixel."""
    for axis in (0, 1):
        length = values.shape[axis]
        index = np.arange(length)
        reach = 0
        while reach < radius:  # each round combines overlapping windows, which about doubles their size
            shift = min(reach + 1, radius - reach)
            before, after = np.maximum(index - shift, 0), np.minimum(index + shift, length - 1)
            values = choose(values, choose(np.take(values, before, axis), np.take(values, after, axis)))
            reach += shift
    return values
