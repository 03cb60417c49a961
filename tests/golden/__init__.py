"""Golden values of the original runtimes. See README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .pattern import pattern as pattern


def read_golden(name: str) -> dict[str, Any]:
    """Return the content of one JSON file in this folder."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))


def assert_golden(name: str, output: np.ndarray, *, tolerance: float) -> None:
    """Assert that `output` (height, width, channels) matches the golden values of one network."""
    assert_recorded(read_golden("networks")[name], output.transpose(2, 0, 1), tolerance=tolerance)


def assert_recorded(golden: dict[str, Any], output: np.ndarray, *, tolerance: float) -> None:
    """Assert that `output`, with its axes in the recorded order, matches the recorded values and statistics."""
    assert list(output.shape) == golden["shape"]
    places = np.array([int(place) for place in golden["at"]])
    np.testing.assert_allclose(output.ravel()[places], list(golden["at"].values()), atol=tolerance, rtol=0)
    found = [output.mean(), output.std(), output.min(), output.max()]
    np.testing.assert_allclose(found, [golden[k] for k in ("mean", "std", "min", "max")], atol=tolerance, rtol=0)
