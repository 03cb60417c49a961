"""Continue the subject over what touches it and stands at its depth, such as a hat, a rein or a held stick.

A matte misses things that its network does not know. Depth shows that they belong to the subject: they go on where
it ends, without a step, and everything around them lies farther behind. The ground under feet and a wall that is
leaned on go on at the same depth too, but no step surrounds them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import row_slices
from dioptre.imaging.resize import fitted_size, resize, resized_rows

_WORKING_PX = 512  # longer side of the reduced maps on which parts are sought
_SURE = 0.9  # coverage of pixels whose depth is the subject's
_NOISE = 0.02  # largest difference of disparity between neighbouring pixels of a continuous surface
_STEP = 0.06  # least difference of disparity between a part and what is apart from it
_ALIKE = 0.12  # largest difference between a part and the subject beside it
_BESIDE_PX = 3  # distance by which a part may miss the subject, and the width of the soft edges of depth
_AROUND_PX = 6  # distance within which the depth must fall off
_THIN = 0.026  # parts stand out farther than this, as a fraction of the shorter side; a rim is an error of depth
_LEAST_PX = 12  # pixels of the smallest part
# Depth is mixed at edges, so that only a wide part has a depth of its own: half its width, as a fraction of the
# shorter side, and the distance behind the subject from which it is another thing, such as a bystander.
_WIDE, _APART = 0.03, 0.07
_LARGEST = 0.3  # largest part, as a fraction of the subject
_ROUNDS = 4  # how often what was found is continued in turn
_OPEN = 0.2  # fraction of a part's rim that the subject may not cover; what it encloses is a gap, which mattes know
_SURROUNDED = 0.7  # fraction of the remaining rim at which the depth must fall off
_RAMP = 0.3  # width of the edge of a part, as a fraction of its step


def continued(
    alpha: Float32[np.ndarray, "h w"], disparity: Float32[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Return the subject's coverage with the parts that its matte misses and depth shows.

    Args:
        alpha: the subject's coverage, in [0, 1].
        disparity: depth in [0, 1], 1 = nearest, before its steps are moved to the matte.

    Returns:
        The coverage; `alpha` itself if nothing continues the subject.
    """
    full = alpha.shape[0], alpha.shape[1]
    size = fitted_size(full, longest_px=_WORKING_PX)
    near, coverage = (resize(plane, size, method="area") for plane in (disparity, alpha))
    behind = ndimage.minimum_filter(near, 2 * _AROUND_PX + 1)
    parts, covered = np.zeros(size, np.bool_), coverage
    for _ in range(_ROUNDS):
        found = _parts(near, covered, behind)
        if not found.any():
            break
        parts |= found
        widened = ndimage.binary_dilation(parts, iterations=_BESIDE_PX - 1) & (near > behind + _STEP / 2)
        covered = np.maximum(coverage, widened)
    parts &= ~_other_things(parts, near, coverage)
    if not parts.any():
        return alpha
    # At full size, the parts end halfway down their steps.
    nearest = ndimage.distance_transform_edt(~parts, return_distances=False, return_indices=True)
    own = near[tuple(nearest)]
    drop = np.maximum(own - behind, np.float32(_STEP))
    around = ndimage.binary_dilation(parts, iterations=_BESIDE_PX).astype(np.float32)
    result = alpha.copy()
    for rows in row_slices(full[0]):
        covered = resized_rows(around, full, rows)
        if covered.any():
            level, step = (resized_rows(plane, full, rows) for plane in (own, drop))
            covered *= np.clip(0.5 + (disparity[rows] - level + step / 2) / (_RAMP * step), 0, 1)
            np.maximum(result[rows], covered, out=result[rows])
    return result


def _parts(
    near: Float32[np.ndarray, "h w"], coverage: Float32[np.ndarray, "h w"], behind: Float32[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"]:
    """Return the pixels of the parts that continue the subject at its depth, with a step around them."""
    sure, subject = coverage > _SURE, coverage > 0.5
    parts = np.zeros_like(sure)
    if not sure.any():
        return parts
    nearest = ndimage.distance_transform_edt(~sure, return_distances=False, return_indices=True)
    smooth = ndimage.maximum_filter(near, 3) - ndimage.minimum_filter(near, 3) < _NOISE
    alike = smooth & (np.abs(near - near[tuple(nearest)]) < _ALIKE) & ~subject
    touching = alike & ndimage.binary_dilation(subject, iterations=_BESIDE_PX)
    found = ndimage.binary_propagation(touching, mask=alike)
    thin = _THIN * min(near.shape)
    core = found & (ndimage.distance_transform_edt(~subject) > thin)
    if not core.any():
        return parts
    labels, count = ndimage.label(found & (ndimage.distance_transform_edt(~core) < 1.2 * thin))
    most = _LARGEST * subject.sum()
    labels, subject = (np.pad(plane, _BESIDE_PX) for plane in (labels, subject))
    level, behind = (
        np.pad(plane, _BESIDE_PX, constant_values=1) for plane in (near, behind)
    )  # no step at the frame
    widened = ndimage.binary_dilation(subject, iterations=_BESIDE_PX - 1)
    inner = (slice(_BESIDE_PX, -_BESIDE_PX),) * 2
    for number, place in enumerate(ndimage.find_objects(labels, count), start=1):
        window = tuple(slice(side.start - _BESIDE_PX, side.stop + _BESIDE_PX) for side in place)
        part = labels[window] == number
        if not _LEAST_PX <= part.sum() <= most:
            continue
        rim = ndimage.binary_dilation(part, iterations=_BESIDE_PX) & ~part
        free = rim & ~widened[window]
        own = ndimage.maximum_filter(np.where(part, level[window], 0), 2 * _BESIDE_PX + 1)
        falls_off = behind[window] < own - _STEP
        if free.sum() >= _OPEN * rim.sum() and falls_off[free].mean() > _SURROUNDED:
            parts |= (labels == number)[inner]
    return parts


def _other_things(
    parts: Bool[np.ndarray, "h w"], near: Float32[np.ndarray, "h w"], coverage: Float32[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"]:
    """Return the wide parts that lie clearly behind the subject, with the parts beside them."""
    inside = ndimage.binary_erosion(coverage > _SURE, iterations=2 * _BESIDE_PX)
    if not inside.any() or not parts.any():
        return np.zeros_like(parts)
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    behind = near[tuple(nearest)] - near
    half_width = ndimage.distance_transform_edt(np.pad(parts, 1))[1:-1, 1:-1]
    labels, count = ndimage.label(parts)
    numbers = np.arange(1, count + 1)
    wide = ndimage.maximum(half_width, labels, numbers) > _WIDE * min(near.shape)
    others = np.isin(labels, numbers[wide & (ndimage.median(behind, labels, numbers) > _APART)])
    beside = np.unique(labels[ndimage.binary_dilation(others, iterations=2 * _BESIDE_PX)]) if others.any() else ()
    return np.isin(labels, beside) & parts
