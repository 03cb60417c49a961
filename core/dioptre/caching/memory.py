"""In-memory cache of one picture's small step results, kept for as long as the client keeps the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dioptre.contract import StepResult

from .names import Names

LARGEST_BYTES = 4 << 20
"""Maximum size of a cached result. Network outputs and previews are smaller than this."""

MOST_RESULTS = 24
"""Maximum number of cached results, enough for several points that a user clicks on."""


class MemoryCache:
    """Cache that stores step results in the dictionary `kept`, by key. Not thread-safe."""

    def __init__(self, kept: dict[str, StepResult]) -> None:
        self._kept = kept
        self._names = Names()

    def name(self, array: np.ndarray, name: str) -> None:
        """See `StepCache.name`."""
        self._names.name(array, name)

    def result(self, step: str, given: Mapping[str, Any], compute: Callable[[], StepResult]) -> StepResult:
        """See `StepCache.result`."""
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
