"""Regions of small maps: connected components, and the cheapest paths from a point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy import ndimage

_STEPS = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.414), (1, -1, 1.414))
"""Steps to neighbouring pixels: rows down, columns across, and length. The reverse steps are also allowed."""


def label_regions(mask: Bool[np.ndarray, "h w"]) -> tuple[Int[np.ndarray, "h w"], int]:
    """Number the 4-connected components of `mask`.

    Returns:
        The labels (1, 2, … in order of decreasing size; 0 outside) and the number of components.
    """
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    renumbered = np.zeros(count + 1, np.int64)
    renumbered[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, count + 1)
    return renumbered[labels], count


def travel_cost(
    features: Float32[np.ndarray, "h w c"], starts: Sequence[tuple[int, int]], *, floor: float
) -> Float32[np.ndarray, "h w"]:
    """Compute the cost of the cheapest path to each pixel from the nearest of several points.

    A step to one of the eight neighbours costs the distance between the features of the two pixels, plus `floor`
    per pixel of length.

    Args:
        features: features of each pixel.
        starts: row and column of each point.
        floor: minimum cost per pixel of length.
    """
    height, width = features.shape[:2]
    cost = np.full((height, width), np.inf)
    for start in starts:
        cost[start] = 0.0
    steps = list[tuple[np.ndarray, np.ndarray, np.ndarray]]()
    for down, across, length in _STEPS:
        rows = slice(None, height - down), slice(down, None)
        columns = slice(max(-across, 0), width - max(across, 0)), slice(max(across, 0), width - max(-across, 0))
        tail, head = (rows[0], columns[0]), (rows[1], columns[1])
        price = (np.linalg.norm(features[head] - features[tail], axis=-1) + floor * length).astype(np.float64)
        steps += [(cost[tail], price, cost[head]), (cost[head], price, cost[tail])]
    before = np.zeros_like(cost)
    while not np.array_equal(cost, before):
        before[:] = cost
        for cells, price, neighbours in steps:
            np.minimum(cells + price, neighbours, out=neighbours)
    return cost.astype(np.float32)
