"""What a photo shows in front of a layer at a depth, with soft edges, and the layer's colours at these edges.

The subject covers the layer by its matte. Whatever else is nearer covers it by the depth map, whose edges are
aligned with the picture's.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from dioptre.contract import Disparity, Matte, Picture, Plane, row_slices
from dioptre.features.spatial import rim_px
from dioptre.features.subject import opaque
from dioptre.imaging.foreground import both_colours_rows
from dioptre.imaging.guided_filter import guided_filter
from dioptre.imaging.pull_push import pull_push

_SOLID, _VISIBLE = 0.95, 0.02  # coverage from which only the subject is visible; and any of it
_SOFT = 0.02  # disparities over which a surface that reaches through the layer begins to cover it
_WHOLE = 0.95  # fraction of the subject in front of the layer from which all of it is
_REACH, _CONTRAST = 0.004, 1e-4  # window of the alignment with edges, as a fraction of the longer side; its epsilon
_HAZE = 0.04  # values this close to 0 or 1 after the alignment become exactly 0 or 1
_LEAST = 1e-5


def nearer(picture: Picture, disparity: Disparity, alpha: Matte, level: Plane | float) -> Matte:
    """Return how much of each pixel is covered by what is nearer than a layer.

    Args:
        picture: sRGB-encoded.
        disparity: 1 = nearest.
        alpha: coverage of the subject.
        level: the layer's disparity.
    """
    rim = rim_px(disparity.shape)
    around = ndimage.maximum_filter(alpha, 2 * rim + 1) >= _VISIBLE
    behind = disparity
    if around.any() and not around.all():
        behind = np.minimum(pull_push(disparity, (~around).astype(np.float32)), disparity)
    cover = _beyond(behind, level)
    guide = opaque(picture).clip(0, 1)
    cover = guided_filter(guide, cover, radius_px=max(2.0, _REACH * max(cover.shape)), epsilon=_CONTRAST)
    cover = np.clip((cover - np.float32(_HAZE)) / np.float32(1 - 2 * _HAZE), 0, 1)
    solid = ndimage.minimum_filter(alpha, 2 * rim + 1) > _SOLID
    if around.any():
        known = solid if solid.any() else alpha > 0.5
        within = pull_push(disparity, known.astype(np.float32)) if known.any() else disparity
        front = _beyond(within, level)
        if known.any() and float(front[known].mean()) > _WHOLE:
            front = np.ones_like(front)
        cover = 1 - (1 - cover) * (1 - alpha * front)
    return np.asarray(cover, np.float32)


def _beyond(disparity: Disparity, level: Plane | float) -> Plane:
    """Return 1 where a surface is nearer than `level`, 0 where it is farther, and a smooth step between."""
    part = np.clip((disparity - level) / np.float32(_SOFT) + np.float32(0.5), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)


def blended(
    picture: Picture, cover: Matte, layer: Float32[np.ndarray, "h w 4"]
) -> tuple[Float32[np.ndarray, "h w 4"], Matte]:
    """Return a layer and its mask that look right over a photo when they are blended as encoded values.

    Where something nearer covers a pixel partly, the photo's pixel shows the old background beside it. There, the
    layer's colours are changed so that the old background disappears, and the mask becomes denser if that needs it.

    Args:
        picture: sRGB-encoded.
        cover: result of `nearer`.
        layer: sRGB-encoded, straight alpha.
    """
    made, mask = layer.copy(), 1 - cover
    soft = (cover > 0) & (cover < 1)
    if not soft.any():
        return made, mask
    read = both_colours_rows(picture, cover)
    for rows in row_slices(cover.shape[0]):
        row, column = np.nonzero(soft[rows])
        if not row.size:
            continue
        at = row, column
        part = cover[rows][at][:, None]
        own, below = read(rows, at)[0], picture[rows][at][:, :3]
        change = part * own + (1 - part) * layer[rows][at][:, :3] - below
        room = np.where(change > 0, np.maximum(1 - below, 0), below)
        needed = (np.abs(change) / np.maximum(room, np.float32(_LEAST))).max(axis=1, keepdims=True)
        dense = np.clip(np.maximum(1 - part, needed), _LEAST, 1)
        colour = below + change / dense
        made[rows][row, column, :3] = colour.clip(0, np.maximum(1, below))
        mask[rows][at] = dense[:, 0]
    return made, mask
