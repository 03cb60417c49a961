"""Let a depth map step exactly where a subject's matte does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image, ImageFilter

from .box_mean import box_mean
from .pull_push import pull_push
from .resize import fitted_size, resize

_WORKING_PX = 640  # longest side on which both sides are filled in: they are smooth
_BAND = 0.03  # half-width of the band round the outline that is replaced, in short sides
_STEP = 0.02  # of disparity, from which snapping has its full effect
_SMOOTHED = 0.5  # half-width of the square in which the step's height is averaged, in that of the band
_WINDOW = 2  # half-width of the windows through which planes are laid, in that of the band
_SURENESS = 6  # power of a pixel's distance from the outline with which it counts in them
_FLATNESS = 0.005  # variance of place, in windows, from which a plane may slope
_PLANE = 0.03  # standard deviation of disparity from a plane, at which it counts half
_HELD = 0.2  # share of a window that its side must hold for a plane to count in full
_SURE = 0.9  # distance from the outline, in bands, from which a place counts by itself
_RIGHT_SIDE = 0.05  # share of the step by which a value may miss its own side and still be left alone
_WRONG_SIDE = 0.2  # from here on it is replaced altogether
_VOTERS = 0.002  # half-width of the square whose majority decides about doubtful pixels, in short sides
_CERTAIN = 0.9  # coverage from which a pixel is not in doubt: strands of hair keep their own side
_BAND_ROWS = 64  # that are worked on at a time


def snap_to_matte(
    disparity: Float32[np.ndarray, "h w"], matte: Float32[np.ndarray, "h w"], *, band: float = _BAND
) -> Float32[np.ndarray, "h w"]:
    """`disparity` with its step at the outline of `matte`.

    In a band round the outline, values that belong to the other side or lie between are replaced by their own
    side's, continued from beyond the band with their slope: ground that recedes is not taken for a step, nor does
    it hide one. Thin parts that lie wholly in the band, such as hair, get the depth of what they belong to.
    The step is as high, throughout the band, as it is at the outline.
    Nothing is changed where the subject is not the nearer one (feet on the ground, something in front of it), and
    no depth is put where the map has nothing like it nearby: so a small mistake of the matte does not become a
    false step. A large one does: give it the matte of a sure subject only.

    disparity: [0, 1], 1 = nearest. matte: the subject's coverage, [0, 1]. band: half-width, in short sides.
    """
    full = disparity.shape[0], disparity.shape[1]
    size = fitted_size(full, longest_px=_WORKING_PX)
    small = resize(disparity, size, method="area")
    belongs_in = resize(matte, size, method="area") > 0.5
    radius = max(1, round(band * min(size)))
    inside = box_mean(belongs_in.astype(np.float32), radius)
    surely_in, surely_out = inside > 0.999, inside < 0.001
    if not surely_in.any() or not surely_out.any():
        return disparity.copy()  # one side has no depth of its own
    nearest, farthest = _extreme(small, 2 * radius, np.maximum), _extreme(small, 2 * radius, np.minimum)
    depth_in = np.minimum(_continued(small, np.clip(2 * inside - 1, 0, 1), _WINDOW * radius), nearest)
    depth_out = np.maximum(_continued(small, np.clip(1 - 2 * inside, 0, 1), _WINDOW * radius), farthest)
    step = _at_outline(depth_in - depth_out, belongs_in, max(1, round(_SMOOTHED * radius)))
    depth_in, depth_out = (
        np.where(belongs_in, depth_in, depth_out + step),
        np.where(belongs_in, depth_in - step, depth_out),
    )
    near_outline = np.clip((1 - np.abs(2 * inside - 1)) * 5, 0, 1)  # 1 but in the band's outer tenths
    nearer = _sides(matte)  # before the planes of full size are made
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
    """Which pixels belong to the subject: those in doubt follow the majority round them, so that no specks step."""
    inside = matte > 0.5
    reach = max(1, round(_VOTERS * min(matte.shape)))
    share = Image.fromarray(inside.view(np.uint8) * np.uint8(255)).filter(ImageFilter.BoxBlur(reach))
    doubtful = (matte > 1 - _CERTAIN) & (matte < _CERTAIN)
    np.copyto(inside, np.asarray(share) > 127, where=doubtful)
    return inside


def _at_outline(
    step: Float32[np.ndarray, "h w"], belongs_in: Bool[np.ndarray, "h w"], radius: int
) -> Float32[np.ndarray, "h w"]:
    """At every pixel the step at the outline nearby, its mean over a square of half-width `radius`.

    Away from the outline only one side's depth is known well; how high the step is, is seen where both are.
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
    """One side's values on both sides: of the plane through what is around, else of the nearest places.

    away: 0 at the outline and on the other side, 1 from beyond the band on; what is farther away counts more.
    radius: of the windows in which planes are fitted. Where none fits, as at a step, the nearest places count; so
    they do where a window holds little of its side, as in a thin part that leads far from the rest.
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
    """Values that miss their own side are moved to it, as far as `weight` allows."""
    from_far_side = (disparity - depth_out) / np.maximum(depth_in - depth_out, np.float32(_STEP))
    missed = np.where(belongs_in, 1 - from_far_side, from_far_side)  # 0: on its own side, 1: on the other
    wrong = np.clip((missed - np.float32(_RIGHT_SIDE)) / np.float32(_WRONG_SIDE - _RIGHT_SIDE), 0, 1)
    return disparity + weight * wrong * (np.where(belongs_in, depth_in, depth_out) - disparity)


def _extreme(
    values: Float32[np.ndarray, "h w"], radius: int, choose: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Float32[np.ndarray, "h w"]:
    """Largest or smallest value in a square of half-width `radius`."""
    for axis in (0, 1):
        length = values.shape[axis]
        index = np.arange(length)
        reach = 0
        while reach < radius:  # windows grow by what they already hold
            shift = min(reach + 1, radius - reach)
            before, after = np.maximum(index - shift, 0), np.minimum(index + shift, length - 1)
            values = choose(values, choose(np.take(values, before, axis), np.take(values, after, axis)))
            reach += shift
    return values
