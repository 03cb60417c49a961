"""Subjects made up of several objects: the object found first, with others that the user adds or removes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.imaging.layers import Inputs, Progress, no_progress
from dioptre.imaging.matting import refine_matte
from dioptre.imaging.numbers import without_nan
from dioptre.imaging.regions import label_regions, travel_cost
from dioptre.imaging.resize import resize
from dioptre_link.catalogue.subject import ADDS, REMOVES

from .cut_out import cut_out_quickly
from .region import grown, travel_features
from .subject import Subject, kept_subject
from .subject_focus import focus_of
from .subject_places import CROPS, Box, closer_look
from .subject_views import SIDE_PX, Views, opaque

Point = tuple[float, float]
Mask = Bool[np.ndarray, "s s"]

# An object found in a connected part of the mask counts as a separate object only if it covers less than this
# fraction of the part.
_PART_OF = 0.7
_REACH_PX = 3  # distance, in pixels at the network's resolution, by which a click on a subject may miss its mask
_LEAST_OTHER = 0.02  # parts smaller than this fraction of the clicked part's area do not count as objects


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The user's choice of a subject; all points are (x, y) in pixels of the picture.

    Attributes:
        at: point on the object that is the subject; None to find it automatically.
        box: (left, top, right, bottom) around the subject, instead of a point.
        added: points on further objects that belong to the subject.
        removed: points on objects that do not belong to it.
    """

    at: Point | None = None
    box: Box | None = None
    added: tuple[Point, ...] = ()
    removed: tuple[Point, ...] = ()

    @staticmethod
    def of(options: Mapping[str, Any]) -> Choice:
        """Read the choice from an operation's checked options."""
        return Choice(
            at=options.get("focus"), box=options.get("box"), added=options[ADDS], removed=options[REMOVES]
        )


def chosen_subject(
    inputs: Inputs,
    disparity: Float32[np.ndarray, "h w"],
    choice: Choice,
    *,
    standing: bool = False,
    quick: bool = False,
    progress: Progress = no_progress,
) -> Subject:
    """Find the subject of a picture as chosen by the user.

    Each object comes from the step cache if it was found before.

    Args:
        inputs: inputs of the operation.
        disparity: (H, W) in [0, 1], 1 = nearest, at the size of `inputs.picture`.
        choice: the user's choice.
        standing: as in `kept_subject`.
        quick: as in `kept_subject`.
        progress: as in `kept_subject`.

    Returns:
        Subject: the subject; if everything was removed, its `alpha` is 0 and `found` is False.

    Raises:
        UsageError: a point lies outside the picture.
        WeightsError: the networks' weights are missing.
    """
    main = kept_subject(
        inputs, disparity, at=choice.at, box=choice.box, standing=standing, quick=quick, progress=progress
    )
    if not choice.added and not choice.removed:
        return main
    parts = [main] if main.found or not choice.added else []
    alpha = main.alpha.copy() if parts else np.zeros_like(main.alpha)
    for point in choice.added:
        if _at(alpha, point) < 0.5:
            part = kept_subject(inputs, disparity, at=point, quick=quick, progress=progress)
            np.maximum(alpha, part.alpha, out=alpha)
            parts.append(part)
    seen = inputs.picture if quick or inputs.whole is None else inputs.whole
    if choice.removed:
        alpha = _without(Views(seen, cache=inputs.cache), inputs.picture, alpha, disparity, choice, quick=quick)
    found = bool((alpha > 0.5).any())
    messages = () if found else ("No subject is left. Click to choose one.",)
    focal, extent = focus_of(seen, alpha, disparity, at=choice.at)
    return replace(
        main,
        alpha=alpha,
        focal_disparity=focal,
        disparity_range=extent,
        kind=("subject" if all(part.is_sure for part in parts) else "point") if found else "region",
        found=found,
        confidence=min((part.confidence for part in parts), default=0.0),
        chance=1.0,
        messages=messages,
    )


def _at(alpha: Float32[np.ndarray, "h w"], point: Point) -> float:
    row, column = (min(int(value), side - 1) for value, side in zip(point[::-1], alpha.shape, strict=True))
    return float(alpha[row, column])


def _without(
    views: Views,
    image: Float32[np.ndarray, "h w c"],
    alpha: Float32[np.ndarray, "h w"],
    disparity: Float32[np.ndarray, "h w"],
    choice: Choice,
    *,
    quick: bool,
) -> Float32[np.ndarray, "h w"]:
    """Remove from the coverage the objects that the user excluded; `quick` as in `kept_subject`."""
    size = alpha.shape[0], alpha.shape[1]
    near = resize(without_nan(disparity), (SIDE_PX, SIDE_PX), method="area")
    kept = [_place(point, size) for point in (*choice.added, *(() if choice.at is None else (choice.at,)))]
    for point in choice.removed:
        mask = resize(alpha, (SIDE_PX, SIDE_PX), method="area") > 0.5
        place = _onto(mask, _place(point, size))
        if place is None:
            continue
        whole = _other_thing(mask, place, kept)
        if whole is not None:
            share = resize(whole.astype(np.float32), size, method="bilinear")
        else:
            crops = () if quick else CROPS[1:]
            region = _thing_within(views, near, mask, place, kept, point=point, size=size, crops=crops)
            share = _spread(views, region, image, quick=quick)
        alpha = alpha * (1 - np.clip(share, 0, 1))
    return alpha


def _spread(
    views: Views, region: Float32[np.ndarray, "s s"], image: Float32[np.ndarray, "h w c"], *, quick: bool
) -> Float32[np.ndarray, "h w"]:
    """Return a region at the size of `image`, aligned with its edges."""
    size = image.shape[0], image.shape[1]
    if quick:
        return cut_out_quickly(views.picture, region, None, size)
    return refine_matte(views.picture, region, onto=views.picture if size == views.size else opaque(image))


def _place(point: Point, size: tuple[int, int]) -> tuple[int, int]:
    """Convert a point to a row and column at the network's resolution."""
    row, column = (
        min(int(value / side * SIDE_PX), SIDE_PX - 1) for value, side in zip(point[::-1], size, strict=True)
    )
    return row, column


def _onto(mask: Mask, place: tuple[int, int]) -> tuple[int, int] | None:
    """Return the mask's pixel that is nearest to a place; None if it is more than `_REACH_PX` away."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return None
    away = np.hypot(rows - place[0], columns - place[1])
    nearest = int(np.argmin(away))
    return (int(rows[nearest]), int(columns[nearest])) if away[nearest] <= _REACH_PX else None


def _other_thing(mask: Mask, place: tuple[int, int], kept: list[tuple[int, int]]) -> Mask | None:
    """Return the connected part of the mask at a place, extended halfway towards the other parts.

    Return None if the mask has only one part, or if the part contains a point that must be kept.
    """
    labels, count = label_regions(mask)
    own = labels[place]
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    others = [part for part in range(1, count + 1) if part != own and sizes[part] >= _LEAST_OTHER * sizes[own]]
    if not others or any(labels[each] == own for each in kept):
        return None
    nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    whole: np.ndarray = labels[tuple(nearest)] == own
    return whole


def _thing_within(
    views: Views,
    near: Float32[np.ndarray, "s s"],
    mask: Mask,
    place: tuple[int, int],
    kept: list[tuple[int, int]],
    *,
    point: Point,
    size: tuple[int, int],
    crops: tuple[float, ...],
) -> Float32[np.ndarray, "s s"]:
    """Return the probability of an object that touches other objects: found on a crop, or else a uniform region."""
    labels, _ = label_regions(mask)
    part = labels == labels[place]
    scale = views.size[1] / size[1]
    for share in crops:
        seen = closer_look(views, (point[0] * scale, point[1] * scale), share)
        if seen is None or any(seen[each] > 0.5 for each in kept):
            continue
        if ((seen > 0.5) & part).sum() < _PART_OF * part.sum():
            return seen
    region = grown(views.square, near, place)
    if kept:
        own, *others = (_cost(views, near, each) for each in (place, *kept))
        region = region * (own < np.minimum.reduce(others))
    return region


def _cost(views: Views, near: Float32[np.ndarray, "s s"], place: tuple[int, int]) -> Float32[np.ndarray, "s s"]:
    """Return the cost of the path from a place to each pixel: the changes of colour and disparity along it."""
    features, scale = travel_features(views.square, near)
    start = place[0] // scale, place[1] // scale
    return resize(travel_cost(features, start, floor=0.01), (SIDE_PX, SIDE_PX), method="bilinear")
