"""Parts of photographs to learn from, and outlines brought to the picture's edges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from dioptre.imaging.matting import refine_matte

SAME = 0.9  # share that a matte has to agree with its outline to take its place


def at_the_edge(picture: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """An outline drawn by hand, brought to the picture's own edges where that changes it little."""
    matte = refine_matte(picture, gaussian_filter(outline.astype(np.float32), 2.0))
    inside = matte > 0.5
    alike = (inside & outline).sum() / max((inside | outline).sum(), 1)
    return matte if alike > SAME else gaussian_filter(outline.astype(np.float32), 1.0)


def parts(target: np.ndarray, rng: np.random.Generator, count: int) -> Iterable[tuple[slice, slice, bool]]:
    """Rows and columns of the whole, then of parts that hold most of the subject; whether to change its light."""
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
    """Rows and columns of a crop round an instance; None where that is too small, or nearly the whole."""
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
