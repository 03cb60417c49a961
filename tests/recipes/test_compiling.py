"""Each operation, run again at other sizes and with other options, needs no further compilation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Inputs
from dioptre.recipes.apply import apply

EXAMPLE = Path(__file__).parents[2] / "examples" / "astronaut.jpg"

Options = Mapping[str, Any]
OPERATIONS: Mapping[str, tuple[Options, Options]] = {
    "depth": ({}, {"confidence": True}),
    # There is no blur, because its programs depend on the picture's content; tests/optics covers it.
    "portrait": ({"max_radius": 0.0}, {"max_radius": 0.0, "keep_subject": 0.3, "focus_range": 0.2}),
    "repair_depth": ({"mode": "fill"}, {"mode": "smooth", "feather": 4.0}),
    "super_resolution": ({"scale": 2.0}, {"scale": 1.7, "fidelity": 0.5}),
    "white_balance": ({}, {"temperature": 4300.0, "keep_warmth": 0.4}),
}


def inputs(height: int, width: int) -> Inputs:
    """Return a nearly square photograph, a slope as depth, and a selection in the middle."""
    with Image.open(EXAMPLE) as image:
        picture = np.asarray(image.convert("RGB").resize((width, height)), np.float32) / 255
    slope = np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, axis=1)
    selection = np.zeros((height, width), np.float32)
    selection[height // 3 : height // 2, width // 3 : width // 2] = 1
    return Inputs(picture=picture, disparity=slope, selection=selection)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_second_run_compiles_nothing(operation: str, compiled: list[float]) -> None:
    first, second = OPERATIONS[operation]
    apply(operation, first, inputs(108, 105))
    compiled.clear()
    apply(operation, second, inputs(117, 121))
    assert not compiled
