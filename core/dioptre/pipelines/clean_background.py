"""Fill in the background behind the subject: with texture from elsewhere in it, or else smoothly.

Sources are searched on a reduced copy of the surroundings, and the pixels are copied from the full-size picture.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from dioptre.imaging.exemplar import Matches, continue_texture
from dioptre.imaging.layers import Progress, Rows, no_progress
from dioptre.imaging.patch_match import RADIUS
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

_VISIBLE = 0.02  # coverage from which a pixel counts as the subject's
_OPAQUE = 0.99
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
    return textured or beside_alpha(image, pull_push_rows(image[..., :3], alpha < _VISIBLE))


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
    usable = usable_cells(near, own, wide)
    if image.shape[2] == 4:
        usable &= reduced(image[..., 3]) > _OPAQUE
    whole = narrowed(usable, RADIUS)
    if wide.all() or not whole.any():
        return None
    behind = disparity_behind(near, whole)
    matches = continue_texture(picture, wide, usable, disparity=near, behind=behind, progress=progress)
    if matches is None:
        return None
    texture = _texture(picture, wide, usable, matches)
    if texture[wide].mean() < _LEAST_TEXTURE:
        return None
    inner = reduced(hole) > 0
    scale = np.array(size, np.float32) / np.array(cells, np.float32)
    return Patchwork(
        top=rows.start,
        left=columns.start,
        size=size,
        moves=np.round(matches.moves * scale).astype(np.int32),
        residual=_residual(picture, matches),
        smooth=pull_push(picture, (~inner).astype(np.float32)),
        texture=texture,
        cover=np.maximum(ndimage.uniform_filter(texture * wide, 3), widened(inner, 1)),
    )


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
