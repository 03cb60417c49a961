"""Find the region of a depth map that shows the same object as a mask."""

from __future__ import annotations

import numpy as np

from dioptre.features.subject.components import label_regions

LEVELS = 48


def nearer_part(disparity: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the connected region nearer than some level that overlaps the mask best (IoU).

    Args:
        disparity: (h, w), 1 = nearest.
        mask: (h, w), True inside.

    Returns:
        The best region over LEVELS levels, (h, w), True inside.
    """
    best, found = 0.0, np.zeros(mask.shape, bool)
    low, high = np.percentile(disparity, (1, 99))
    for level in np.linspace(low, high, LEVELS + 2)[1:-1]:
        labels, count = label_regions(disparity > level)
        both = np.bincount(labels[mask], minlength=count + 1)
        overlap = both / (np.bincount(labels.ravel(), minlength=count + 1) + mask.sum() - both)
        overlap[0] = 0.0
        if overlap.max() > best:
            best, found = float(overlap.max()), labels == overlap.argmax()
    return found
