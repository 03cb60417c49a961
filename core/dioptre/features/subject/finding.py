"""Find the subject of a picture, cut it out with its hair, and measure its depth.

A small saliency network finds people, animals and objects alike; matting aligns its mask with the picture's edges;
the disparity inside the mask gives the focus. If the user gives a point, the object at that point becomes the
subject instead. Small subjects get a second pass on a crop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import numpy as np
from jaxtyping import Bool, Float32

from dioptre.contract import Inputs, Progress, no_progress
from dioptre.imaging.closer_look import MARGINS, window_round
from dioptre.imaging.numbers import within_unit, without_nan
from dioptre.imaging.resize import resize
from dioptre.imaging.threads import begun
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, analysis_checksums, find
from dioptre_link.errors import UsageError
from dioptre_link.language import Message

from .components import label_regions
from .cut_out import cut_out, cut_out_quickly
from .faces import Faces
from .focus import focus_of
from .places import CROPS, LEAST_CONFIDENCE, Box, Coarse, Kind, at_point, confidence_of, in_box
from .region import competing_words, important_parts, is_fitting, noticeable
from .views import SIDE_PX, Views, networks, opaque

# Smallest overlap (IoU) at which the masks found on the crop and on the whole picture count as the same object.
_SAME = 0.35
_LESS_SURE = 0.03  # the mask found on the crop may be less sure by this, because more of the outline is seen on it
# A part found on the crop is kept only if the first pass had found at least this fraction of it.
_KNOWN_SHARE = 0.1
# Decimal places to which points, in pixels, are rounded: more precise than editors' clicks, but coarse enough to
# absorb the rounding error when a point is scaled to the preview and back.
_POINT_DIGITS = 3

_SUBJECT_STEP = "subject"  # name under which the subject is cached
_FACES = "faces"  # name under which the faces are kept with the picture
_LOOKS = "looks at the subject"  # name under which the looks that were begun are kept with the picture


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The subject of a picture.

    Attributes:
        alpha: (H, W) in [0, 1]: the subject's coverage of each pixel.
        disparity_range: the subject's farthest and nearest disparity (5th and 95th percentile); None without
            disparity.
        focal_disparity: the disparity of the subject's nearest face or head, or else its median; None without
            disparity.
        focus_at: (x, y), the point in focus, as fractions of the picture's width and height; None without
            disparity.
        kind: how it was found: "subject" (automatically), "point" (at a given point), or "region" (a fallback
            without a subject).
        found: False if the picture has no clear subject and a region is used instead.
        confidence: mean saliency inside the subject, in [0, 1].
        chance: probability that the picture shows a single subject rather than a scene, assuming even prior odds; 1
            if the user supplied the subject.
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
    models: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    focus_at: tuple[float, float] | None = None

    @property
    def is_sure(self) -> bool:
        """Return whether the networks recognised one object, so that its outline may override depth edges."""
        return self.kind == "subject" or (self.kind == "point" and self.confidence >= LEAST_CONFIDENCE)


def find_subject(
    image: Float32[np.ndarray, "h w c"],
    *,
    disparity: Float32[np.ndarray, "h w"] | None = None,
    at: tuple[float, float] | None = None,
) -> Subject:
    """Find the subject of a picture, or the object at a point.

    Args:
        image: (H, W, 3) or (H, W, 4) float32, sRGB-encoded, straight alpha. NaN counts as black, values above 1 as
            1.
        disparity: (H, W) in [0, 1], 1 = nearest: used in ambiguous areas and to find the depth to focus on.
        at: (x, y) in pixels of the picture. Default: the most prominent subject.

    Returns:
        Subject: its `alpha` (H, W) in [0, 1] and its depth.

    Raises:
        UsageError: `at` is outside the picture.
        WeightsError: the network's weights are missing.
    """
    return _find(Views(image), image, disparity, at)


def _find(
    views: Views,
    image: Float32[np.ndarray, "h w c"],
    disparity: Float32[np.ndarray, "h w"] | None,
    at: tuple[float, float] | None,
    *,
    box: Box | None = None,
    quick: bool = False,
) -> Subject:
    """Find the subject as `find_subject` does, with views that several calls can share.

    Args:
        views: network inputs and outputs for the full-size picture, of which `image` may be a smaller version.
        image: as in `find_subject`.
        disparity: as in `find_subject`.
        at: as in `find_subject`.
        box: (left, top, right, bottom) in pixels of `image`, around the subject.
        quick: skip the passes on crops and the hair, for drafts.
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
    if point is not None:
        coarse = at_point(views, near, point, crops=() if quick else CROPS)
    elif box is not None:
        corners = (_in_full(corner, (height, width), views.size) for corner in (box[:2], box[2:]))
        coarse = in_box(views, near, (*next(corners), *next(corners)))
    else:
        coarse = _most_salient(views, near)
    coarse = coarse if quick or coarse.window is not None else _seen_closer(views, coarse, point)
    alpha = _coverage(views, image, coarse, disparity, quick=quick)
    focal, extent, focus_at = None, None, None
    if disparity is not None:
        single = coarse.kind == "region"  # no outline tells a small head from what is behind it
        faces = None if single or at is not None else Faces.of(views, coarse.window)
        focal, extent, focus_at = focus_of(views.image, alpha, disparity, at=at, faces=faces, single=single)
    return Subject(
        alpha=alpha,
        disparity_range=extent,
        focal_disparity=focal,
        kind=coarse.kind,
        found=coarse.kind != "region",
        confidence=coarse.confidence,
        chance=coarse.chance,
        models=_checksums(),
        messages=coarse.messages,
        focus_at=focus_at,
    )


def _in_full(at: tuple[float, float], size: tuple[int, int], full: tuple[int, int]) -> tuple[float, float]:
    """Scale a point from a preview to the full-size picture, rounding to recover the exact original point."""
    if size == full:
        return at
    scale = full[1] / size[1]
    x, y = (round(value * scale, _POINT_DIGITS) for value in at)
    return min(x, float(full[1])), min(y, float(full[0]))


def _checksums() -> Mapping[str, str]:
    """Return the checksums of the cards of all networks that are used."""
    entries = *networks(), find("default", kind=ModelKind.MATTE)
    return {name: checksum for entry in entries for name, checksum in load_model(entry.id).checksums.items()}


def _coverage(
    views: Views,
    image: Float32[np.ndarray, "h w c"],
    coarse: Coarse,
    disparity: Float32[np.ndarray, "h w"] | None,
    *,
    quick: bool,
) -> Float32[np.ndarray, "h w"]:
    """Return the coverage of each pixel by the object that was found."""
    picture = opaque(image) if quick or image.shape[:2] != views.size else views.picture
    window = None if coarse.window is None else coarse.window.at((image.shape[0], image.shape[1]))
    onto = picture if window is None else window.of(picture)
    near = None
    if disparity is not None:
        plane = disparity if window is None else window.of(disparity)
        near = resize(without_nan(plane), (SIDE_PX, SIDE_PX), method="area")
    if quick:
        alpha = cut_out_quickly(coarse.probability, near, (onto.shape[0], onto.shape[1]))
    else:
        is_thing = coarse.kind != "region" and coarse.confidence > 0  # there is no hair to resolve in a mere region
        soft = views.soft_matte(coarse.window) if is_thing else None
        alpha = cut_out(views.part(coarse.window), coarse.probability, near, soft, onto=onto)
    if window is not None:
        alpha = window.put(alpha)
    if image.shape[2] == 4:
        alpha *= within_unit(without_nan(image[..., 3]))
    return alpha


def begin_looks(inputs: Inputs) -> None:
    """Let the networks look for the picture's most prominent subject in another thread, beside other work.

    The next call of `kept_subject` for the same inputs waits for them.
    """
    views = Views(inputs.full_picture, cache=inputs.cache)

    def look() -> Views:
        coarse = _most_salient(views, None)
        if coarse.kind != "region" and not inputs.draft:
            views.soft_matte(_seen_closer(views, coarse, None).window)
        return views

    inputs.kept[_LOOKS] = begun(look)


def kept_subject(
    inputs: Inputs,
    disparity: Float32[np.ndarray, "h w"],
    *,
    at: tuple[float, float] | None,
    box: Box | None = None,
    quick: bool = False,
    progress: Progress = no_progress,
) -> Subject:
    """Return the result of `find_subject` for the picture, from the step cache if it was computed before.

    For a preview, the networks process the whole picture, and the subject is cut out at the preview's size.

    Args:
        inputs: inputs of the operation.
        disparity: (H, W) in [0, 1], 1 = nearest, at the size of `inputs.picture`.
        at: as in `find_subject`.
        box: (left, top, right, bottom) in pixels, instead of a point: the subject is the object inside it.
        quick: skip the passes on crops and the hair, for drafts.
        progress: called with (fraction, phase) before each network runs; raises Cancelled to stop.

    Raises:
        UsageError: as in `find_subject`.
        WeightsError: as in `find_subject`.
    """
    whole, looks = inputs.full_picture, inputs.kept.pop(_LOOKS, None)

    def compute() -> Subject:
        views = Views(whole, cache=inputs.cache) if looks is None else looks()
        views.check = partial(progress, 0.0, "Finding the subject")
        return _find(views, inputs.picture, disparity, at, box=box, quick=quick)

    given = {"picture": whole, "size": inputs.picture.shape[:2], "disparity": disparity, "at": at}
    given |= {} if box is None else {"box": box}
    how = {"quick": quick, "networks": analysis_checksums()}
    subject = inputs.cache.made(Subject, _SUBJECT_STEP, {**given, **how}, compute)
    if at is None and inputs.whole is not None:  # a further preview gives the subject back
        kept_faces(inputs)
    return subject


def kept_faces(inputs: Inputs) -> Faces | None:
    """Return the picture's faces, kept with it so that a preview reads no files when a slider moves."""
    if _FACES not in inputs.kept:
        inputs.kept[_FACES] = Faces.of(Views(inputs.full_picture, cache=inputs.cache))
    return cast("Faces | None", inputs.kept[_FACES])


def known_subject(
    inputs: Inputs,
    alpha: Float32[np.ndarray, "h w"],
    *,
    disparity: Float32[np.ndarray, "h w"],
    at: tuple[float, float] | None = None,
) -> Subject:
    """Describe a subject whose coverage is already known, with its focus taken from `disparity`.

    Args:
        inputs: the picture, at the size of `alpha`.
        alpha: (h, w) in [0, 1], the subject's coverage.
        disparity: (h, w) in [0, 1], 1 = nearest.
        at: (x, y) in pixels of `alpha`, the point to focus on. Default: the nearest face, or else the subject.
    """
    faces = None if at is not None else kept_faces(inputs)
    focal, extent, focus_at = focus_of(inputs.full_picture, alpha, disparity, at=at, faces=faces)
    return Subject(
        alpha=alpha,
        disparity_range=extent,
        focal_disparity=focal,
        kind="subject" if at is None else "point",
        found=True,
        confidence=1.0,
        focus_at=focus_at,
    )


def _most_salient(views: Views, near: np.ndarray | None) -> Coarse:
    """Return the picture's most salient subject, or a region if the picture is a scene without a single subject."""
    saliency = views.saliency()
    coverage, chance = saliency.coverage, saliency.chance
    if is_subject := chance >= 0.5 and is_fitting(coverage):
        probability, words = important_parts(coverage), competing_words(coverage)
        messages = (words,) if words else ()
    else:
        probability, words = noticeable(coverage, near)
        messages = (_no_subject(words),)
    return Coarse(
        probability=probability,
        kind="subject" if is_subject else "region",
        confidence=confidence_of(coverage),
        chance=chance,
        messages=messages,
    )


def _no_subject(region: str) -> Message:
    return Message(
        "No single subject was found: the picture is blurred by depth alone, with the focus on {region}. "
        "To change this, choose a point on the part that should be sharp.",
        region=region,
    )


def _seen_closer(views: Views, coarse: Coarse, at: tuple[float, float] | None) -> Coarse:
    """Return the result of a second pass on a crop, or `coarse` if the second pass is not better.

    The second pass must show the same subject, completely, and nearly as surely. If the picture
    has no subject, there is no second pass: on a crop, even a cushion would look like a subject.
    """
    if coarse.kind == "region" or coarse.confidence == 0.0:  # no network detected a subject
        return coarse
    for margin in MARGINS:
        window = window_round(coarse.probability, views.size, margin=margin)
        if window is None:
            break
        first = window.of_map(coarse.probability) > 0.5
        part = _same_thing(views.saliency(window).coverage, first)
        mask, sureness = part > 0.5, confidence_of(part)
        overlap = (mask & first).sum() / max((mask | first).sum(), 1)
        lost = at is not None and not mask[window.place(at, SIDE_PX)]
        if lost or overlap < _SAME or sureness < coarse.confidence - _LESS_SURE:
            break
        if not window.sides_crossed(mask):
            return replace(coarse, probability=part, confidence=sureness, window=window)
    return coarse


def _same_thing(saliency: Float32[np.ndarray, "s s"], known: Bool[np.ndarray, "s s"]) -> Float32[np.ndarray, "s s"]:
    """Return the saliency of those parts of which more than a tenth is in the `known` mask."""
    labels, count = label_regions(saliency > 0.3)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    same = np.bincount(labels[known], minlength=count + 1) > _KNOWN_SHARE * sizes
    same[0] = False
    kept: np.ndarray = saliency * same[labels]
    return kept
