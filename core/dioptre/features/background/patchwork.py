"""Fill a hole on a grid of cells, with pixels copied from elsewhere in the full-size picture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool, Float32, Int32
from scipy import ndimage

from dioptre.contract import Matte, Plane, Rows
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import cells_beside, interpolated, resize

_MOST_CELLS, _MOST_NEAR_HOLE = 1 << 18, 1 << 16  # limits of all cells, and of those in or near the hole
_NEAR_HOLE = 3  # cells
_MARGIN = 0.6  # the search covers this fraction of the hole's larger side beyond it, on all sides
# The hole is widened by at least so many cells, because mattes end inside hair and blurred edges, and by this
# fraction of the width of their soft edge, up to the last number of cells.
GUARD_CELLS, _TAIL, _LONGEST_TAIL = 2, 0.5, 8
_CORE = 0.5  # coverage from which a matte's soft edge begins
_BAND = 2  # nothing is copied from fewer cells than this beyond the widened hole
_NEARER_GROUND = 0.25  # the same for what extends sideways: a ground is nearer than the feet of who stands on it
_NEARER = 0.08  # a surface is in front of the subject if its disparity is higher by more than this
_NARROW = 0.25  # objects narrower than this fraction of the part's width can be in front of the background
_ENOUGH = 0.3  # they are used nevertheless if less than this fraction remains without them
_ROWS_STD = 2.0  # smoothing across rows, in cells
_INSIDE = 0.9  # coverage above which a pixel's depth is the subject's


@dataclass(frozen=True, kw_only=True)
class Patchwork:
    """How to fill a part of the picture, on a grid of cells.

    Attributes:
        top: first row of the part.
        left: first column of the part.
        size: height and width of the part, in pixels.
        moves: differences in rows and columns from a pixel to its source, in pixels, for each cell.
        residual: colours to add to the copied ones.
        smooth: the smooth filling.
        texture: how much of the texture is used instead of the smooth filling, in [0, 1].
        cover: how much of the picture is replaced, in [0, 1].
        grain: a tile of the grain that is added to the smooth filling.
    """

    top: int
    left: int
    size: tuple[int, int]
    moves: Int32[np.ndarray, "h w 2"]
    residual: Float32[np.ndarray, "h w 3"]
    smooth: Float32[np.ndarray, "h w 3"]
    texture: Plane
    cover: Matte
    grain: Float32[np.ndarray, "t t 3"]


def beside_alpha(image: np.ndarray, colours: Rows) -> Rows:
    """Add the picture's own alpha channel, if it has one, to rows of colours."""
    if image.shape[2] == 3:
        return colours
    return lambda rows: np.concatenate([colours(rows), image[rows][..., 3:]], axis=-1)


def usable_cells(
    near: np.ndarray, own: np.ndarray, wide: np.ndarray, *, band: int = _BAND
) -> Bool[np.ndarray, "h w"]:
    """Return the cells to copy from: away from the subject, not in front of it, and not on narrow nearer objects.

    A ground or a wall extends sideways at the same depth, so a horizontal opening of the disparity keeps it, and
    removes posts, trunks and people.

    Args:
        near: disparity.
        own: coverage of the subject.
        wide: the widened hole.
        band: cells around it that are not used.
    """
    usable = ~widened(wide, band)
    if not usable.any():
        return usable
    beside = pull_push(near, usable.astype(np.float32))
    opened = ndimage.grey_opening(np.where(usable, near, beside), (1, max(3, int(_NARROW * near.shape[1]))))
    is_wide = near < opened + np.float32(_NEARER)
    if (own > _INSIDE).any():
        of_subject = pull_push(near, (own > _INSIDE).astype(np.float32))
        usable &= near < of_subject + np.where(is_wide, np.float32(_NEARER_GROUND), np.float32(_NEARER))
    without_narrow: np.ndarray = usable & is_wide
    return without_narrow if without_narrow.sum() > _ENOUGH * usable.sum() else usable


def disparity_behind(near: np.ndarray, usable: np.ndarray) -> Plane:
    """Return the disparity of the surface that continues behind the hole.

    A ground extends sideways at the same depth, so each row continues between its own usable cells. The smooth
    continuation of all cells is used where it lies farther away; elsewhere, nearer things below a tall hole would
    raise it too much.

    Args:
        near: disparity.
        usable: the cells that show this surface.
    """
    behind = pull_push(near, usable.astype(np.float32))
    across = np.arange(near.shape[1])
    rows = behind.copy()
    for row, values, known in zip(rows, near, usable, strict=True):
        if known.any():
            row[:] = np.interp(across, across[known], values[known])
    return np.minimum(behind, ndimage.gaussian_filter(rows, (_ROWS_STD, 0)))


def surroundings(hole: Bool[np.ndarray, "h w"]) -> tuple[slice, slice]:
    """Return the rows and columns to search: the hole's bounding box, with a margin."""
    spans = [np.flatnonzero(hole.any(axis=1 - axis)) for axis in (0, 1)]
    margin = int(_MARGIN * max(span[-1] + 1 - span[0] for span in spans)) + 16
    rows, columns = (
        slice(max(int(span[0]) - margin, 0), min(int(span[-1]) + 1 + margin, length))
        for span, length in zip(spans, hole.shape, strict=True)
    )
    return rows, columns


def cells_of(hole: Bool[np.ndarray, "h w"]) -> tuple[int, int]:
    """Return the size of the grid on which a hole is filled: the picture's, unless that has too many cells."""
    height, width = hole.shape
    pixels = float(min(_MOST_CELLS, height * width))
    while True:
        scale = min((pixels / (height * width)) ** 0.5, 1.0)
        cells = max(int(height * scale), 1), max(int(width * scale), 1)
        covered = resize(hole.astype(np.float32), cells, method="area") > 0
        near = widened(covered, GUARD_CELLS + _NEAR_HOLE)[_NEAR_HOLE:-_NEAR_HOLE, _NEAR_HOLE:-_NEAR_HOLE]
        if (near.sum() <= _MOST_NEAR_HOLE and cells[0] * cells[1] <= _MOST_CELLS) or pixels < 64:
            return cells
        pixels *= 0.8


def widened(mask: Bool[np.ndarray, "h w"], cells: int) -> Bool[np.ndarray, "h w"]:
    """Return the mask, widened by this many cells on all sides."""
    wide: np.ndarray = ndimage.maximum_filter(mask, 2 * cells + 1)
    return wide


def with_tails(covered: Bool[np.ndarray, "h w"], own: Plane) -> Bool[np.ndarray, "h w"]:
    """Return the cells of a hole and those around it that may still show the subject.

    Where the matte fades out slowly, as around hair, what it cannot see any more reaches farther.

    Args:
        covered: the cells of which the subject covers anything.
        own: coverage of each cell.
    """
    edge = ndimage.distance_transform_edt(own < min(_CORE, float(own.max())))
    away, nearest = ndimage.distance_transform_edt(~covered, return_indices=True)
    wide: np.ndarray = away <= GUARD_CELLS + np.minimum(_TAIL * edge[tuple(nearest)], _LONGEST_TAIL)
    return wide


def narrowed(mask: Bool[np.ndarray, "h w"], cells: int) -> Bool[np.ndarray, "h w"]:
    """Return the mask, narrowed by this many cells on all sides, the ends of the picture included."""
    narrow: np.ndarray = ndimage.minimum_filter(mask, 2 * cells + 1, mode="constant", cval=0)
    return narrow


def filled_rows(image: np.ndarray, patchwork: Patchwork, rows: slice) -> np.ndarray:
    """Return rows of the filled picture, without its alpha channel."""
    result = image[rows][..., :3].copy()
    (height, width), cells = patchwork.size, patchwork.cover.shape
    first, last = max(rows.start, patchwork.top), min(rows.stop, patchwork.top + height)
    if first >= last:
        return result
    down = cells_beside(np.arange(first, last) - patchwork.top, height, cells[0])
    across = cells_beside(np.arange(width), width, cells[1])
    cover = interpolated(patchwork.cover, down, across)
    at = np.nonzero(cover > 0)
    if not at[0].size:
        return result
    plain = 1 - patchwork.texture[..., None]
    added = patchwork.residual + plain * (patchwork.smooth - patchwork.residual)
    place = at[0] + first - patchwork.top, at[1]
    # Channels come first, because loops over three values are slow.
    filled = interpolated(added, down, across)[at].T.copy()
    texture = interpolated(patchwork.texture, down, across)[at]
    flat, grain = np.flatnonzero(texture < 1), patchwork.grain
    filled[:, flat] += (1 - texture[flat]) * grain[tuple(each[flat] % len(grain) for each in place)].T
    colours, moves = image.reshape(-1, image.shape[2]), patchwork.moves.reshape(-1, 2)
    # Between cells with equal moves, all four copies are the same pixel.
    equal = _with_equal_moves(patchwork.moves)[down[0].cell[at[0]], across[0].cell[at[1]]]
    for some, corners in (
        (np.flatnonzero(equal & (texture > 0)), [(down[0], across[0])]),
        (np.flatnonzero(~equal & (texture > 0)), list(product(down, across))),
    ):
        (row, column), (y, x) = (each[some] for each in at), (each[some] for each in place)
        for corner in corners:
            cell = corner[0].cell[row] * cells[1] + corner[1].cell[column]
            weight = texture[some]
            if len(corners) > 1:
                weight = corner[0].weight[row] * corner[1].weight[column] * patchwork.texture.reshape(-1).take(cell)
            down_by, across_by = moves.take(cell, 0).T
            source = (np.clip(y + down_by, 0, height - 1) + patchwork.top) * image.shape[1]
            source += np.clip(x + across_by, 0, width - 1) + patchwork.left
            for channel, copied in enumerate(colours.take(source, 0).T[:3]):
                filled[channel][some] += weight * copied
    np.clip(filled, 0, None, out=filled)
    share, target = cover[at], (place[0] + patchwork.top - rows.start) * image.shape[1] + place[1] + patchwork.left
    for shown, own in zip(result.reshape(-1, 3).T, filled, strict=True):
        seen = shown[target]
        shown[target] = seen + share * (own - seen)
    return result


def _with_equal_moves(moves: Int32[np.ndarray, "h w 2"]) -> Bool[np.ndarray, "h w"]:
    """Return whether each cell and those on its right, below it and between them have equal moves."""
    equal = np.ones(moves.shape[:2], np.bool_)
    for down, across in ((0, 1), (1, 0), (1, 1)):
        moved = np.pad(moves, ((0, down), (0, across), (0, 0)), mode="edge")[down:, across:]
        equal &= (moves == moved).all(axis=-1)
    return equal
