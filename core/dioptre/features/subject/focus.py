"""Determine the disparity on which a lens must focus for the subject to be sharp."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy import ndimage

from dioptre.imaging.numbers import within_unit, without_nan
from dioptre.imaging.resize import fitted_size, resize
from dioptre.optics.existing_defocus import parts_defocus_px
from dioptre_link.catalogue.focus import USUAL_FOCUS_RANGE

from .components import label_regions
from .faces import Faces
from .region import centre_prior

_SIDE_PX = 320  # side, in pixels, of the working square, to which all maps are resized first
_RANGE_PERCENTILES = (5.0, 95.0)
_STEEP = 0.06  # disparity step between neighbouring pixels of the working square that separates two objects
_OF_WEIGHT = 0.1  # the lens may focus on a part that covers at least this fraction of the subject
_APART = 0.12  # parts whose disparities differ by at least this much cannot both be in focus
_SHARPEST = (
    # A part counts as sharp, too, if its blur radius exceeds that of the sharpest part by at most this fraction of
    # the picture's diagonal.
    6e-4
)
_WORKING_PIXELS = 2_000_000
_DEPTH_COST = 4.0  # cost of a disparity difference of 1 when a point is chosen; one picture width costs 1


class Focus(NamedTuple):
    """Where a lens focuses on a subject.

    Attributes:
        disparity: the focal disparity.
        extent: the 5th and 95th percentiles of the subject's disparity, widened to include the focus.
        at: (x, y), the point in focus, as fractions of the picture's width and height.
    """

    disparity: float
    extent: tuple[float, float]
    at: tuple[float, float]


def focus_of(
    image: Float32[np.ndarray, "H W c"],
    alpha: Float32[np.ndarray, "h w"],
    disparity: Float32[np.ndarray, "h w"],
    *,
    at: tuple[float, float] | None = None,
    faces: Faces | None = None,
    single: bool = False,
) -> Focus:
    """Return the focus on a subject.

    It is on the nearest of the subject's large faces, or else of its heads. On other things it is on their median
    disparity. The subject's rim is ignored because depth maps are inaccurate there. If the faces or the parts of a
    subject lie at several depths, the focus is on those that are sharp in the picture, and in a scene on one of
    these: the median of several would lie between them, where there may be nothing, or anything else.

    Args:
        image: (H, W, 3 or 4), sRGB-encoded, at the size of `alpha` or larger.
        alpha: (h, w), coverage of the subject.
        disparity: (h, w) in [0, 1], 1 = nearest.
        at: (x, y) in pixels of `alpha`, the point to focus on. Default: the subject's face or median.
        faces: where the picture shows faces, on the working square.
        single: focus on one part only, preferably large, near and central, as in a scene without a subject.
    """
    height, width = alpha.shape
    near, weight = _small(alpha, disparity)
    low, high = (_quantile(near, weight, percent / 100) for percent in _RANGE_PERCENTILES)
    if at is not None:
        place = (at[0] / width, at[1] / height)
        focal = _disparity_at(near, alpha, place)
    elif faces is not None and (face := _nearest_face(image, near, weight, faces)) is not None:
        place, focal = faces.middle(face), float(np.median(near[face]))
    else:
        weight = weight * _in_focus(image, alpha, disparity, single=single)
        focal = _quantile(near, weight, 0.5)
        place = _middle_at(near, weight, focal)
    return Focus(focal, (min(low, focal), max(high, focal)), place)


def parts_of(
    alpha: Float32[np.ndarray, "h w"], disparity: Float32[np.ndarray, "h w"]
) -> tuple[Int[np.ndarray, "s s"], dict[int, float]]:
    """Split a subject into parts that are separated by depth steps.

    Returns:
        Labels of the parts on the working square, 0 outside them; and the median disparity of each part that covers
        a tenth or more of the subject.
    """
    near, weight = _small(alpha, disparity)
    step = ndimage.maximum_filter(near, 3) - ndimage.minimum_filter(near, 3)
    labels, count = label_regions((weight > 0) & (step < _STEEP))
    shares = np.bincount(labels.ravel(), weight.ravel(), count + 1) / weight.sum()
    large = [part for part in range(1, count + 1) if shares[part] >= _OF_WEIGHT]
    return labels, {part: float(np.median(near[labels == part])) for part in large}


def _small(alpha: np.ndarray, disparity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the disparity and the weight of the subject at each pixel of the working square."""
    near = resize(without_nan(disparity), (_SIDE_PX, _SIDE_PX), method="area")
    weight = np.clip(resize(alpha, near.shape, method="area") * 2 - 1, 0, 1) ** 2
    return near, weight if weight.sum() >= 1.0 else np.ones_like(weight)


def _quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    order = np.argsort(values, axis=None)
    passed = np.cumsum(weight.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(passed, share * passed[-1])])


def _in_focus(
    image: np.ndarray, alpha: np.ndarray, disparity: np.ndarray, *, single: bool
) -> Bool[np.ndarray, "s s"]:
    """Return a mask of the sharp parts, or the most prominent of them; True everywhere if all lie at one depth."""
    labels, parts = parts_of(alpha, disparity)
    everywhere = np.ones(labels.shape, bool)
    sharp = _sharpest(image, disparity, labels, parts)
    if single and len(sharp) > 1 and np.ptp(list(parts.values())) >= _APART:
        central = centre_prior(labels.shape)
        sharp = [max(sharp, key=lambda part: parts[part] * float(central[labels == part].sum()))]
    return np.isin(labels, sharp) if len(sharp) < len(parts) else everywhere


def _sharpest(
    image: np.ndarray, disparity: np.ndarray, labels: Int[np.ndarray, "s s"], parts: dict[int, float]
) -> list[int]:
    """Return the parts that are sharp in the picture; all of them if none is, or if all can be in focus at once.

    Args:
        image: as in `focus_of`.
        disparity: (h, w), at the size of the coverage or of `labels`.
        labels: (s, s), labels of the parts.
        parts: disparity of each part by its label.
    """
    if not parts or np.ptp(list(parts.values())) < _APART:
        return list(parts)
    size = fitted_size((image.shape[0], image.shape[1]), pixels=_WORKING_PIXELS)
    seen = within_unit(without_nan(resize(image[..., :3], size, method="area"), infinite=1.0))
    larger = size[0] > disparity.shape[0]
    near = resize(without_nan(disparity), size, method="bilinear" if larger else "area")
    radii = parts_defocus_px(seen, near, labels, max(parts))
    measured = {part: radius for part in parts if (radius := radii[part - 1]) is not None}
    most = min(measured.values(), default=0.0) + _SHARPEST * float(np.hypot(*size))
    return [part for part, radius in measured.items() if radius <= most] or list(parts)


def _nearest_face(
    image: np.ndarray, near: np.ndarray, weight: np.ndarray, faces: Faces
) -> Bool[np.ndarray, "s s"] | None:
    """Return the mask of the nearest sharp face, or of the largest of those about as near; None without a face."""
    labels, found = faces.inside(weight > 0)
    depths = {face: float(np.median(near[labels == face])) for face in found}
    sharp = _sharpest(image, near, labels, depths)
    if not sharp:
        return None
    nearest = max(depths[face] for face in sharp)
    chosen: np.ndarray = labels == next(face for face in sharp if depths[face] >= nearest - USUAL_FOCUS_RANGE)
    return chosen


def _middle_at(near: np.ndarray, weight: np.ndarray, focal: float) -> tuple[float, float]:
    """Return the point (x, y) of a thing that is nearest its middle among those at the focal disparity."""
    side = near.shape[0]
    rows, columns = (axis / side for axis in np.indices(near.shape) + 0.5)
    middle = [float((weight * axis).sum() / weight.sum()) for axis in (rows, columns)]
    cost = np.hypot(rows - middle[0], columns - middle[1]) + _DEPTH_COST * np.abs(near - focal)
    place = np.argmin(np.where(weight > 0, cost, np.inf))
    return float(columns.flat[place]), float(rows.flat[place])


def _disparity_at(near: np.ndarray, alpha: np.ndarray, at: tuple[float, float]) -> float:
    """Return the median disparity of the subject near a point.

    Args:
        near: (s, s), disparity on the working square.
        alpha: (h, w), coverage of the subject.
        at: (x, y) as fractions of the picture's width and height; the median is taken within a fiftieth of the
            working square's side in each direction.
    """
    side = near.shape[0]
    x, y = (min(int(share * side), side - 1) for share in at)
    reach = max(1, side // 50)
    window = (slice(max(y - reach, 0), y + reach + 1), slice(max(x - reach, 0), x + reach + 1))
    chosen = resize(alpha, near.shape, method="area")[window] > 0.5
    return float(np.median(near[window][chosen] if chosen.any() else near[y, x]))
