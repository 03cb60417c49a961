"""Choose crops of photographs to learn from, and snap outlines to the picture's edges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from dioptre.features.subject.matting import refine_matte

SAME = 0.9  # Overlap (IoU) with its outline above which a matte replaces the outline.


def at_the_edge(picture: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Snap a hand-drawn outline to the picture's edges, unless that changes it much.

    Args:
        picture: (h, w, 3) in [0, 1].
        outline: (h, w), True inside.

    Returns:
        The refined matte (h, w), or the slightly blurred outline, in [0, 1].
    """
    matte = refine_matte(picture, gaussian_filter(outline.astype(np.float32), 2.0))
    inside = matte > 0.5
    alike = (inside & outline).sum() / max((inside | outline).sum(), 1)
    return matte if alike > SAME else gaussian_filter(outline.astype(np.float32), 1.0)


def parts(target: np.ndarray, rng: np.random.Generator, count: int) -> Iterable[tuple[slice, slice, bool]]:
    """Yield the whole picture, then random crops that contain most of the subject.

    Args:
        target: (h, w) matte in [0, 1].
        rng: Source of randomness.
        count: Number of attempts, the whole picture included.

    Yields:
        The rows, the columns, and whether to change the light (for crops only).
    """
    height, width = target.shape
    yield slice(0, height), slice(0, width), False
    for _ in range(count - 1):
        share = rng.uniform(0.5, 1)
        h, w = int(height * share), int(width * share * rng.uniform(0.75, 1))
        top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
        part = target[top : top + h, left : left + w]
        if 0.03 <= part.mean() <= 0.8 and part.sum() >= 0.55 * target.sum():
            yield slice(top, top + h), slice(left, left + w), True


def round_instance(
    instance: dict[str, Any], size: tuple[int, int], rng: np.random.Generator
) -> tuple[slice, slice] | None:
    """Return the rows and columns of a random crop around an instance.

    Args:
        instance: An instance with its "bbox", as COCO describes it.
        size: Width and height of the picture.
        rng: Source of randomness.

    Returns:
        The crop, or None when it would be too small or cover nearly the whole picture.
    """
    width, height = size
    x, y, box_width, box_height = instance["bbox"]
    aspect = rng.uniform(0.7, 1.45) ** 0.5
    side = max(box_width / aspect, box_height * aspect) * rng.uniform(1.15, 2.4)
    w, h = int(min(side * aspect, width)), int(min(side / aspect, height))
    shift = rng.uniform(-0.5, 0.5, 2) * np.maximum([w - box_width, h - box_height], 0)
    if min(w, h) < 110 or w * h > 0.8 * width * height:
        return None
    left = int(np.clip(x + box_width / 2 + shift[0] - w / 2, 0, width - w))
    top = int(np.clip(y + box_height / 2 + shift[1] - h / 2, 0, height - h))
    return slice(top, top + h), slice(left, left + w)
