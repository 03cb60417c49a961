"""Find what a picture is of, cut it out with its hair, and say how far away it is.

A small saliency network finds a person, an animal or an object alike; matting brings its mask to the picture's own
edges; the disparity inside gives the focus. A point given by the user chooses the thing at that point instead. What
is small in the picture is looked at twice, the second time from close by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32

from dioptre.imaging.layers import Inputs, Progress, no_progress
from dioptre.imaging.numbers import within_unit, without_nan
from dioptre.imaging.regions import label_regions
from dioptre.imaging.resize import resize
from dioptre.imaging.step_cache import StepResult
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, analysis_checksums, find
from dioptre_link.catalogue.focus import USUAL_FOCUS_RANGE
from dioptre_link.errors import UsageError

from .cut_out import cut_out, cut_out_quickly
from .region import grown, important_parts, is_fitting, noticeable
from .subject_focus import focus_of
from .subject_views import SIDE_PX, Saliency, Views, opaque
from .window import MARGINS, Window, window_at, window_round

_LEAST_CONFIDENCE = 0.915  # mean saliency inside the mask of what was clicked on, for it to be a thing
_SAME = 0.35  # overlap (IoU) of what is seen from close by with what was found, to be the same thing
_KNOWN_SHARE = 0.1  # of a part seen from close by that must have been found, for it to belong to the thing
_CROPS = (0.7, 0.5, 0.35, 0.25)  # share of the sides looked at round a point, from wide to close
_FLAT_SHARE = 0.9  # of what lies round the point within the usual focus range of it…
_FLAT_PART = 8  # …up to this part of the sides away
_POINT_DIGITS = 3  # of a pixel: more than editors have, less than scaling a point there and back loses

_SUBJECT_STEP = "subject"  # of the cache

Kind = Literal["subject", "point", "region"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The subject of a picture.

    Attributes:
        alpha: (H, W) in [0, 1]: the subject's coverage of each pixel.
        disparity_range: the subject's farthest and nearest disparity (5th and 95th percentile); None without
            disparity.
        focal_disparity: the subject's median disparity; None without disparity.
        kind: how it was found: "subject" automatically, "point" at a given point, "region" if there is no subject.
        found: False if nothing stood out and a region was used instead.
        confidence: mean saliency inside, in [0, 1].
        chance: probability that the picture has one subject and is not a scene, at even prior odds; 1 if the
            subject was given.
        standing: coverage of the picture's own subject, if something else was chosen and it was requested.
        models: SHA-256 of the networks' cards.
        messages: sentences for the user.
    """

    alpha: Float32[np.ndarray, "h w"]
    disparity_range: tuple[float, float] | None
    focal_disparity: float | None
    kind: Kind
    found: bool
    confidence: float
    chance: float = 1.0
    standing: Float32[np.ndarray, "h w"] | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()

    @property
    def is_sure(self) -> bool:
        """Whether the networks saw it as one thing: its outline may then decide about depth."""
        return self.kind == "subject" or (self.kind == "point" and self.confidence >= _LEAST_CONFIDENCE)


@dataclass(frozen=True, kw_only=True)
class _Coarse:
    """A subject on the small square, before its edges are refined.

    window: the part of the picture that the square shows; None is all of it.
    """

    probability: np.ndarray
    kind: Kind
    confidence: float
    chance: float = 1.0
    messages: tuple[str, ...] = ()
    window: Window | None = None


def find_subject(
    image: Float32[np.ndarray, "h w c"],
    *,
    disparity: Float32[np.ndarray, "h w"] | None = None,
    at: tuple[float, float] | None = None,
    standing: bool = False,
    model: str = "default",
) -> Subject:
    """Find the subject of a picture, or the object at a point.

    Args:
        image: (H, W, 3) or (H, W, 4) float32, sRGB-encoded, straight alpha. NaN counts as black, values above 1 as
            1.
        disparity: (H, W) in [0, 1], 1 = nearest: resolves ambiguous areas and gives the depth to focus on.
        at: (x, y) in pixels of the picture. Default: the most prominent subject.
        standing: also cut out the picture's own subject when `at` selects something else.
        model: a saliency network's id, or "default".

    Returns:
        Subject: its `alpha` (H, W) in [0, 1] and its depth.

    Raises:
        UsageError: `at` is outside the picture.
        WeightsError: the network's weights are missing.
    """
    return _find(Views(image, model=model), image, disparity, at, standing=standing)


def _find(
    views: Views,
    image: Float32[np.ndarray, "h w c"],
    disparity: Float32[np.ndarray, "h w"] | None,
    at: tuple[float, float] | None,
    *,
    standing: bool,
    quick: bool = False,
) -> Subject:
    """As `find_subject`. views: the picture at its full size, of which `image` may be a reduced one.

    quick: skip the second pass on a crop and the hair, for drafts.
    """
    height, width = image.shape[:2]
    if at is not None and not (0 <= at[0] <= width and 0 <= at[1] <= height):
        raise UsageError(
            "The focus point {x},{y} is outside the picture.",
            hint="The picture is {width} pixels wide and {height} high.",
            x=format(at[0], "g"),
            y=format(at[1], "g"),
            width=width,
            height=height,
        )
    near = None if disparity is None else resize(without_nan(disparity), (SIDE_PX, SIDE_PX), method="area")
    point = None if at is None else _in_full(at, (height, width), views.size)
    coarse = _most_salient(views.saliency(), near) if point is None else _at_point(views, near, point)
    coarse = coarse if quick else _seen_closer(views, coarse, point)
    alpha = _coverage(views, image, coarse, disparity, quick=quick)
    focal, extent = None, None
    if disparity is not None:
        focal, extent = focus_of(views.image, alpha, disparity, at=at)
    before = None
    if standing and point is not None:
        main = _most_salient(views.saliency(), near)
        if main.kind == "subject" and not _holds(coarse, main):
            main = main if quick else _seen_closer(views, main, None)
            before = _coverage(views, image, main, disparity, quick=quick)
    return Subject(
        alpha=alpha,
        disparity_range=extent,
        focal_disparity=focal,
        kind=coarse.kind,
        found=coarse.kind != "region",
        confidence=coarse.confidence,
        chance=coarse.chance,
        standing=before,
        models=_checksums(views.model),
        messages=coarse.messages,
    )


def _in_full(at: tuple[float, float], size: tuple[int, int], full: tuple[int, int]) -> tuple[float, float]:
    """A point of a preview on the whole picture: the very point that the preview's was scaled from."""
    if size == full:
        return at
    scale = full[1] / size[1]
    x, y = (round(value * scale, _POINT_DIGITS) for value in at)
    return min(x, float(full[1])), min(y, float(full[0]))


def _checksums(model: str) -> Mapping[str, str]:
    """Of the cards of all networks that take part."""
    entries = find(model, kind=ModelKind.SUBJECT), find("default", kind=ModelKind.MATTE)
    return {name: checksum for entry in entries for name, checksum in load_model(entry.id).checksums.items()}


def _coverage(
    views: Views,
    image: Float32[np.ndarray, "h w c"],
    coarse: _Coarse,
    disparity: Float32[np.ndarray, "h w"] | None,
    *,
    quick: bool,
) -> Float32[np.ndarray, "h w"]:
    """Coverage of each of the image's pixels by what was found."""
    picture = views.picture if image.shape[:2] == views.size else opaque(image)
    window = None if coarse.window is None else coarse.window.at((image.shape[0], image.shape[1]))
    onto = picture if window is None else window.of(picture)
    near = None
    if disparity is not None:
        plane = disparity if window is None else window.of(disparity)
        near = resize(without_nan(plane), (SIDE_PX, SIDE_PX), method="area")
    if quick:
        alpha = cut_out_quickly(views.picture, coarse.probability, near, (image.shape[0], image.shape[1]))
    else:
        is_thing = coarse.kind != "region" and coarse.confidence > 0  # a mere region has no hair to look for
        soft = views.soft_matte(coarse.window) if is_thing else None
        alpha = cut_out(views.part(coarse.window), coarse.probability, near, soft, onto=onto)
    if window is not None:
        alpha = window.put(alpha)
    if image.shape[2] == 4:
        alpha *= within_unit(without_nan(image[..., 3]))
    return alpha


def _holds(chosen: _Coarse, main: _Coarse) -> bool:
    """Whether what was chosen is most of the picture's subject."""
    mask = main.probability > 0.5
    if chosen.window is not None:
        mask = chosen.window.of_map(main.probability) > 0.5
    return bool((chosen.probability[mask] > 0.5).mean() > 0.5) if mask.any() else False


def kept_subject(
    inputs: Inputs,
    disparity: Float32[np.ndarray, "h w"],
    *,
    at: tuple[float, float] | None,
    standing: bool = False,
    quick: bool = False,
    progress: Progress = no_progress,
) -> Subject:
    """What `find_subject` gives for the picture, from the step cache where it was computed before.

    For a preview the networks look at the whole picture, and it is cut out at the preview's size.
    quick: skip the second pass on a crop and the hair, for drafts. Raises what `find_subject` raises.
    """
    whole = inputs.picture if inputs.whole is None else inputs.whole

    def compute() -> StepResult:
        views = Views(whole, cache=inputs.cache, check=lambda: progress(0.0, "Finding the subject"))
        return StepResult.of(_find(views, inputs.picture, disparity, at, standing=standing, quick=quick))

    given = {"picture": whole, "size": inputs.picture.shape[:2], "disparity": disparity, "at": at}
    how = {"standing": standing, "quick": quick, "networks": analysis_checksums()}
    return inputs.cache.result(_SUBJECT_STEP, {**given, **how}, compute).to(Subject)


def known_subject(
    image: Float32[np.ndarray, "h w c"],
    alpha: Float32[np.ndarray, "h w"],
    *,
    disparity: Float32[np.ndarray, "h w"],
    at: tuple[float, float] | None = None,
) -> Subject:
    """The subject whose coverage is known already, with its focus from `disparity`; as `find_subject` gives it."""
    focal, extent = focus_of(image, alpha, disparity, at=at)
    kind: Kind = "subject" if at is None else "point"
    return Subject(
        alpha=alpha, disparity_range=extent, focal_disparity=focal, kind=kind, found=True, confidence=1.0
    )


def _most_salient(saliency: Saliency, near: np.ndarray | None) -> _Coarse:
    """The subject by itself, or a region of a scene."""
    coverage, chance = saliency.coverage, saliency.chance
    confidence = _confidence(coverage)
    if chance >= 0.5 and is_fitting(coverage):
        return _Coarse(probability=important_parts(coverage), kind="subject", confidence=confidence, chance=chance)
    probability, words = noticeable(coverage, near)
    return _Coarse(
        probability=probability,
        kind="region",
        confidence=confidence,
        chance=chance,
        messages=(
            f"No single subject found: blurred by depth alone, focused on {words}. Click on what should be sharp.",
        ),
    )


def _seen_closer(views: Views, coarse: _Coarse, at: tuple[float, float] | None) -> _Coarse:
    """A second pass on a crop, where it finds the same subject whole and with no lower confidence.

    A region of a scene gets none: on a crop, any cushion looks like a subject.
    """
    if coarse.kind == "region" or coarse.confidence == 0.0:  # not seen by a network
        return coarse
    for margin in MARGINS:
        window = window_round(coarse.probability, views.size, margin=margin)
        if window is None:
            break
        first = window.of_map(coarse.probability) > 0.5
        part = _same_thing(views.saliency(window).coverage, first)
        mask, sureness = part > 0.5, _confidence(part)
        overlap = (mask & first).sum() / max((mask | first).sum(), 1)
        lost = at is not None and not mask[window.place(at, SIDE_PX)]
        if lost or overlap < _SAME or sureness < coarse.confidence:
            break
        if not window.sides_crossed(mask):
            return replace(coarse, probability=part, confidence=sureness, window=window)
    return coarse


def _same_thing(saliency: Float32[np.ndarray, "s s"], known: Bool[np.ndarray, "s s"]) -> Float32[np.ndarray, "s s"]:
    """Saliency of the parts of which a tenth or more was known before."""
    labels, count = label_regions(saliency > 0.3)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    same = np.bincount(labels[known], minlength=count + 1) > _KNOWN_SHARE * sizes
    same[0] = False
    kept: np.ndarray = saliency * same[labels]
    return kept


def _at_point(views: Views, near: np.ndarray | None, at: tuple[float, float]) -> _Coarse:
    """The thing at a point: part of the subject, else what is salient in a closer look, else a region alike.

    Where all that surrounds the point is as far away as it is, a wall or the sky, the focus alone keeps it sharp:
    no closer look is taken, which costs more than all else.
    """
    (height, width), whole_picture = views.size, views.saliency()
    saliency, chance = whole_picture.coverage, whole_picture.chance
    row, column = (min(int(v / n * SIDE_PX), SIDE_PX - 1) for v, n in ((at[1], height), (at[0], width)))
    whole = _part_at(saliency, (row, column))
    if whole is not None and _believable(whole):
        return _Coarse(probability=whole, kind="point", confidence=_confidence(whole), chance=chance)
    for share in () if _is_flat(near, saliency, (row, column)) else _CROPS:
        seen = _closer_look(views, at, share)
        if seen is not None:
            return _Coarse(probability=seen, kind="point", confidence=_confidence(seen), chance=chance)
    return _Coarse(
        probability=grown(views.square, near, (row, column)), kind="point", confidence=0.0, chance=chance
    )


def _is_flat(near: np.ndarray | None, saliency: np.ndarray, place: tuple[int, int]) -> bool:
    """Whether nearly everything round a place lies at its depth, but for the picture's subject before it."""
    if near is None:
        return False
    reach = SIDE_PX // _FLAT_PART
    rows, columns = (slice(max(0, at - reach), at + reach + 1) for at in place)
    beside = near[rows, columns][saliency[rows, columns] < 0.5]
    return beside.size > 0 and bool((np.abs(beside - near[place]) <= USUAL_FOCUS_RANGE).mean() >= _FLAT_SHARE)


def _part_at(saliency: np.ndarray, place: tuple[int, int]) -> np.ndarray | None:
    """The saliency of the one part that holds the place; None when the place is not salient."""
    labels, _ = label_regions(saliency > 0.5)
    if labels[place] == 0:
        return None
    generous, _ = label_regions(saliency > 0.3)  # with the soft rim
    part: np.ndarray = saliency * (generous == generous[place])
    return part


def _believable(part: np.ndarray) -> bool:
    return is_fitting(part) and _confidence(part) >= _LEAST_CONFIDENCE


def _confidence(probability: np.ndarray) -> float:
    mask = probability > 0.5
    return float(probability[mask].mean()) if mask.any() else 0.0


def _closer_look(views: Views, at: tuple[float, float], share: float) -> np.ndarray | None:
    """Probability, on the whole picture's small square, of what is salient in a crop round the point."""
    if share * min(views.size) < 32:  # nothing to see in so few pixels
        return None
    window = window_at(at, share, views.size)
    part = _part_at(views.saliency(window).coverage, window.place(at, SIDE_PX))
    if part is None or not _believable(part) or window.sides_crossed(part > 0.5) > 1:
        return None
    whole = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    top = round(window.top / window.size[0] * SIDE_PX)
    left = round(window.left / window.size[1] * SIDE_PX)
    side = max(1, min(round(share * SIDE_PX), SIDE_PX - max(top, left)))
    whole[top : top + side, left : left + side] = resize(part, (side, side), method="area")
    return whole
