"""Regions of small maps: connected components, and the cheapest paths from a point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy import ndimage, sparse

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
    number = np.arange(height * width).reshape(height, width)
    costs, tails, heads = [], [], []
    for down, across, length in _STEPS:
        rows = slice(None, height - down), slice(down, None)
        columns = slice(max(-across, 0), width - max(across, 0)), slice(max(across, 0), width - max(-across, 0))
        tail, head = (rows[0], columns[0]), (rows[1], columns[1])
        costs.append(np.linalg.norm(features[head] - features[tail], axis=-1) + floor * length)
        tails.append(number[tail])
        heads.append(number[head])
    flat = [np.concatenate([part.ravel() for part in parts]) for parts in (costs, tails, heads)]
    steps = sparse.csr_array((flat[0], (flat[1], flat[2])), shape=(height * width,) * 2)
    sources = [int(number[start]) for start in starts]
    cost: np.ndarray = sparse.csgraph.dijkstra(steps, directed=False, indices=sources, min_only=True)
    return cost.reshape(height, width).astype(np.float32)
