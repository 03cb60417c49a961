"""Compose the subject with its surroundings by its matte: find the pixels of its soft edge and what they show."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import row_slices
from dioptre.imaging.encoding import srgb_to_linear
from dioptre.imaging.foreground import INSIDE, OUTSIDE, both_colours_rows
from dioptre.imaging.shapes import map_chunks
from dioptre.optics.soft_edges import SoftEdges

_NEAREST_PX = 1024  # longest side of the map on which the nearest depths are searched
_LEAST_STEP = 1e-3  # pixels whose surfaces differ less in disparity need not be divided
_PLAIN = 1e-3  # squared difference of both colours, in linear light, from which they tell the coverage


def soft_edges_of(
    image: Float32[np.ndarray, "h w c"],
    alpha: Float32[np.ndarray, "h w"],
    disparity: Float32[np.ndarray, "h w"],
    *,
    focal_disparity: float,
) -> SoftEdges | None:
    """Return the pixels that a matte divides between an object and what is beside it; None if there are none.

    Each pixel has its own disparity on the side that covers more of it, unless the depth contradicts that; on the
    other side it has that of the nearest pixel that shows nothing else.

    Args:
        image: the picture, sRGB-encoded; channels after the third are ignored.
        alpha: the object's coverage, in [0, 1].
        disparity: the disparity to blur by, with its step where `alpha` is 0.5.
        focal_disparity: the disparity in focus.
    """
    inside, outside = alpha > INSIDE, alpha < OUTSIDE
    soft = ~(inside | outside)
    if not (soft.any() and inside.any() and outside.any()):
        return None
    height, width = alpha.shape
    step = -(-max(alpha.shape) // _NEAREST_PX)
    within, beside = (_nearest(disparity, known, step) for known in (inside, outside))
    colours = both_colours_rows(image, alpha)
    parts = []
    for rows in row_slices(height):
        row, column = np.nonzero(soft[rows])
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
        mine, others = (each[row, column].T for each in colours(rows))
        seen = image[rows][row, column, :3].T
        parts.append(((row + rows.start) * width + column, _divided(seen, mine, others, cover, blurred), planes))
    if not parts:
        return None
    at, planes, near = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
    return SoftEdges(size=(height, width), at=at.astype(np.int32), planes=planes, disparity=near)


_linear = jax.jit(srgb_to_linear)


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
    light, own, other, mixture = (map_chunks(_linear, each) for each in (seen, mine, others, mixed))
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
