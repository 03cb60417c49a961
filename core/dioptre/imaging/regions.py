"""Regions of small maps: connected parts, and growth from a point along the cheapest path."""

from __future__ import annotations

import heapq

import numpy as np
from jaxtyping import Bool, Float32, Int

_STEPS = (
    (-1, 0, 1.0),
    (1, 0, 1.0),
    (0, -1, 1.0),
    (0, 1, 1.0),
    (-1, -1, 1.414),
    (-1, 1, 1.414),
    (1, -1, 1.414),
    (1, 1, 1.414),
)


def label_regions(mask: Bool[np.ndarray, "h w"]) -> tuple[Int[np.ndarray, "h w"], int]:
    """Number the 4-connected parts of `mask` 1, 2, …, largest first; 0 outside. Returns the labels and their count.

    Runs of each row are joined: made for maps of up to about 1000 x 1000.
    """
    parent: list[int] = [0]

    def root(label: int) -> int:
        while parent[label] != label:
            parent[label] = parent[parent[label]]
            label = parent[label]
        return label

    labels = np.zeros(mask.shape, np.int64)
    above: list[tuple[int, int, int]] = []
    for y, row in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8)))
        runs = []
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            touching = [label for first, last, label in above if first < stop and last > start]
            if touching:
                label = root(touching[0])
                for other in touching[1:]:
                    parent[root(other)] = label
            else:
                label = len(parent)
                parent.append(label)
            labels[y, start:stop] = label
            runs.append((start, stop, label))
        above = runs
    roots = np.array([root(label) for label in range(len(parent))])
    labels = roots[labels]
    found, sizes = np.unique(labels[labels > 0], return_counts=True)
    order = found[np.argsort(-sizes, kind="stable")]
    renumbered = np.zeros(len(parent), np.int64)
    renumbered[order] = np.arange(1, len(order) + 1)
    return renumbered[labels], len(order)


def travel_cost(
    features: Float32[np.ndarray, "h w c"], start: tuple[int, int], *, floor: float
) -> Float32[np.ndarray, "h w"]:
    """Cost of the cheapest path from `start` (row, column) to each pixel.

    A step costs the distance of the two pixels' features, plus `floor` a pixel. Dijkstra's algorithm.
    """
    height, width = features.shape[:2]
    cost = np.full((height, width), np.inf, np.float32)
    between = {
        (dy, dx): np.linalg.norm(features - np.roll(features, (-dy, -dx), (0, 1)), axis=-1) + floor * length
        for dy, dx, length in _STEPS
    }
    cost[start] = 0.0
    queue = [(0.0, start)]
    while queue:
        reached, (y, x) = heapq.heappop(queue)
        if reached > cost[y, x]:
            continue
        for dy, dx, _ in _STEPS:
            ny, nx = y + dy, x + dx
            if 0 <= ny < height and 0 <= nx < width:
                further = reached + float(between[dy, dx][y, x])
                if further < cost[ny, nx]:
                    cost[ny, nx] = further
                    heapq.heappush(queue, (further, (ny, nx)))
    return cost
