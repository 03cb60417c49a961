"""Published packages for comparisons, and small networks with random weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx


@pytest.fixture
def published() -> Callable[[str], Path]:
    """A function that returns the path of a published package in the folder DIOPTRE_TEST_PACKAGES, by file name."""

    def find(name: str) -> Path:
        path = Path(os.environ.get("DIOPTRE_TEST_PACKAGES", "")) / name
        if not os.environ.get("DIOPTRE_TEST_PACKAGES") or not path.is_file():
            pytest.skip(f"DIOPTRE_TEST_PACKAGES names no folder with {name}")
        return path

    return find


@pytest.fixture
def randomised() -> Callable[[Callable[[nnx.Rngs], nnx.Module]], tuple[Any, dict[str, np.ndarray]]]:
    """A function that returns a network with random weights, and these by path."""

    def fill(make: Callable[[nnx.Rngs], nnx.Module]) -> tuple[Any, dict[str, np.ndarray]]:
        rng = np.random.default_rng(3)
        graph, state = nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))
        arrays = {}
        for path, variable in nnx.to_flat_state(state):
            values = rng.normal(0, 0.1, variable.shape).astype(np.float32)
            variable.set_value(jax.numpy.asarray(values))
            arrays[".".join(map(str, path))] = values
        return nnx.merge(graph, state), arrays

    return fill
