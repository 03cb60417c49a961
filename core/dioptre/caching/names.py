"""Cache keys: digests of a step and of everything that determines its result."""

from __future__ import annotations

import hashlib
import json
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from dioptre.contract import StepResult

from .digests import digest_of_array


class Names:
    """Registry of arrays' names, looked up by the array's identity, so that no array is hashed twice."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[weakref.ref[np.ndarray], str]] = {}

    def name(self, array: np.ndarray, name: str) -> None:
        self._names = {key: known for key, known in self._names.items() if known[0]() is not None}
        self._names[id(array)] = (weakref.ref(array), name)

    def name_planes(self, key: str, result: StepResult) -> None:
        """Name the planes of a step's result after the step's key."""
        for plane_name, plane in result.planes.items():
            self.name(plane, f"{key} {plane_name}")

    def key(self, step: str, given: Mapping[str, Any]) -> str:
        from .software import computing_setup  # imports JAX, which a cache that is only prepared does not need

        text = json.dumps([step, computing_setup(), self._identified(dict(given))], sort_keys=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def _identified(self, value: Any) -> Any:
        """Return `value` with every array replaced by its name."""
        if isinstance(value, np.ndarray):
            return self._name_of(value)
        if isinstance(value, dict):
            return {key: self._identified(item) for key, item in value.items()}
        return [self._identified(item) for item in value] if isinstance(value, (list, tuple)) else value

    def _name_of(self, array: np.ndarray) -> str:
        known = self._names.get(id(array))
        if known is not None and known[0]() is array:
            return known[1]
        digest = digest_of_array(array)
        if array.ndim == 3:  # a picture: keep its digest, because several steps read it and none changes it
            self.name(array, digest)
        return digest
