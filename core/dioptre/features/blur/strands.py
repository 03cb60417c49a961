"""Add the hairs, strings and twigs that stand out from the subject in front of a quiet background.

No matte at a network's size shows single hairs. Where the background is quiet, the picture itself does: they are
lines, brighter or darker than what is around them, that begin at the subject and end before the background is empty
again. A cable, a branch or a rim behind the subject goes on beyond that, and texture never becomes quiet.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import row_slices
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import fitted_size, resize, resized_rows

_WORKING_PX = 1280  # longer side at which lines are sought
_WIDEST_PX = 7  # lines are narrower than this
_FAINT = 0.025  # least contrast of a line, in encoded values
_NOISE = 3  # and as a multiple of the median contrast around the subject
_REACH = 0.36  # distance from the subject within which lines are sought; lengths are fractions of the shorter side
_PLACE = 0.05  # side of the places along the outline that are judged together, in threes
_RING = 0.02  # width of the rings around the subject for which they are judged
_SPAN = 5  # rings that must be quiet
_ENOUGH = 0.3  # fraction of these rings that must be inside the picture
_LINES, _CALM = 0.03, 0.12  # largest share of lines in quiet rings, and contrast there in terms of that of lines
_BEHIND = 0.04  # disparity by which the background lies behind the subject; else it is sharp anyway
_LEAST = 0.012  # least length of a line
_BEYOND = 0.1  # largest part of a line beyond where it becomes quiet
_SLENDER, _WIDTH_PX = 1.5, 6.0  # what is longer than the first, in terms of its foot, is at most so wide
_FOOT_PX = 6
_OPAQUE = 0.8  # difference of opaque pixels from the background, relative to the subject's and the largest nearby


def with_strands(
    picture: Float32[np.ndarray, "h w c"],
    alpha: Float32[np.ndarray, "h w"],
    disparity: Float32[np.ndarray, "h w"],
) -> Float32[np.ndarray, "h w"]:
    """Return the subject's coverage with the strands that its matte misses.

    Args:
        picture: sRGB-encoded, nominally [0, 1].
        alpha: the subject's coverage, in [0, 1].
        disparity: depth in [0, 1], 1 = nearest.

    Returns:
        The coverage; `alpha` itself if there are no strands.
    """
    full = alpha.shape[0], alpha.shape[1]
    size = fitted_size(full, longest_px=_WORKING_PX)
    coverage = resize(alpha, size, method="area")
    subject = coverage > 0.5
    if not subject.any():
        return alpha
    margin = round(_REACH * min(size)) + _WIDEST_PX
    window = tuple(
        slice(max(0, int(found[0]) - margin), int(found[-1]) + 1 + margin)
        for found in (np.flatnonzero(subject.any(axis)) for axis in (1, 0))
    )
    small = np.clip(resize(picture[..., :3], size, method="area"), 0, 1)[window]
    near = resize(disparity, size, method="area")[window]
    strands = np.zeros(size, np.float32)
    strands[window] = _strands(small, subject[window], near, short=min(size))
    if not strands.any():
        return alpha
    result = alpha.copy()
    for rows in row_slices(full[0]):
        np.maximum(result[rows], resized_rows(strands, full, rows), out=result[rows])
    return result


def _strands(
    picture: Float32[np.ndarray, "h w 3"],
    subject: Bool[np.ndarray, "h w"],
    near: Float32[np.ndarray, "h w"],
    *,
    short: int,
) -> Float32[np.ndarray, "h w"]:
    """Return the coverage of the strands; `short` is the picture's shorter side."""
    contrast = _contrast(picture)
    away, nearest = ndimage.distance_transform_edt(~subject, return_indices=True)
    zone = ~subject & (away < _REACH * short)
    if not zone.any():
        return np.zeros_like(near)
    lines = zone & (contrast > max(_FAINT, _NOISE * float(np.median(contrast[zone]))))
    kept = lines & (away < _quiet_from(contrast, lines, zone, away, nearest, short=short))
    inner = ndimage.distance_transform_edt(
        ~ndimage.binary_erosion(subject, iterations=4), return_distances=False, return_indices=True
    )
    kept &= near < near[tuple(inner)] - _BEHIND
    wholes, _ = _labels(lines, subject)
    inside, beyond = (np.bincount(wholes[part], minlength=wholes.max() + 1) for part in (kept, lines & ~kept))
    parts, count = _labels(kept & (beyond <= _BEYOND * inside)[wholes], subject)
    if not count:
        return np.zeros_like(near)
    numbers, least = np.arange(1, count + 1), max(5.0, _LEAST * short)
    part, distance = parts[parts > 0] - 1, away[parts > 0]
    first, length = np.full(count, np.inf), np.zeros(count)
    np.minimum.at(first, part, distance)
    np.maximum.at(length, part, distance)
    area, foot = (ndimage.sum_labels(part, parts, numbers) for part in (kept, kept & (away < _FOOT_PX)))
    # A branch with leaves is wide and hangs on little; hair has a wide foot, and a single hair is narrow.
    narrow = (area < _WIDTH_PX * length) | (length < _SLENDER / _FOOT_PX * foot)
    found = kept & np.append(False, (first < 4) & (length > least) & narrow)[parts]
    # What lies beside the outline and leads nowhere is a rim of the subject.
    found &= ndimage.binary_dilation(found & (away > least), iterations=int(least) + 3)
    if not found.any():
        return np.zeros_like(near)
    # Between bright hairs, the background looks like dark lines.
    behind = pull_push(picture, (zone & ~lines).astype(np.float32))
    differs = np.abs(picture - behind).max(axis=2)
    own = ndimage.uniform_filter(picture, (5, 5, 0))[tuple(inner)]  # colour of the subject where the strand begins
    whole = np.maximum(np.abs(own - behind).max(axis=2), ndimage.maximum_filter(np.where(found, differs, 0), 7))
    opaque = np.clip(differs / np.maximum(np.float32(_OPAQUE) * whole, _FAINT), 0, 1)
    return np.where(ndimage.binary_dilation(found) & ~subject, opaque, 0).astype(np.float32)


def _contrast(picture: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """Return how much each pixel differs from its surroundings if it belongs to a line (top-hat transform)."""

    def of_channel(plane: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        smooth = ndimage.gaussian_filter(plane, 0.6)
        opened, closed = (
            each(smooth, (_WIDEST_PX, _WIDEST_PX)) for each in (ndimage.grey_opening, ndimage.grey_closing)
        )
        return np.maximum(smooth - opened, closed - smooth)

    with ThreadPoolExecutor() as pool:
        found: np.ndarray = np.maximum.reduce([*pool.map(of_channel, np.moveaxis(picture, -1, 0))])
    return found


def _quiet_from(
    contrast: Float32[np.ndarray, "h w"],
    lines: Bool[np.ndarray, "h w"],
    zone: Bool[np.ndarray, "h w"],
    away: np.ndarray,
    nearest: np.ndarray,
    *,
    short: int,
) -> np.ndarray:
    """Return the distance from the subject at which the background becomes quiet, for each pixel; 0 if it does not.

    The background is judged for each place of the outline, in rings of growing distance.
    """
    place, ring = max(4, round(_PLACE * short)), max(2, round(_RING * short))
    rings = max(_SPAN, int(_REACH * short / ring) + 1)
    rows, columns = nearest[0] // place, nearest[1] // place
    shape = int(rows.max()) + 1, int(columns.max()) + 1, rings
    where = np.ravel_multi_index(
        (rows[zone], columns[zone], np.minimum((away[zone] / ring).astype(np.intp), rings - 1)), shape
    )

    def sums(weights: np.ndarray) -> np.ndarray:
        each = np.bincount(where, weights, minlength=shape[0] * shape[1] * rings).reshape(shape)
        return 9 * ndimage.uniform_filter(each, (3, 3, 1), mode="constant")

    def spans(each: np.ndarray) -> np.ndarray:
        whole = np.cumsum(np.pad(each, ((0, 0), (0, 0), (1, 0))), axis=2)
        return whole[..., _SPAN:] - whole[..., :-_SPAN]

    values, marks = contrast[zone], lines[zone]
    count = sums(marks)
    usual = sums(values * marks).sum(2) / np.maximum(count.sum(2), 1)
    area = spans(sums(np.ones_like(values)))
    quiet = (area > _ENOUGH * _SPAN * ring * place) & (spans(count) < _LINES * area)
    quiet &= spans(sums(values)) < _CALM * usual[..., None] * area
    limit = np.where(quiet.any(2), (quiet.argmax(2) + 1) * ring, 0)
    found: np.ndarray = limit[rows, columns]
    return found


def _labels(mask: Bool[np.ndarray, "h w"], subject: Bool[np.ndarray, "h w"]) -> tuple[np.ndarray, int]:
    """Number the connected parts of a mask, across gaps of a pixel, and return how many there are."""
    eight = np.ones((3, 3), np.bool_)
    joined = (ndimage.binary_closing(mask, eight) | mask) & ~subject
    labels, count = ndimage.label(joined, eight)
    return labels, int(count)
