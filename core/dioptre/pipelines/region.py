"""Parts of a map of saliency, and what to take where no network is sure of a thing."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.regions import label_regions, travel_cost
from dioptre.imaging.resize import resize

_LEAST_AREA, _GREATEST_AREA = 0.001, 0.92  # share of the picture that a believable subject covers
_WEAKER_PART = 0.25  # a part counts to the subject when it is this share as important as the first
_GROWTH_PX = 160  # side of the map on which a region is grown from a point


def is_fitting(part: Float32[np.ndarray, "s s"]) -> bool:
    """Whether it is as large as a subject can be."""
    return bool(_LEAST_AREA <= (part > 0.5).mean() <= _GREATEST_AREA)


def important_parts(saliency: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "s s"]:
    """Saliency of the parts that belong to the subject: the most important one and those not much less so."""
    labels, count = label_regions(saliency > 0.3)
    weights = np.bincount(labels.ravel(), (saliency * _centre_prior(saliency.shape)).ravel(), count + 1)
    weights[0] = 0.0
    kept: np.ndarray = saliency * np.isin(labels, np.flatnonzero(weights >= _WEAKER_PART * weights.max()))
    return kept


def noticeable(saliency: Float32[np.ndarray, "s s"], near: np.ndarray | None) -> tuple[np.ndarray, str]:
    """Probability and name of what to focus on for want of a subject: something faint or near, or the middle."""
    faint = important_parts(saliency / max(float(saliency.max()), 0.5))
    if is_fitting(faint):
        return faint, "the most noticeable region"
    if near is not None and float(np.ptp(near)) > 0.05:
        labels, count = label_regions(near > otsu(near))
        if count and (labels == 1).mean() >= _LEAST_AREA:
            return (labels == 1).astype(np.float32), "the nearest large region"
    return _centre_prior(saliency.shape), "the middle of the picture"


def _centre_prior(shape: tuple[int, ...]) -> np.ndarray:
    y, x = (np.linspace(-1, 1, n) for n in shape)
    return np.exp(-(y[:, None] ** 2 + x**2)).astype(np.float32)


def grown(small: np.ndarray, near: np.ndarray | None, place: tuple[int, int]) -> np.ndarray:
    """Probability of belonging to the point: colours and disparities change little on the way there."""
    size = (_GROWTH_PX, _GROWTH_PX)
    features = [resize(small, size, method="area") / 0.15]  # contrast that counts as one step
    if near is not None:
        features.append(resize(near, size, method="area")[..., None] / 0.04)
    start = (place[0] * _GROWTH_PX // len(small), place[1] * _GROWTH_PX // len(small))
    cost = travel_cost(np.concatenate(features, axis=-1).astype(np.float32), start, floor=0.01)
    return resize(np.exp(-((cost / 2.0) ** 2)).astype(np.float32), (len(small), len(small)), method="bilinear")


def otsu(values: np.ndarray) -> float:
    """The threshold that separates values into two classes best (N. Otsu, 1979)."""
    counts, edges = np.histogram(values, 128)
    centres = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), counts.sum()
    sum_below, sum_all = np.cumsum(counts * centres), (counts * centres).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sum_all * below / total - sum_below) ** 2 / (below * (total - below))
    return float(edges[1 + int(np.nanargmax(between[:-1]))])
