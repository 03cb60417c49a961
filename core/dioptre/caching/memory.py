"""In-memory step cache of one picture, for small results; it lives as long as its client keeps the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dioptre.imaging.step_cache import StepResult

from .names import Names

LARGEST_BYTES = 4 << 20
"""Of a result that is kept: what networks say has their own size, and a preview is about as small."""

MOST_RESULTS = 24
"""Of the latest steps: of several points that a user clicks on."""


class MemoryCache:
    """Results of steps in `kept`, by their keys. For one thread at a time."""

    def __init__(self, kept: dict[str, StepResult]) -> None:
        self._kept = kept
        self._names = Names()

    def name(self, array: np.ndarray, name: str) -> None:
        """As `StepCache.name`."""
        self._names.name(array, name)

    def result(self, step: str, given: Mapping[str, Any], compute: Callable[[], StepResult]) -> StepResult:
        """As `StepCache.result`."""
        key = self._names.key(step, given)
        result = self._kept.pop(key, None)
        if result is None:
            result = compute()
        if sum(plane.nbytes for plane in result.planes.values()) <= LARGEST_BYTES:
            self._kept[key] = result
        while len(self._kept) > MOST_RESULTS:
            del self._kept[next(iter(self._kept))]
        self._names.name_planes(key, result)
        return result
