"""Compose the subject with its surroundings by its matte: find the pixels of its soft edge and what they show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import row_slices
from dioptre.imaging.encoding import srgb_to_linear
from dioptre.imaging.foreground import INSIDE, OUTSIDE, BothColours
from dioptre.imaging.resize import fitted_size, resize, resized_rows
from dioptre.imaging.shapes import map_chunks
from dioptre.optics.defocus import Focus
from dioptre.optics.soft_edges import SoftEdges

_NEAREST_PX = 1024  # longest side of the map on which the nearest depths are searched
_LEAST_STEP = 1e-3  # pixels whose surfaces differ less in disparity need not be divided
_PLAIN = 1e-3  # squared difference of both colours, in linear light, from which they tell the coverage
_WORKING_PX = 640  # longer side of the reduced map on which the subject's depth beside each pixel is sought
_SURE = 0.9  # coverage of pixels whose depth is the object's
_IN_FRONT = 0.06  # least difference of disparity between a thing and what is in front of it
_VISIBLE_PX = 1.0  # pixels of the reduced map; a blur disc of a smaller radius covers nothing
_EDGES = 0.1  # largest length of the ground's own edges, relative to the outline on which its blur would lie
_NOISE = 0.02  # largest difference of disparity between neighbouring pixels of a continuous surface
_BESIDE_PX = 3  # width of the soft edges of the reduced map


def soft_edges_of(
    image: Float32[np.ndarray, "h w c"],
    alpha: Float32[np.ndarray, "h w"],
    disparity: Float32[np.ndarray, "h w"],
    *,
    colours: Callable[[], BothColours],
    focal_disparity: float,
) -> SoftEdges | None:
    """Return the pixels that a matte divides between an object and what is beside it; None if there are none.

    Each pixel has its own disparity on the side that covers more of it, unless the depth contradicts that; on the
    other side it has that of the nearest pixel that shows nothing else.

    Args:
        image: the picture, sRGB-encoded; channels after the third are ignored.
        alpha: the object's coverage, in [0, 1].
        disparity: the disparity to blur by, with its step where `alpha` is 0.5.
        colours: returns the result of `both_colours_rows` for `image` and `alpha`; called only if there are any.
        focal_disparity: the disparity in focus.
    """
    inside, outside = alpha > INSIDE, alpha < OUTSIDE
    if not (inside.any() and outside.any()) or (inside | outside).all():
        return None
    height, width = alpha.shape
    step = -(-max(alpha.shape) // _NEAREST_PX)
    within, beside = (_nearest(disparity, known, step) for known in (inside, outside))
    del inside, outside  # the colours need the memory
    both = colours()
    parts = []
    for rows in row_slices(height):
        row, column = np.nonzero(~((alpha[rows] > INSIDE) | (alpha[rows] < OUTSIDE)))
        small = (row + rows.start) // step, column // step
        own, cover = disparity[rows][row, column], alpha[rows][row, column]
        mine, others = within[small], beside[small]
        is_mine = (cover > 0.5) & (np.abs(own - mine) <= np.abs(own - others))
        planes = np.stack([np.where(is_mine, own, mine), np.where(is_mine, others, own)])
        apart = np.abs(planes[0] - planes[1]) > _LEAST_STEP
        row, column, cover, planes = row[apart], column[apart], cover[apart], planes[:, apart]
        if not row.size:
            continue
        distance = np.abs(planes - np.float32(focal_disparity))
        blurred = distance[0] > distance[1]
        mine, others = (each.T for each in both(rows, (row, column)))
        seen = image[rows][row, column, :3].T
        parts.append(((row + rows.start) * width + column, _divided(seen, mine, others, cover, blurred), planes))
    if not parts:
        return None
    at, planes, near = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
    return SoftEdges(size=(height, width), at=at.astype(np.int32), planes=planes, disparity=near)


def sorted_behind(
    drawn: Float32[np.ndarray, "h w"],
    near: Float32[np.ndarray, "h w"],
    alpha: Float32[np.ndarray, "h w"],
    *,
    focus: Focus,
) -> Float32[np.ndarray, "h w"]:
    """Draw the ground on which an object stands behind the object.

    An object is pulled into focus as a whole, but the ground is not: where it is nearer than the focus, its blur
    would cover the feet that stand on it. Such ground, and all that continues it without a step, is mirrored at the
    focus: it is blurred as much as before, but lies behind the object. This would be wrong at an edge of its own,
    such as that of a table, because what lies behind the edge would then cover it; if there is much of such edges,
    nothing changes.

    Args:
        drawn: the disparity to blur by, in which the object is in focus; it is changed in place.
        near: the disparity before the object was pulled into focus.
        alpha: the object's coverage, in [0, 1].
        focus: the plane in focus.

    Returns:
        `drawn`.
    """
    full = drawn.shape[0], drawn.shape[1]
    size = fitted_size(full, longest_px=_WORKING_PX)
    coverage, level = (resize(plane, size, method="area") for plane in (alpha, near))
    sure, inside = coverage > _SURE, coverage > 0.5
    limit = np.float32(focus.focal_disparity + focus.range)
    free = (level > limit) & ~inside
    beside = free & ndimage.binary_dilation(inside, iterations=_BESIDE_PX)
    if not sure.any() or not beside.any() or focus.background == 0:
        return drawn
    nearest = ndimage.distance_transform_edt(~sure, return_distances=False, return_indices=True)
    free &= ndimage.maximum_filter(level, 3) - ndimage.minimum_filter(level, 3) < _NOISE
    beside &= free & (level < level[tuple(nearest)] + _IN_FRONT)
    ground = ndimage.binary_propagation(beside, mask=free)
    covering = (level - limit) * (focus.max_radius_px * focus.foreground * size[0] / full[0]) > _VISIBLE_PX
    behind = ndimage.minimum_filter(np.where(inside, np.float32(np.inf), level), 2 * _BESIDE_PX + 1)
    mirrored = 2 * np.float32(focus.focal_disparity) - level
    edges = ground & covering & (level - behind > _IN_FRONT) & (mirrored < behind)
    contact = (beside & covering).sum()
    if contact == 0 or edges.sum() > _EDGES * contact:
        return drawn
    away, nearest = ndimage.distance_transform_edt(~ground, return_indices=True)
    highest = np.where(away > _BESIDE_PX, 0, level[tuple(nearest)] + np.float32(_NOISE))
    ratio = np.float32(focus.foreground / focus.background)
    for rows in row_slices(full[0]):
        moved = (alpha[rows] <= 0.5) & (drawn[rows] > limit)
        if moved.any():
            moved &= near[rows] < resized_rows(highest, full, rows)
            beyond = np.float32(focus.focal_disparity - focus.range) - ratio * (drawn[rows] - limit)
            np.copyto(drawn[rows], beyond, where=moved)
    return drawn


def _divided(
    seen: Float32[np.ndarray, "3 n"],
    mine: Float32[np.ndarray, "3 n"],
    others: Float32[np.ndarray, "3 n"],
    alpha: Float32[np.ndarray, " n"],
    blurred: Bool[np.ndarray, " n"],
) -> Float32[np.ndarray, "4 n"]:
    """Return an object's part of the colour in linear light, and its coverage; see `SoftEdges`.

    A matte mixes encoded colours. The coverage in linear light is the one with which both colours give the same
    mixture.

    Args:
        seen: the encoded colours.
        mine: the object's.
        others: those beside it.
        alpha: coverage as a matte gives it.
        blurred: whether the object is blurred more than what is beside it. It then has all that is not the smooth
            colour beside it, even less light than none, so that no hair stays sharp on a background in focus.
    """
    mixed = others + alpha * (mine - others)
    light, own, other, mixture = (map_chunks(srgb_to_linear, each) for each in (seen, mine, others, mixed))
    difference = own - other
    contrast = (difference**2).sum(axis=0)
    along = ((mixture - other) * difference).sum(axis=0) / np.maximum(contrast, _PLAIN)
    sure = np.minimum(contrast / _PLAIN, 1)
    coverage = np.clip(along + (1 - sure) * alpha, 0, 1)
    residual = light - coverage * own - (1 - coverage) * other
    share = np.where(blurred, 1, coverage**2 / (coverage**2 + (1 - coverage) ** 2))
    part = coverage * own + share * residual
    part = np.where(blurred, part, np.maximum(part, 0))
    return np.concatenate([part, coverage[None]]).astype(np.float32)


def _nearest(
    values: Float32[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"], step: int
) -> Float32[np.ndarray, "i j"]:
    """Return the value of the nearest known pixel, at every `step`-th row and column.

    Unlike smooth extrapolation, this does not mix objects that stand beside each other at different depths.
    """
    values, known = values[::step, ::step], known[::step, ::step]
    if not known.any():
        return values
    places = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(places)])
