"""Fill in the background behind the subject: with texture from elsewhere in it, or else smoothly.

Sources are searched on a reduced copy of the surroundings, and the pixels are copied from the full-size picture.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import ndimage

from dioptre.contract import Disparity, Matte, Picture, Progress, Rows, no_progress
from dioptre.imaging.pull_push import pull_push, pull_push_rows
from dioptre.imaging.resize import resize

from .patchwork import (
    GUARD_CELLS,
    Patchwork,
    beside_alpha,
    cells_of,
    disparity_behind,
    filled_rows,
    narrowed,
    surroundings,
    usable_cells,
    widened,
)
from .seams import seam_correction
from .shift_map import Surroundings, continue_by_shifts

_VISIBLE = 0.02  # coverage from which a pixel counts as the subject's
_OPAQUE = 0.99
_EDGE_CELLS = 3  # cells at the edge of a surface whose depth is mixed
_BESIDE_NEARER = 2  # cells this close to nearer surfaces are not copied, because they show some of them
_LEAST_KNOWN = 0.3  # fraction of the rim at which the copies must fit; if less of it counts, all of it does
_MOST_ENERGY = 0.4  # energy of copies and seams relative to a smooth filling's from which copies do not fit
_LEAST_TEXTURE = 0.6  # fraction of the hole that is copied below which the whole hole is filled smoothly


def clean_background(
    image: Picture,
    alpha: Matte,
    disparity: Disparity,
    *,
    progress: Progress = no_progress,
) -> Rows:
    """Return a function that computes rows of the picture without its subject.

    Args:
        image: (H, W, 3) or (H, W, 4), sRGB-encoded, straight alpha.
        alpha: coverage of the subject, in [0, 1].
        disparity: of the picture, in [0, 1], 1 = nearest; the texture comes from surfaces like those around the
            subject, and not from nearer ones.
        progress: called with the fraction done; raises Cancelled to stop.

    Returns:
        A function that maps a slice of rows to the pixels, with as many channels as `image`.
    """
    textured = textured_background(image, alpha, disparity, progress=progress)
    return textured or beside_alpha(image, pull_push_rows(image[..., :3], alpha < _VISIBLE))


def textured_background(
    image: Picture,
    alpha: Matte,
    disparity: Disparity,
    *,
    progress: Progress = no_progress,
) -> Rows | None:
    """Return the function of `clean_background` if texture fits behind the subject, and else None."""
    hole = alpha >= _VISIBLE
    patchwork = _patchwork(image, alpha, hole, disparity, progress) if hole.any() and not hole.all() else None
    return None if patchwork is None else beside_alpha(image, partial(filled_rows, image, patchwork))


def _patchwork(
    image: np.ndarray, alpha: np.ndarray, hole: np.ndarray, disparity: np.ndarray, progress: Progress
) -> Patchwork | None:
    rows, columns = surroundings(hole)
    size = rows.stop - rows.start, columns.stop - columns.start
    cells = cells_of(hole[rows, columns])

    def reduced(plane: np.ndarray) -> np.ndarray:
        return resize(plane[rows, columns].astype(np.float32, copy=False), cells, method="area")

    picture, near, own = reduced(image[..., :3]), reduced(disparity), reduced(alpha)
    wide = widened(reduced(hole) > 0, GUARD_CELLS)
    usable, known = usable_cells(near, own, wide), usable_cells(near, own, wide, band=0)
    if image.shape[2] == 4:
        usable &= reduced(image[..., 3]) > _OPAQUE
    whole = narrowed(usable, _EDGE_CELLS)
    if wide.all() or not whole.any():
        return None
    usable &= ~widened(~known & ~wide, _BESIDE_NEARER)
    if known[widened(wide, 1) & ~wide].mean() < _LEAST_KNOWN:
        known = ~wide
    behind = disparity_behind(near, whole)
    visible = (~wide).astype(np.float32)
    picture = np.where(wide[..., None], pull_push(picture, visible), picture)
    around = Surroundings(
        picture=picture,
        hole=wide,
        known=known,
        source=usable,
        disparity=near,
        behind=behind,
    )
    found = continue_by_shifts(around, progress=progress)
    if found is None or found.energy > _MOST_ENERGY or found.copied.sum() < _LEAST_TEXTURE * wide.sum():
        return None
    residual = seam_correction(picture, wide, found.moves)
    scale = np.array(size, np.float32) / np.array(cells, np.float32)
    return Patchwork(
        top=rows.start,
        left=columns.start,
        size=size,
        moves=np.round(found.moves * scale).astype(np.int32),
        residual=residual,
        smooth=picture + residual,
        texture=found.copied.astype(np.float32),
        cover=np.maximum(ndimage.uniform_filter(wide.astype(np.float32), 3), widened(reduced(hole) > 0, 1)),
    )
