"""Estimate the subject's own colours where the background shows through: hair, fur and out-of-focus edges."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import Disparity, Matte, Picture, Plane, Rows

from .pull_push import pull_push_rows

INSIDE = 0.98
"""Coverage above which only the subject is visible."""

_OUTSIDE = 0.02  # coverage below which only the background is visible
_LEAST = 0.02  # lower limit of the coverage by which colours are divided
_TELLING = 0.25  # coverage from which a colour may deviate by the whole of `_FREEDOM`
_NEAREST_PX = 1024  # longest side of the map on which the nearest depths are searched
_BAND = 256  # rows that are computed at a time
_FREEDOM = 0.12  # largest deviation of a colour from the nearby interior's; limits the effect of a wrong alpha


def foreground_rows(image: Picture, alpha: Matte) -> Rows:
    """Return a function that computes rows of the subject's colours, as if the subject covered every pixel.

    Each pixel mixes the subject's colour, weighted by alpha, with the background's. The background is extrapolated
    from around the subject and subtracted; the remaining colour may differ only slightly from those of the nearby
    interior.

    Args:
        image: the picture; channels after the third are ignored.
        alpha: coverage of the subject, in [0, 1].

    Returns:
        A function that maps a slice of rows to colours of shape (n, w, 3).
    """
    colours = image[..., :3]
    inside, outside = pull_push_rows(colours, alpha > INSIDE), pull_push_rows(colours, alpha < _OUTSIDE)
    nothing_sure = not bool((alpha > INSIDE).any())

    def read(rows: slice) -> np.ndarray:
        seen, cover = colours[rows], alpha[rows][..., None]
        own: np.ndarray = (seen - (1 - cover) * outside(rows)) / np.maximum(cover, np.float32(_LEAST))
        if not nothing_sure:
            near = inside(rows)
            freedom = np.float32(_FREEDOM) * np.clip(cover / np.float32(_TELLING), 0, 1)
            own = np.clip(own, near - freedom, near + freedom)
        sure = np.clip((cover - np.float32(INSIDE)) / np.float32(1 - INSIDE), 0, 1)
        return np.clip(own + sure * (seen - own), 0, None)

    return read


def with_own_colours(image: Picture, alpha: Matte) -> Rows:
    """Return a function that computes rows of the isolated subject, for use on any new background.

    Args:
        image: the picture; channels after the third are ignored.
        alpha: coverage of the subject, in [0, 1].

    Returns:
        A function that maps a slice of rows to colours with straight alpha, of shape (n, w, 4).
    """
    colours = foreground_rows(image, alpha)
    return lambda rows: np.concatenate([colours(rows), alpha[rows][..., None]], axis=-1)


def with_background_colours(
    image: Picture,
    alpha: Matte,
    disparity: Disparity,
    *,
    sharp: float,
) -> Picture:
    """Return the picture with the background's colours where a blurred subject in front of it has its depth.

    There, hair and soft edges would stay sharp on a sharp background. Each place is compared with the subject and
    the background around it, because the parts of a subject may stand at several depths, in front of the focus and
    in it, and a foreground may hide some of them.

    Args:
        image: the picture; channels after the third are kept.
        alpha: coverage of the subject, in [0, 1].
        disparity: nearer surfaces have higher values.
        sharp: the nearest disparity that stays sharp; parts of the subject up to it are left alone.
    """
    inside, outside = alpha > INSIDE, alpha < _OUTSIDE
    if not outside.any() or not (disparity[inside] > sharp).any():
        return image
    step = -(-max(alpha.shape) // _NEAREST_PX)
    subject, behind = (_nearest(disparity, known, step) for known in (inside, outside))
    colours, result = pull_push_rows(image[..., :3], outside), image.copy()
    columns = np.arange(alpha.shape[1]) // step
    for top in range(0, len(image), _BAND):
        rows = slice(top, min(top + _BAND, len(image)))
        small = np.ix_(np.arange(rows.start, rows.stop) // step, columns)
        own, around = subject[small], behind[small]
        at = (own > sharp) & (around < own) & (disparity[rows] < (own + around) / 2) & ~outside[rows]
        result[rows][..., :3][at] = colours(rows)[at]
    return result


def _nearest(values: Plane, known: Bool[np.ndarray, "h w"], step: int) -> Float32[np.ndarray, "i j"]:
    """Return the value of the nearest known pixel, at every `step`-th row and column.

    Unlike smooth extrapolation, this does not mix objects that stand beside each other at different depths.
    """
    values, known = values[::step, ::step], known[::step, ::step]
    if not known.any():
        return values
    places = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(places)])
