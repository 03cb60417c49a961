"""What to take where no network sees a thing: what is alike round a point, or the nearer of two classes."""

from __future__ import annotations

import numpy as np

from dioptre.imaging.regions import travel_cost
from dioptre.imaging.resize import resize

_GROWTH_PX = 160  # side of the map on which a region is grown from a point


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
