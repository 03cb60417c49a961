"""Find connected parts in a saliency map, or a fallback region if there is no clear subject."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.resize import resize
from dioptre_link.language import Message

from .components import label_regions, travel_cost

_LEAST_AREA, _GREATEST_AREA = 0.001, 0.92  # limits for the area of a subject, as fractions of the picture's area
_WEAKER_PART = 0.25  # a part belongs to the subject if it has at least this fraction of the main part's importance
# A part competes with the main part if it has at least this area, as a fraction of the picture, and at least this
# importance, as a fraction of the main part's.
_COMPETING_AREA, _COMPETING_WEIGHT = 0.005, 0.05
_GROWTH_PX = 168  # side, in pixels, of the map on which a region is grown from a point


def is_fitting(part: Float32[np.ndarray, "s s"]) -> bool:
    """Return whether the size of a part is plausible for a subject."""
    return bool(_LEAST_AREA <= (part > 0.5).mean() <= _GREATEST_AREA)


def important_parts(saliency: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "s s"]:
    """Return the saliency of the subject's parts: the most important one, and others nearly as important."""
    labels, weights = _weighed_parts(saliency)
    parts = np.isin(labels, np.flatnonzero(weights >= _WEAKER_PART * weights.max()))
    kept: np.ndarray = saliency * parts
    return kept


def competing_words(saliency: Float32[np.ndarray, "s s"]) -> str:
    """Describe which parts `important_parts` keeps and drops; "" if a single object stands out alone."""
    labels, weights = _weighed_parts(saliency)
    sure = np.bincount(labels[saliency > 0.5], minlength=len(weights)) / saliency.size
    whole = [part for part in np.flatnonzero(sure >= _COMPETING_AREA) if weights[part] > 0]
    taken = [part for part in whole if weights[part] >= _WEAKER_PART * weights.max()]
    left = [part for part in whole if part not in taken and weights[part] >= _COMPETING_WEIGHT * weights.max()]
    if len(taken) > 1:
        return Message(
            "{count} objects were chosen as the subject. To use only one, choose a point on it.", count=len(taken)
        )
    if not left or not taken:
        return ""
    middle = float(np.nonzero(labels == taken[0])[1].mean()) / saliency.shape[1]
    sides = (1 / 3, Message("on the left")), (2 / 3, Message("in the middle")), (1.0, Message("on the right"))
    return Message(
        "Several subjects stand out; Dioptre chose the one {where}. To use another, choose a point on it.",
        where=next(words for end, words in sides if middle <= end),
    )


def _weighed_parts(saliency: Float32[np.ndarray, "s s"]) -> tuple[np.ndarray, np.ndarray]:
    """Label the salient parts from 1 (0 is the background); return the labels and each part's importance."""
    labels, count = label_regions(saliency > 0.3)
    weights = np.bincount(labels.ravel(), (saliency * centre_prior(saliency.shape)).ravel(), count + 1)
    weights[0] = 0.0
    return labels, weights


def noticeable(saliency: Float32[np.ndarray, "s s"], near: np.ndarray | None) -> tuple[np.ndarray, str]:
    """Choose a region to focus on if there is no subject: a faintly salient one, a near one, or the middle.

    Returns:
        The probability of each pixel, and the name of the region for a message.
    """
    faint = important_parts(saliency / max(float(saliency.max()), 0.5))
    if is_fitting(faint):
        return faint, Message("the most noticeable region")
    if near is not None and float(np.ptp(near)) > 0.05:
        labels, count = label_regions(near > otsu(near))
        if count and (labels == 1).mean() >= _LEAST_AREA:
            return (labels == 1).astype(np.float32), Message("the nearest large region")
    return centre_prior(saliency.shape), Message("the middle of the picture")


def centre_prior(shape: tuple[int, ...]) -> np.ndarray:
    """Return how important each place of a picture is: 1 in the middle, less towards the corners."""
    y, x = (np.linspace(-1, 1, n) for n in shape)
    return np.exp(-(y[:, None] ** 2 + x**2)).astype(np.float32)


def grown(small: np.ndarray, near: np.ndarray | None, *places: tuple[int, int]) -> np.ndarray:
    """Return the probability that each pixel belongs to the object at one or several points.

    The more colour and disparity change along the path from the points to a pixel, the lower the probability.
    """
    features, scale = travel_features(small, near)
    cost = travel_cost(features, [(row // scale, column // scale) for row, column in places], floor=0.01)
    return resize(np.exp(-((cost / 2.0) ** 2)).astype(np.float32), (len(small), len(small)), method="bilinear")


def travel_features(small: np.ndarray, near: np.ndarray | None) -> tuple[Float32[np.ndarray, "g g c"], int]:
    """Return a reduced map of colour and disparity whose changes are a path's cost, and the reduction factor."""
    size = (_GROWTH_PX, _GROWTH_PX)
    features = [resize(small, size, method="area") / 0.15]  # a colour difference of 0.15 adds 1 to the cost
    if near is not None:
        features.append(resize(near, size, method="area")[..., None] / 0.04)
    return np.concatenate(features, axis=-1).astype(np.float32), len(small) // _GROWTH_PX


def otsu(values: np.ndarray) -> float:
    """Return the threshold that best separates values into two classes (N. Otsu, 1979)."""
    counts, edges = np.histogram(values, 128)
    centres = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), counts.sum()
    sum_below, sum_all = np.cumsum(counts * centres), (counts * centres).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sum_all * below / total - sum_below) ** 2 / (below * (total - below))
    return float(edges[1 + int(np.nanargmax(between[:-1]))])
