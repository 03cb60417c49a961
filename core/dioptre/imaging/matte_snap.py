"""Let a depth map step exactly where a subject's matte does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32

from .box_mean import box_mean
from .resize import fitted_size, resize
from .spread import spread_known

_WORKING_PX = 640  # longest side on which both sides are filled in: they are smooth
_BAND = 0.03  # half-width of the band round the outline that is replaced, in short sides
_NO_STEP, _STEP = 0.04, 0.1  # disparity steps between which snapping sets in
_RIGHT_SIDE = 0.05  # share of the step by which a value may miss its own side and still be left alone
_WRONG_SIDE = 0.2  # from here on it is replaced altogether
_BAND_ROWS = 64  # that are worked on at a time


def snap_to_matte(
    disparity: Float32[np.ndarray, "h w"], matte: Float32[np.ndarray, "h w"], *, band: float = _BAND
) -> Float32[np.ndarray, "h w"]:
    """`disparity` with its step at the outline of `matte`.

    In a band round the outline, values that belong to the other side or lie between are replaced by their own
    side's, filled in from beyond the band. Thin parts that lie wholly in the band, such as hair, get the depth of
    what they belong to. Nothing is changed where the subject is not the nearer one (feet on the ground, something
    in front of it), and no depth is put where the map has nothing like it nearby: so a small mistake of the matte
    does not become a false step. A large one does: give it the matte of a sure subject only.

    disparity: [0, 1], 1 = nearest. matte: the subject's coverage, [0, 1]. band: half-width, in short sides.
    """
    full = disparity.shape[0], disparity.shape[1]
    size = fitted_size(full, longest_px=_WORKING_PX)
    small = resize(disparity, size, method="area")
    mask = (resize(matte, size, method="area") > 0.5).astype(np.float32)
    radius = max(1, round(band * min(size)))
    inside = box_mean(mask, radius)
    surely_in, surely_out = inside > 0.999, inside < 0.001
    if not surely_in.any() or not surely_out.any():
        return disparity.copy()  # one side has no depth of its own
    nearest, farthest = _extreme(small, 2 * radius, np.maximum), _extreme(small, 2 * radius, np.minimum)
    depth_in = np.minimum(spread_known(small, surely_in.astype(np.float32)), nearest)
    depth_out = np.maximum(spread_known(small, surely_out.astype(np.float32)), farthest)
    step = np.clip((depth_in - depth_out - _NO_STEP) / (_STEP - _NO_STEP), 0, 1)
    near_outline = np.clip((1 - np.abs(2 * inside - 1)) * 5, 0, 1)  # 1 but in the band's outer tenths
    weight, depth_in, depth_out = (
        resize(plane.astype(np.float32), full, method="bilinear")
        for plane in (step * near_outline, depth_in, depth_out)
    )
    snapped = np.empty_like(disparity)
    for top in range(0, full[0], _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        snapped[rows] = _moved(disparity[rows], matte[rows] > 0.5, weight[rows], depth_in[rows], depth_out[rows])
    return snapped


def _moved(
    disparity: Float32[np.ndarray, "h w"],
    belongs_in: Bool[np.ndarray, "h w"],
    weight: Float32[np.ndarray, "h w"],
    depth_in: Float32[np.ndarray, "h w"],
    depth_out: Float32[np.ndarray, "h w"],
) -> Float32[np.ndarray, "h w"]:
    """Values that miss their own side are moved to it, as far as `weight` allows."""
    from_far_side = (disparity - depth_out) / np.maximum(depth_in - depth_out, np.float32(_NO_STEP))
    missed = np.where(belongs_in, 1 - from_far_side, from_far_side)  # 0: on its own side, 1: on the other
    wrong = np.clip((missed - np.float32(_RIGHT_SIDE)) / np.float32(_WRONG_SIDE - _RIGHT_SIDE), 0, 1)
    moved: np.ndarray = disparity + weight * wrong * (np.where(belongs_in, depth_in, depth_out) - disparity)
    return moved


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
