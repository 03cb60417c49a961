"""Fill in the background behind the subject: with texture from elsewhere in it, or else smoothly.

Sources are searched on a reduced copy of the surroundings, and the pixels are copied from the full-size picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float32, Int32
from scipy import ndimage

from dioptre.imaging.exemplar import FINEST_PIXELS, Matches, continue_texture, is_small_enough
from dioptre.imaging.layers import Progress, Rows, no_progress
from dioptre.imaging.patch_match import RADIUS
from dioptre.imaging.pull_push import pull_push, pull_push_rows
from dioptre.imaging.resize import resize

_VISIBLE = 0.02  # coverage from which a pixel counts as the subject's
_INSIDE = 0.9  # coverage above which a pixel's depth is the subject's
_OPAQUE = 0.99
_MARGIN = 0.6  # the search covers this fraction of the hole's larger side beyond it, on all sides
_GUARD = 2  # the hole is widened by this many cells, because mattes end inside hair and blurred edges
_BAND = 2  # nothing is copied from fewer cells than this beyond the widened hole
_NEARER = 0.08  # a surface is in front of the subject if its disparity is higher by more than this
_NARROW = 0.25  # objects narrower than this fraction of the part's width can be in front of the background
_ENOUGH = 0.3  # they are used nevertheless if less than this fraction remains without them
_QUALITY_STD = 3.0  # smoothing of the matches' error, in cells
_POOR = 0.05, 0.09  # root mean square error of matches from which texture fades, and at which it is gone
_POOR_ON_AVERAGE = 0.03, 0.05  # the same for the mean over the hole, which is high where nothing fits together
_PLENTY = 0.5, 2.0  # ratios of source to hole: texture only at the rim, and texture everywhere
_RIM_CELLS = 12  # width of that rim
_ROUGH = 0.002, 0.006  # mean contrast of fine detail around the hole: smooth filling, and full texture
_RIM_PX, _CONTRAST_PX = 15, 61  # widths in cells over which colours at the rim, and their contrast, are averaged
_RIM_DEPTH = 10  # depth in cells to which the colours in the hole are compared
_RIM_FITS = 2.0, 3.5  # ratios of the difference of colour at the rim to what is usual there: texture, and none
_RIM_FITS_ON_AVERAGE = 0.8, 0.95  # the same for the median over the rim
_LEAST_TEXTURE = 0.6  # mean share of texture in the hole below which the whole hole is filled smoothly
_USUAL, _USUAL_CONTRAST = 0.03, 0.5  # the usual difference: a constant, and a fraction of the contrast
_RESIDUAL_STD = 1.5  # smoothing of the colour correction, in cells


@dataclass(frozen=True, kw_only=True)
class _Patchwork:
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
    """

    top: int
    left: int
    size: tuple[int, int]
    moves: Int32[np.ndarray, "h w 2"]
    residual: Float32[np.ndarray, "h w 3"]
    smooth: Float32[np.ndarray, "h w 3"]
    texture: Float32[np.ndarray, "h w"]
    cover: Float32[np.ndarray, "h w"]


def clean_background(
    image: Float32[np.ndarray, "h w c"],
    alpha: Float32[np.ndarray, "h w"],
    disparity: Float32[np.ndarray, "h w"],
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
    return textured or _beside_alpha(image, pull_push_rows(image[..., :3], alpha < _VISIBLE))


def textured_background(
    image: Float32[np.ndarray, "h w c"],
    alpha: Float32[np.ndarray, "h w"],
    disparity: Float32[np.ndarray, "h w"],
    *,
    progress: Progress = no_progress,
) -> Rows | None:
    """Return the function of `clean_background` if texture fits behind the subject, and else None."""
    hole = alpha >= _VISIBLE
    patchwork = _patchwork(image, alpha, hole, disparity, progress) if hole.any() and not hole.all() else None
    return None if patchwork is None else _beside_alpha(image, partial(_filled, image, patchwork))


def _beside_alpha(image: np.ndarray, colours: Rows) -> Rows:
    """Add the picture's own alpha channel, if it has one, to rows of colours."""
    if image.shape[2] == 3:
        return colours
    return lambda rows: np.concatenate([colours(rows), image[rows][..., 3:]], axis=-1)


def _patchwork(
    image: np.ndarray, alpha: np.ndarray, hole: np.ndarray, disparity: np.ndarray, progress: Progress
) -> _Patchwork | None:
    rows, columns = _surroundings(hole)
    size = rows.stop - rows.start, columns.stop - columns.start
    cells = _cells(hole[rows, columns])

    def reduced(plane: np.ndarray) -> np.ndarray:
        return resize(plane[rows, columns].astype(np.float32, copy=False), cells, method="area")

    picture, near, own = reduced(image[..., :3]), reduced(disparity), reduced(alpha)
    wide = _widened(reduced(hole) > 0, _GUARD)
    usable = _usable(near, own, wide)
    if image.shape[2] == 4:
        usable &= reduced(image[..., 3]) > _OPAQUE
    whole = _narrowed(usable, RADIUS)
    if wide.all() or not whole.any():
        return None
    behind = pull_push(near, whole.astype(np.float32))
    matches = continue_texture(picture, wide, usable, disparity=near, behind=behind, progress=progress)
    if matches is None:
        return None
    texture = _texture(picture, wide, usable, matches)
    if texture[wide].mean() < _LEAST_TEXTURE:
        return None
    inner = reduced(hole) > 0
    scale = np.array(size, np.float32) / np.array(cells, np.float32)
    return _Patchwork(
        top=rows.start,
        left=columns.start,
        size=size,
        moves=np.round(matches.moves * scale).astype(np.int32),
        residual=_residual(picture, matches),
        smooth=pull_push(picture, (~inner).astype(np.float32)),
        texture=texture,
        cover=np.maximum(ndimage.uniform_filter(texture * wide, 3), _widened(inner, 1)),
    )


def _usable(near: np.ndarray, own: np.ndarray, wide: np.ndarray) -> Bool[np.ndarray, "h w"]:
    """Return the cells to copy from: away from the subject, not in front of it, and not on narrow nearer objects.

    A ground or a wall extends sideways at the same depth, so a horizontal opening of the disparity keeps it, and
    removes posts, trunks and people.

    Args:
        near: disparity.
        own: coverage of the subject.
        wide: the widened hole.
    """
    usable = ~_widened(wide, _BAND)
    if not usable.any():
        return usable
    if (own > _INSIDE).any():
        usable &= near < pull_push(near, (own > _INSIDE).astype(np.float32)) + np.float32(_NEARER)
    beside = pull_push(near, usable.astype(np.float32))
    opened = ndimage.grey_opening(np.where(usable, near, beside), (1, max(3, int(_NARROW * near.shape[1]))))
    without_narrow: np.ndarray = usable & (near < opened + np.float32(_NEARER))
    return without_narrow if without_narrow.sum() > _ENOUGH * usable.sum() else usable


def _texture(
    picture: np.ndarray, wide: np.ndarray, usable: np.ndarray, matches: Matches
) -> Float32[np.ndarray, "h w"]:
    """Return how much of the texture to use: less where matches are poor, sources few, or the background smooth."""
    error = ndimage.gaussian_filter(np.sqrt(matches.distance), _QUALITY_STD)
    share = ndimage.gaussian_filter(matches.near.astype(np.float32), _QUALITY_STD)
    matched = 1 - _ramp(error / np.maximum(share, 1e-3), *_POOR)
    average = float(np.sqrt(matches.distance)[matches.near].mean())
    fitting = np.interp(average, _POOR_ON_AVERAGE, (1, 0))
    inwards = ndimage.distance_transform_edt(wide).astype(np.float32)
    plenty = usable.sum() / max(wide.sum(), 1)
    reach = inwards.max() * np.interp(plenty, _PLENTY, (0, 1))
    supported = 1 - _ramp(inwards, reach, 2 * reach + _RIM_CELLS)
    detail = np.abs(picture - ndimage.gaussian_filter(picture, (2, 2, 0))).mean(axis=2)
    rough = _ramp(ndimage.gaussian_filter(pull_push(detail, usable.astype(np.float32)), 4), *_ROUGH)
    texture: np.ndarray = fitting * matched * supported * rough * _fits_the_rim(picture, wide, matches, inwards)
    return texture.astype(np.float32)


def _fits_the_rim(
    picture: np.ndarray, wide: np.ndarray, matches: Matches, inwards: np.ndarray
) -> Float32[np.ndarray, "h w"]:
    """Return in how far the colours of the texture near the hole's rim agree with those outside it.

    They are compared with the smooth continuation of the surroundings. Deeper inside, the closest parts of the rim
    decide. `inwards` is the distance of each cell of the hole from its rim, in cells.
    """
    known = (~wide).astype(np.float32)
    smooth = pull_push(picture, known)
    rim = (wide & (inwards <= _RIM_DEPTH)).astype(np.float32)
    jump = np.abs(_mean_of(matches.filled - smooth, rim, _RIM_PX)).max(axis=2)
    middle = _mean_of(picture, known, _CONTRAST_PX)
    variance = _mean_of(picture**2, known, _CONTRAST_PX) - middle**2
    contrast = np.sqrt(np.maximum(variance, 0)).max(axis=2)
    unusual = jump / (_USUAL + _USUAL_CONTRAST * contrast)
    fits = 1 - _ramp(unusual, *_RIM_FITS)
    median = float(np.median(unusual[wide & (inwards <= 2)]))
    fits *= np.float32(np.interp(median, _RIM_FITS_ON_AVERAGE, (1, 0)))
    return pull_push(fits[..., None].astype(np.float32), rim)[..., 0]


def _mean_of(planes: np.ndarray, weight: np.ndarray, width: int) -> Float32[np.ndarray, "h w c"]:
    share = np.maximum(ndimage.uniform_filter(weight, width), 1e-6)
    mean: np.ndarray = ndimage.uniform_filter(planes * weight[..., None], (width, width, 1)) / share[..., None]
    return mean


def _ramp(values: np.ndarray, start: float, end: float) -> np.ndarray:
    ramp: np.ndarray = np.clip((values - start) / (end - start), 0, 1)
    return ramp


def _surroundings(hole: Bool[np.ndarray, "h w"]) -> tuple[slice, slice]:
    """Return the rows and columns to search: the hole's bounding box, with a margin."""
    spans = [np.flatnonzero(hole.any(axis=1 - axis)) for axis in (0, 1)]
    margin = int(_MARGIN * max(span[-1] + 1 - span[0] for span in spans)) + 16
    rows, columns = (
        slice(max(int(span[0]) - margin, 0), min(int(span[-1]) + 1 + margin, length))
        for span, length in zip(spans, hole.shape, strict=True)
    )
    return rows, columns


def _cells(hole: Bool[np.ndarray, "h w"]) -> tuple[int, int]:
    """Return the size of the grid on which a hole can be filled: the picture's, or a smaller one."""
    height, width = hole.shape
    pixels = float(min(FINEST_PIXELS, height * width))
    while True:
        scale = min((pixels / (height * width)) ** 0.5, 1.0)
        cells = max(int(height * scale), 1), max(int(width * scale), 1)
        covered = resize(hole.astype(np.float32), cells, method="area") > 0
        if is_small_enough(_widened(covered, _GUARD)) or pixels < 64:
            return cells
        pixels *= 0.8


def _widened(mask: Bool[np.ndarray, "h w"], cells: int) -> Bool[np.ndarray, "h w"]:
    widened: np.ndarray = ndimage.maximum_filter(mask, 2 * cells + 1)
    return widened


def _narrowed(mask: Bool[np.ndarray, "h w"], cells: int) -> Bool[np.ndarray, "h w"]:
    narrowed: np.ndarray = ndimage.minimum_filter(mask, 2 * cells + 1, mode="constant", cval=0)
    return narrowed


def _residual(picture: np.ndarray, matches: Matches) -> Float32[np.ndarray, "h w 3"]:
    """Return the smoothed difference between the votes of all patches and the copies, which hides seams."""
    height, width = matches.near.shape
    rows = np.clip(np.arange(height)[:, None] + matches.moves[..., 0], 0, height - 1)
    columns = np.clip(np.arange(width) + matches.moves[..., 1], 0, width - 1)
    copied, near = picture[rows, columns], matches.near.astype(np.float32)
    share = ndimage.gaussian_filter(near, _RESIDUAL_STD)
    difference = (matches.filled - copied) * near[..., None]
    smoothed = ndimage.gaussian_filter(difference, (_RESIDUAL_STD, _RESIDUAL_STD, 0))
    residual: np.ndarray = smoothed / np.maximum(share, 1e-3)[..., None]
    return residual


def _filled(image: np.ndarray, patchwork: _Patchwork, rows: slice) -> np.ndarray:
    """Return rows of the filled picture, without its alpha channel."""
    result = image[rows][..., :3].copy()
    (height, width), cells = patchwork.size, patchwork.cover.shape
    first, last = max(rows.start, patchwork.top), min(rows.stop, patchwork.top + height)
    if first >= last:
        return result
    down = (np.arange(first, last) - patchwork.top + 0.5) * (cells[0] / height) - 0.5
    across = (np.arange(width) + 0.5) * (cells[1] / width) - 0.5
    cover = _bilinear_rows(patchwork.cover, down, across)
    at = np.nonzero(cover > 0)
    if not at[0].size:
        return result
    corners = _corners(down[at[0]], across[at[1]], cells)
    place = at[0] + first - patchwork.top, at[1]
    part = image[patchwork.top :, patchwork.left :]
    filled = np.zeros((at[0].size, 3), np.float32)
    for cell, weight in corners:
        moves = patchwork.moves[cell]
        texture = patchwork.texture[cell][:, None]
        source = np.clip(place[0] + moves[:, 0], 0, height - 1), np.clip(place[1] + moves[:, 1], 0, width - 1)
        colours = texture * (part[(*source, slice(3))] + patchwork.residual[cell])
        filled += weight[:, None] * (colours + (1 - texture) * patchwork.smooth[cell])
    target = result[first - rows.start : last - rows.start, patchwork.left : patchwork.left + width]
    share = cover[at][:, None]
    target[at] += share * (np.clip(filled, 0, None) - target[at])
    return result


def _bilinear_rows(plane: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    rows, columns = (np.broadcast_to(each, (len(down), len(across))) for each in (down[:, None], across[None]))
    total = np.zeros(rows.shape, np.float32)
    for cell, weight in _corners(rows, columns, plane.shape):
        total += weight * plane[cell]
    return total


def _corners(
    down: np.ndarray, across: np.ndarray, cells: tuple[int, ...]
) -> list[tuple[tuple[np.ndarray, np.ndarray], np.ndarray]]:
    """Return the four cells around each position, and their weights in bilinear interpolation."""
    top, left = np.floor(down).astype(np.int32), np.floor(across).astype(np.int32)
    below, right = (down - top).astype(np.float32), (across - left).astype(np.float32)
    return [
        (
            (np.clip(top + j, 0, cells[0] - 1), np.clip(left + i, 0, cells[1] - 1)),
            (below if j else 1 - below) * (right if i else 1 - right),
        )
        for j in (0, 1)
        for i in (0, 1)
    ]
