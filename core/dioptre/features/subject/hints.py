"""The user's hints for a selection: finding the object under a click or a stroke, to add it or to remove it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.contract import Inputs
from dioptre.imaging.closer_look import MARGINS, Window, window_at, window_round
from dioptre.imaging.numbers import within_unit, without_nan
from dioptre.imaging.resize import resize
from dioptre.imaging.strokes import SPACING, spaced, stroke_mask

from .components import label_regions, travel_cost
from .cut_out import cut_out_quickly
from .matting import refine_matte
from .places import CROPS, LEAST_PX, at_point, closer_look, on_whole
from .region import grown, travel_features
from .views import SIDE_PX, Views, opaque

Point = tuple[float, float]
Place = tuple[int, int]
"""A row and a column at the network's resolution."""

Mask = Bool[np.ndarray, "s s"]

# An object found in a connected part of the mask counts as a separate object only if it covers less than this
# fraction of the part.
_PART_OF = 0.7
_REACH_PX = 6  # distance, in pixels at the network's resolution, by which a click on a subject may miss its mask
_LEAST_OTHER = 0.02  # parts smaller than this fraction of the clicked part's area do not count as objects
_CROSSED = 0.5  # a stroke that extends over this fraction of a part's height or width removes the part as a whole
_PIECE_RIM_PX = 10  # the matte changes this far around a piece, in pixels of its window
_MOST_CUT = 1  # sides of a piece that a crop may cut off
_SPREAD_STEP = "spread"  # name under which a region aligned with the picture's edges is cached


UNDER = 0.5
"""Fraction of a stroke's points that must lie on an object found by the networks."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A picture in which the objects under hints are sought.

    Attributes:
        views: the networks' views of the full-size picture.
        inputs: inputs of the operation, with the picture to select in, which may be smaller.
        near: (s, s), disparity at the network's resolution.
        quick: skip the passes on crops and the hair, for drafts.
    """

    views: Views
    inputs: Inputs
    near: Float32[np.ndarray, "s s"]
    quick: bool

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture to select in."""
        return self.inputs.picture.shape[0], self.inputs.picture.shape[1]

    def place(self, point: Point) -> Place:
        """Convert a point to a row and column at the network's resolution."""
        row, column = (
            min(int(value / side * SIDE_PX), SIDE_PX - 1)
            for value, side in zip(point[::-1], self.size, strict=True)
        )
        return row, column

    def full(self, point: Point) -> Point:
        """Scale a point to the full-size picture."""
        scale = self.views.size[1] / self.size[1]
        return point[0] * scale, point[1] * scale

    def visible(self, alpha: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Return a coverage without what is transparent in the picture."""
        image = self.inputs.picture
        return alpha * within_unit(without_nan(image[..., 3])) if image.shape[2] == 4 else alpha

    def spread(self, region: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "h w"]:
        """Return a region at the size of the picture, aligned with its edges."""
        if self.quick:
            return self.spread_quickly(region)

        def compute() -> Float32[np.ndarray, "h w"]:
            onto = self.views.picture if self.size == self.views.size else opaque(self.inputs.picture)
            return refine_matte(self.views.picture, region, onto=onto)

        given = {"picture": self.views.image, "size": self.size, "region": region}
        return self.inputs.cache.plane(_SPREAD_STEP, given, compute)

    def spread_quickly(self, region: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "h w"]:
        """Return an approximation of `spread`, which also keeps regions so small that matting blurs them away."""
        return cut_out_quickly(region, None, self.size)

    def region(self, places: Sequence[Place], others: Sequence[Place]) -> Float32[np.ndarray, "s s"]:
        """Return the probability of the uniform region around some places, up to halfway to the `others`."""
        region = grown(self.views.square, self.near, *places)
        return region * (self._cost(places) < self._cost(others)) if others else region

    def _cost(self, places: Sequence[Place]) -> Float32[np.ndarray, "s s"]:
        """Return the cost of the path from the places: the changes of colour and disparity along it."""
        features, scale = travel_features(self.views.square, self.near)
        starts = [(row // scale, column // scale) for row, column in places]
        return resize(travel_cost(features, starts, floor=0.01), (SIDE_PX, SIDE_PX), method="bilinear")


def points_of(stroke: Mapping[str, Any], size: tuple[int, int]) -> tuple[Point, ...]:
    """Return points along a stroke, (x, y) in pixels of a picture of `size` (height, width).

    A stroke shorter than the brush's radius counts as a click.
    """
    path = [(x * size[1], y * size[0]) for x, y in stroke["points"]]
    radius = stroke["radius"] * max(size)
    if sum(math.dist(*ends) for ends in pairwise(path)) < radius:
        return (path[len(path) // 2],)
    return tuple((float(x), float(y)) for x, y in spaced(np.asarray(path), SPACING * radius))


def level_at(alpha: Float32[np.ndarray, "h w"], point: Point) -> float:
    """Return the coverage at a point."""
    row, column = (min(int(value), side - 1) for value, side in zip(point[::-1], alpha.shape, strict=True))
    return float(alpha[row, column])


def object_under(sight: Sight, points: Sequence[Point], others: Sequence[Point]) -> Point | None:
    """Return one of the points at which the networks find an object that lies under most of them, else None.

    Args:
        sight: the picture.
        points: points of a stroke that are not selected yet.
        others: points that do not belong to the object.
    """
    point = points[len(points) // 2]
    crops = () if sight.quick else CROPS
    seen = at_point(sight.views, sight.near, sight.full(point), crops=crops)
    inside = seen.probability > 0.5
    covered = np.mean([inside[sight.place(each)] for each in points])
    is_it = seen.confidence > 0 and covered >= UNDER and not any(inside[sight.place(each)] for each in others)
    return point if is_it else None


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A connected piece that is not selected, though a closer look takes it for the subject, or the reverse.

    Attributes:
        window: the crop on which it was seen.
        mask: (s, s), its pixels in the window.
        coverage: (s, s), what the networks see in the window.
    """

    window: Window
    mask: Mask
    coverage: Float32[np.ndarray, "s s"]

    @property
    def rank(self) -> tuple[int, float]:
        """The sides of the window that cut the piece off, and how unsure it is, or how small if it is cut off."""
        cut = self.window.sides_crossed(self.mask)
        if cut:
            return cut, -float(self.whole.sum())
        return 0, -float(np.abs(2 * self.coverage[self.mask] - 1).mean())

    @property
    def whole(self) -> Float32[np.ndarray, "s s"]:
        """The piece on a map of the whole picture."""
        return on_whole(self.window, self.mask.astype(np.float32))


def with_piece(
    sight: Sight, alpha: Float32[np.ndarray, "h w"], point: Point, others: Sequence[Point], *, adds: bool
) -> Float32[np.ndarray, "h w"]:
    """Return the coverage with the piece at a point added or removed, as a closer look shows it, if one does.

    Args:
        sight: the picture.
        alpha: the coverage.
        point: the point on the piece, (x, y) in pixels.
        others: points that the piece may not contain.
        adds: whether the piece is missing; otherwise it is there without reason.
    """
    piece = None if sight.quick else _piece_at(sight, alpha, point, others, adds=adds)
    if piece is None:
        return alpha
    window = piece.window.at(sight.size)
    before = window.of(alpha)
    around = ndimage.binary_dilation(piece.mask, iterations=_PIECE_RIM_PX)
    sure = ndimage.gaussian_filter(piece.mask.astype(np.float32), 1)  # thin pieces are never sure in `coverage`
    seen = np.maximum(piece.coverage, sure) if adds else np.minimum(piece.coverage, 1 - sure)
    region = np.where(around, seen, resize(before, around.shape, method="area"))

    def compute() -> Float32[np.ndarray, "h w"]:
        return refine_matte(sight.views.part(piece.window), region, onto=window.of(opaque(sight.inputs.picture)))

    part = piece.window.top, piece.window.left, piece.window.height, piece.window.width
    given = {"picture": sight.views.image, "size": sight.size, "part": part, "region": region}
    matte = sight.inputs.cache.plane(_SPREAD_STEP, given, compute)
    near = ndimage.uniform_filter(around.astype(np.float32), 3)
    share = resize(near, (before.shape[0], before.shape[1]), method="bilinear")
    after = before + share * (matte - before)
    result = alpha.copy()
    window.of(result)[:] = np.maximum(before, after) if adds else np.minimum(before, after)
    return sight.visible(result)


def _piece_at(
    sight: Sight, alpha: Float32[np.ndarray, "h w"], point: Point, others: Sequence[Point], *, adds: bool
) -> Piece | None:
    """Return the piece at a point, from the crop that is surest of it and cuts off as little of it as possible.

    What the crop cuts off of the rest of the subject does not matter. The last crop lies round the piece itself.
    """
    at, size = sight.full(point), sight.views.size
    seen = [_piece_in(sight, window_at(at, share, size), alpha, point, others, adds=adds) for share in CROPS]
    best = min((piece for piece in seen if piece is not None), key=lambda piece: piece.rank, default=None)
    if best is None:
        return None
    window = window_round(best.whole, size, margin=MARGINS[1])
    last = None if window is None else _piece_in(sight, window, alpha, point, others, adds=adds)
    if last is not None and last.rank <= best.rank:
        known = best.whole > 0.5
        best = last if (last.whole[known] > 0.5).mean() > _PART_OF else best
    return best if best.rank[0] <= _MOST_CUT else None


def _piece_in(
    sight: Sight,
    window: Window,
    alpha: Float32[np.ndarray, "h w"],
    point: Point,
    others: Sequence[Point],
    *,
    adds: bool,
) -> Piece | None:
    """Return the piece at a point as a crop shows it; a piece to remove is only a part of the selection there."""
    if min(window.height, window.width) < LEAST_PX:
        return None
    coverage = sight.views.saliency(window).coverage
    chosen = resize(window.at(sight.size).of(alpha), coverage.shape, method="area") > 0.5
    labels, _ = ndimage.label((coverage > 0.5) & ~chosen if adds else (coverage < 0.5) & chosen)
    own = labels[window.place(sight.full(point), SIDE_PX)]
    mask = labels == own
    if not own or (not adds and mask.sum() > _PART_OF * chosen.sum()):
        return None
    full = [sight.full(other) for other in others]
    if any(window.holds(other) and mask[window.place(other, SIDE_PX)] for other in full):
        return None
    return Piece(window=window, mask=mask, coverage=coverage)


def without(
    sight: Sight, alpha: Float32[np.ndarray, "h w"], points: Sequence[Point], kept: Sequence[Point]
) -> Float32[np.ndarray, "h w"]:
    """Remove from the coverage the object under a click (one point) or a stroke (several points).

    Args:
        sight: the picture.
        alpha: the coverage.
        points: points on the object, (x, y) in pixels.
        kept: points that stay selected.
    """
    mask = resize(alpha, (SIDE_PX, SIDE_PX), method="area") > 0.5
    found = [(point, _onto(mask, sight.place(point))) for point in points]
    on_mask = [(point, place) for point, place in found if place is not None]
    if not on_mask:
        return alpha
    (point, place), places = on_mask[len(on_mask) // 2], [each for _, each in on_mask]
    others = [sight.place(each) for each in kept]
    whole = _other_thing(mask, place, others)
    if whole is not None and (len(points) == 1 or _crosses(places, whole & mask)):
        share = resize(whole.astype(np.float32), sight.size, method="bilinear")
    else:
        if len(points) == 1:
            less = with_piece(sight, alpha, points[0], kept, adds=False)
            if level_at(less, points[0]) < 0.5:
                return less
        labels, _ = label_regions(mask)
        thing = _thing_within(sight, labels == labels[place], point, others)
        share = sight.spread(sight.region(places, others) if thing is None else thing)
    return alpha * (1 - np.clip(share, 0, 1))


def painted(
    sight: Sight,
    alpha: Float32[np.ndarray, "h w"],
    strokes: Sequence[Mapping[str, Any]],
    disparity: Float32[np.ndarray, "h w"],
) -> Float32[np.ndarray, "h w"]:
    """Return the coverage with the painted areas themselves selected, or not, up to the edges of depth."""
    mask = stroke_mask(strokes, disparity)
    return np.maximum(alpha * (1 + np.minimum(mask, 0)), sight.visible(np.maximum(mask, 0)))


def _onto(mask: Mask, place: Place) -> Place | None:
    """Return the mask's pixel that is nearest to a place; None if it is more than `_REACH_PX` away."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return None
    away = np.hypot(rows - place[0], columns - place[1])
    nearest = int(np.argmin(away))
    return (int(rows[nearest]), int(columns[nearest])) if away[nearest] <= _REACH_PX else None


def _other_thing(mask: Mask, place: Place, kept: Sequence[Place]) -> Mask | None:
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


def _crosses(places: Sequence[Place], part: Mask) -> bool:
    """Return whether places extend over most of a part's height or width."""
    drawn, whole = (np.ptp(np.asarray(each), axis=0) for each in (places, np.argwhere(part)))
    return bool((drawn >= _CROSSED * whole).any())


def _thing_within(
    sight: Sight, part: Mask, point: Point, kept: Sequence[Place]
) -> Float32[np.ndarray, "s s"] | None:
    """Return the probability of an object that networks find on a crop around a point, as a piece of a larger part.

    An object that the crop cuts off would leave a straight edge, so it does not count.
    """
    for share in () if sight.quick else CROPS[1:]:
        seen = closer_look(sight.views, sight.full(point), share, most_crossed=0)
        if seen is None or any(seen[each] > 0.5 for each in kept):
            continue
        if ((seen > 0.5) & part).sum() < _PART_OF * part.sum():
            return seen
    return None
