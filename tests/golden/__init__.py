"""Golden values of the original runtimes. See README.md."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .pattern import pattern as pattern


def assert_golden(name: str, output: np.ndarray, *, tolerance: float) -> None:
    """Compare `output` (height, width, channels) with the golden values of one network."""
    golden = json.loads((Path(__file__).parent / "networks.json").read_text(encoding="utf-8"))[name]
    planes = output.transpose(2, 0, 1)
    assert list(planes.shape) == golden["shape"]
    places = np.array([int(place) for place in golden["at"]])
    np.testing.assert_allclose(planes.ravel()[places], list(golden["at"].values()), atol=tolerance, rtol=0)
    found = [planes.mean(), planes.std(), planes.min(), planes.max()]
    np.testing.assert_allclose(found, [golden[k] for k in ("mean", "std", "min", "max")], atol=tolerance, rtol=0)
