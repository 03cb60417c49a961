"""Find what a picture is of, cut it out with its hair, and say how far away it is.

A small saliency network finds a person, an animal or an object alike; matting brings its mask to the picture's own
edges; the disparity inside gives the focus. A point given by the user chooses the thing at that point instead. What
is small in the picture is looked at twice, the second time from close by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32

from dioptre.imaging.layers import Inputs
from dioptre.imaging.numbers import within_unit, without_nan
from dioptre.imaging.regions import label_regions
from dioptre.imaging.resize import resize
from dioptre.imaging.step_cache import StepResult
from dioptre.models.registry import ModelKind, analysis_checksums, find, load_model
from dioptre_link.errors import UsageError
from dioptre_link.operations import USUAL_FOCUS_RANGE

from .cut_out import cut_out
from .region import grown, otsu
from .subject_focus import focus_of
from .window import MARGINS, Window, window_at, window_round

_SIDE_PX = 320  # of the network's square input; all decisions are made at this size
_LEAST_AREA, _GREATEST_AREA = 0.001, 0.92  # share of the picture that a believable subject covers
_LEAST_CONFIDENCE = 0.915  # mean saliency inside the mask; below it a picture has more often no subject than one
_STEEPNESS = 60  # of the share of pictures with a subject, about that
_LEAST_CONTRAST = 0.02  # of any channel, for there to be something to see
_SAME = 0.35  # overlap (IoU) of what is seen from close by with what was found, to be the same thing
_KNOWN_SHARE = 0.1  # of a part seen from close by that must have been found, for it to belong to the thing
_CROPS = (0.7, 0.5, 0.35, 0.25)  # share of the sides looked at round a point, from wide to close
_WEAKER_PART = 0.25  # a part counts to the subject when it is this share as important as the first
_FLAT_SHARE = 0.9  # of what lies round the point within the usual focus range of it…
_FLAT_PART = 8  # …up to this part of the sides away

SUBJECT_STEP = "subject"  # of the cache

Kind = Literal["subject", "point", "region"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is in focus.

    alpha: (H, W) in [0, 1], the subject's coverage of each pixel.
    disparity_range: the subject's farthest and nearest disparity (5th, 95th percentile); None without disparity.
    focal_disparity: the subject's median disparity; None without disparity.
    kind: how it was found: "subject" by itself, "point" at the given point, "region" for want of a subject.
    found: False when nothing stood out and a region was taken instead.
    confidence: mean saliency inside, in [0, 1]. chance: that the picture has this subject, as among photographs of
        which half have one.
    standing: coverage of the picture's subject where something else was chosen, and it was asked for.
    models: sha256 of the network's cards.
    messages: sentences for the user.
    """

    alpha: Float32[np.ndarray, "h w"]
    disparity_range: tuple[float, float] | None
    focal_disparity: float | None
    kind: Kind
    found: bool
    confidence: float
    standing: Float32[np.ndarray, "h w"] | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()

    @property
    def chance(self) -> float:
        """From the share of free photographs with a subject among those of the same saliency (training/subject)."""
        return float(1 / (1 + np.exp(-_STEEPNESS * (self.confidence - _LEAST_CONFIDENCE))))

    @property
    def is_sure(self) -> bool:
        """Whether a network saw it as one thing: its outline may then decide about depth."""
        return self.found and self.confidence >= _LEAST_CONFIDENCE


@dataclass(frozen=True, kw_only=True)
class _Coarse:
    """A subject on the small square, before its edges are refined.

    window: the part of the picture that the square shows; None is all of it.
    """

    probability: np.ndarray
    kind: Kind
    confidence: float
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
    """Find the subject of a picture, or the thing at a point.

    image: (H, W, 3) or (H, W, 4) straight alpha, sRGB-encoded; NaN counts as black, values above 1 as 1.
    disparity: in [0, 1], 1 = nearest; it decides doubtful parts and gives the focus.
    at: (x, y) in pixels of the picture.
    standing: whether to cut out the picture's subject too, where the point chooses something else.
    Raises UsageError when `at` lies outside the picture, WeightsError when the network's weights are not there.
    """
    height, width = image.shape[:2]
    if at is not None and not (0 <= at[0] <= width and 0 <= at[1] <= height):
        raise UsageError(
            "The focus point {x},{y} lies outside the picture.",
            hint="The picture is {width} pixels wide and {height} high.",
            x=format(at[0], "g"),
            y=format(at[1], "g"),
            width=width,
            height=height,
        )
    picture = _opaque(image)
    small = _squeezed(picture)
    near = None if disparity is None else resize(without_nan(disparity), (_SIDE_PX, _SIDE_PX), method="area")
    saliency = saliency_of(small, model=model)
    if at is None:
        coarse = _most_salient(saliency, near)
    else:
        coarse = _at_point(picture, small, saliency, near, at, model=model)
    coarse = _seen_closer(picture, coarse, at, model=model)
    alpha = _coverage(image, picture, coarse, disparity)
    focal, extent = None, None
    if disparity is not None:
        focal, extent = focus_of(image, alpha, disparity, at=at)
    before = None
    if standing and at is not None:
        main = _most_salient(saliency, near)
        if main.kind == "subject" and not _holds(coarse, main):
            before = _coverage(image, picture, _seen_closer(picture, main, None, model=model), disparity)
    return Subject(
        alpha=alpha,
        disparity_range=extent,
        focal_disparity=focal,
        kind=coarse.kind,
        found=coarse.kind != "region",
        confidence=coarse.confidence,
        standing=before,
        models=_checksums(model),
        messages=coarse.messages,
    )


def _checksums(model: str) -> Mapping[str, str]:
    """Of the cards of all networks that take part."""
    entries = find(model, kind=ModelKind.SUBJECT), find("default", kind=ModelKind.MATTE)
    return {name: checksum for entry in entries for name, checksum in load_model(entry.id).checksums.items()}


def _coverage(
    image: Float32[np.ndarray, "h w c"],
    picture: Float32[np.ndarray, "h w 3"],
    coarse: _Coarse,
    disparity: Float32[np.ndarray, "h w"] | None,
) -> Float32[np.ndarray, "h w"]:
    """Coverage of each of the picture's pixels by what was found."""
    seen, plane = (picture, disparity) if coarse.window is None else (coarse.window.of(picture), None)
    if coarse.window is not None and disparity is not None:
        plane = coarse.window.of(disparity)
    near = None if plane is None else resize(without_nan(plane), (_SIDE_PX, _SIDE_PX), method="area")
    is_thing = coarse.kind != "region" and coarse.confidence > 0
    alpha = cut_out(seen, coarse.probability, near, is_thing=is_thing)
    if coarse.window is not None:
        alpha = coarse.window.put(alpha)
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
    inputs: Inputs, disparity: Float32[np.ndarray, "h w"], *, at: tuple[float, float] | None, **how: Any
) -> Subject:
    """What `find_subject` gives for the picture, from the step cache where it was computed before.

    how: further arguments of `find_subject`. Raises what `find_subject` raises.
    """

    def compute() -> StepResult:
        return StepResult.of(find_subject(inputs.picture, disparity=disparity, at=at, **how))

    ready = inputs.prepared.get(SUBJECT_STEP)
    if ready is None:
        given = {"picture": inputs.picture, "disparity": disparity, "at": at, "how": how}
        ready = inputs.cache.result(SUBJECT_STEP, {**given, "networks": analysis_checksums()}, compute)
    return ready.to(Subject)


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


def _opaque(image: Float32[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h w 3"]:
    clean = within_unit(without_nan(image, infinite=1.0))
    if clean.shape[2] == 3:
        return clean
    opaque: np.ndarray = clean[..., :3] * clean[..., 3:]
    opaque += np.float32(0.5) * (1 - clean[..., 3:])
    return opaque


def _squeezed(picture: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "s s 3"]:
    return resize(picture, (_SIDE_PX, _SIDE_PX), method="bilinear")


def saliency_of(small: Float32[np.ndarray, "s s 3"], *, model: str = "default") -> Float32[np.ndarray, "s s"]:
    """A network's own map, in [0, 1], of a picture squeezed to its square (not padded: so it was trained).

    0 in a picture of one colour: it shows nothing, and networks answer anything.
    """
    if np.ptp(small, axis=(0, 1)).max() < _LEAST_CONTRAST:
        return np.zeros(small.shape[:2], np.float32)
    network = load_model(find(model, kind=ModelKind.SUBJECT).id)
    prepared = network.entry.preprocessing
    bright = small / max(float(small.max()), 1e-3)  # as upstream: the brightest value is 1
    x = (bright - np.array(prepared.mean, np.float32)) / np.array(prepared.deviation, np.float32)
    return np.asarray(network(x[None]))[0, ..., 0]


def _most_salient(saliency: Float32[np.ndarray, "s s"], near: np.ndarray | None) -> _Coarse:
    """The subject by itself, or a region when nothing is believable."""
    mask = saliency > 0.5
    confidence = float(saliency[mask].mean()) if mask.any() else 0.0
    if confidence >= _LEAST_CONFIDENCE and _LEAST_AREA <= mask.mean() <= _GREATEST_AREA:
        return _Coarse(probability=_important_parts(saliency), kind="subject", confidence=confidence)
    probability, words = _region(saliency, near)
    return _Coarse(
        probability=probability,
        kind="region",
        confidence=confidence,
        messages=(
            f"No single subject found: blurred by depth alone, focused on {words}. Click on what should be sharp.",
        ),
    )


def _seen_closer(
    picture: Float32[np.ndarray, "h w 3"], coarse: _Coarse, at: tuple[float, float] | None, *, model: str
) -> _Coarse:
    """What was found, as seen from close by: if that shows the same thing, whole, and no less surely."""
    if coarse.confidence == 0.0:  # not seen by a network
        return coarse
    for margin in MARGINS:
        window = window_round(coarse.probability, (picture.shape[0], picture.shape[1]), margin=margin)
        if window is None:
            break
        first = window.of_map(coarse.probability) > 0.5
        part = _same_thing(saliency_of(_squeezed(window.of(picture)), model=model), first)
        mask, sureness = part > 0.5, _confidence(part)
        overlap = (mask & first).sum() / max((mask | first).sum(), 1)
        lost = at is not None and not mask[window.place(at, _SIDE_PX)]
        if lost or overlap < _SAME or sureness < coarse.confidence:
            break
        if not window.sides_crossed(mask):
            sure = coarse.kind == "region" and sureness >= _LEAST_CONFIDENCE
            kind, messages = ("subject", ()) if sure else (coarse.kind, coarse.messages)
            return _Coarse(probability=part, kind=kind, confidence=sureness, messages=messages, window=window)
    return coarse


def _same_thing(saliency: Float32[np.ndarray, "s s"], known: Bool[np.ndarray, "s s"]) -> Float32[np.ndarray, "s s"]:
    """Saliency of the parts of which a tenth or more was known before."""
    labels, count = label_regions(saliency > 0.3)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    same = np.bincount(labels[known], minlength=count + 1) > _KNOWN_SHARE * sizes
    same[0] = False
    kept: np.ndarray = saliency * same[labels]
    return kept


def _important_parts(saliency: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "s s"]:
    """Saliency of the parts that belong to the subject: the most important one and those not much less so."""
    labels, count = label_regions(saliency > 0.3)
    weights = np.bincount(labels.ravel(), (saliency * _centre_prior(saliency.shape)).ravel(), count + 1)
    weights[0] = 0.0
    kept: np.ndarray = saliency * np.isin(labels, np.flatnonzero(weights >= _WEAKER_PART * weights.max()))
    return kept


def _centre_prior(shape: tuple[int, ...]) -> np.ndarray:
    y, x = (np.linspace(-1, 1, n) for n in shape)
    return np.exp(-(y[:, None] ** 2 + x**2)).astype(np.float32)


def _region(saliency: Float32[np.ndarray, "s s"], near: np.ndarray | None) -> tuple[np.ndarray, str]:
    """Probability and name of what to focus on for want of a subject: something faint or near, or the middle."""
    faint = _important_parts(saliency / max(float(saliency.max()), 0.5))
    if _LEAST_AREA <= (faint > 0.5).mean() <= _GREATEST_AREA:
        return faint, "the most noticeable region"
    if near is not None and float(np.ptp(near)) > 0.05:
        labels, count = label_regions(near > otsu(near))
        if count and (labels == 1).mean() >= _LEAST_AREA:
            return (labels == 1).astype(np.float32), "the nearest large region"
    return _centre_prior(saliency.shape), "the middle of the picture"


def _at_point(
    picture: np.ndarray,
    small: np.ndarray,
    saliency: np.ndarray,
    near: np.ndarray | None,
    at: tuple[float, float],
    *,
    model: str,
) -> _Coarse:
    """The thing at a point: part of the subject, else what is salient in a closer look, else a region alike.

    Where all that surrounds the point is as far away as it is, a wall or the sky, the focus alone keeps it sharp:
    no closer look is taken, which costs more than all else.
    """
    height, width = picture.shape[:2]
    row, column = (min(int(v / n * _SIDE_PX), _SIDE_PX - 1) for v, n in ((at[1], height), (at[0], width)))
    whole = _part_at(saliency, (row, column))
    if whole is not None and _believable(whole):
        return _Coarse(probability=whole, kind="point", confidence=_confidence(whole))
    for share in () if _is_flat(near, saliency, (row, column)) else _CROPS:
        seen = _closer_look(picture, at, share, model=model)
        if seen is not None:
            return _Coarse(probability=seen, kind="point", confidence=_confidence(seen))
    return _Coarse(probability=grown(small, near, (row, column)), kind="point", confidence=0.0)


def _is_flat(near: np.ndarray | None, saliency: np.ndarray, place: tuple[int, int]) -> bool:
    """Whether nearly everything round a place lies at its depth, but for the picture's subject before it."""
    if near is None:
        return False
    reach = _SIDE_PX // _FLAT_PART
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
    return _LEAST_AREA <= (part > 0.5).mean() <= _GREATEST_AREA and _confidence(part) >= _LEAST_CONFIDENCE


def _confidence(probability: np.ndarray) -> float:
    mask = probability > 0.5
    return float(probability[mask].mean()) if mask.any() else 0.0


def _closer_look(picture: np.ndarray, at: tuple[float, float], share: float, *, model: str) -> np.ndarray | None:
    """Probability, on the whole picture's small square, of what is salient in a crop round the point."""
    if share * min(picture.shape[:2]) < 32:  # nothing to see in so few pixels
        return None
    window = window_at(at, share, (picture.shape[0], picture.shape[1]))
    saliency = saliency_of(_squeezed(window.of(picture)), model=model)
    part = _part_at(saliency, window.place(at, _SIDE_PX))
    if part is None or not _believable(part) or window.sides_crossed(part > 0.5) > 1:
        return None
    whole = np.zeros((_SIDE_PX, _SIDE_PX), np.float32)
    top = round(window.top / window.size[0] * _SIDE_PX)
    left = round(window.left / window.size[1] * _SIDE_PX)
    side = max(1, min(round(share * _SIDE_PX), _SIDE_PX - max(top, left)))
    whole[top : top + side, left : left + side] = resize(part, (side, side), method="area")
    return whole
