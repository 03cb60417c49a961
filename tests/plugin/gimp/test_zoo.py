"""Documents of every precision, mode and profile: GIMP's result equals the core's own on the same pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from dioptre.contract import Inputs
from dioptre.recipes.apply import apply

from .conftest import Gimp

pytestmark = pytest.mark.editor
OPTIONS = {"focal_disparity": 0.85, "max_radius": 6.0}
KINDS: Mapping[str, tuple[Any, float]] = {
    # The storage type of each precision's samples, and the allowed difference: one code value for 8 and 16 bits.
    # The core computes in float32 and its blur sums by FFT with an error of about 1e-6, so higher precisions agree
    # to 1e-5.
    "U8": (np.uint8, 1),
    "U16": (np.uint16, 1),
    "U32": (np.uint32, 1e-5 * 2**32),
    "HALF": (np.float16, 1e-3),
    "FLOAT": (np.float32, 1e-5),
    "DOUBLE": (np.float64, 1e-5),
}


@pytest.fixture(scope="module")
def zoo(gimp: Gimp) -> list[dict[str, Any]]:
    made = gimp.values("zoo.py", environment={"ZOO": "make"})
    shape = (made["height"], made["width"])
    for case in made["cases"]:
        picture = np.fromfile(gimp.out / f"{case['name']}.picture", np.float32).reshape(*shape, 4)
        disparity = np.fromfile(gimp.out / f"{case['name']}.disparity", np.float32).reshape(shape)
        given = picture if case["alpha"] else np.ascontiguousarray(picture[..., :3])
        blurred = apply("lens_blur", OPTIONS, Inputs(picture=given, disparity=disparity)).layers[0].pixels
        if blurred.shape[2] == 3:
            blurred = np.concatenate([blurred, np.ones((*shape, 1), np.float32)], axis=-1)
        blurred.astype(np.float32).tofile(gimp.out / f"{case['name']}.core")
    gimp.values("zoo.py", environment={"ZOO": "store"}, worker=False)
    return made["cases"]


def test_every_document(gimp: Gimp, zoo: list[dict[str, Any]]) -> None:
    assert len(zoo) == 32
    wrong = []
    for case in zoo:
        kind, tolerance = KINDS[case["precision"].split("_")[0]]
        ours = np.fromfile(gimp.out / f"{case['name']}.result", kind).astype(np.float64)
        core = np.fromfile(gimp.out / f"{case['name']}.stored", kind).astype(np.float64)
        channels = case["bytes"] // np.dtype(kind).itemsize
        ours, core = ours.reshape(-1, channels), core.reshape(-1, channels)
        if case["alpha"]:  # The more transparent a pixel is, the less its colour matters.
            whole = float(np.iinfo(kind).max) if np.issubdtype(kind, np.integer) else 1.0
            ours[:, :-1] *= core[:, -1:] / whole
            core[:, :-1] *= core[:, -1:] / whole
        if ours.shape != core.shape or (worst := float(np.abs(ours - core).max())) > tolerance:
            wrong.append(f"{case['name']}: {worst if ours.shape == core.shape else 'another size'}")
    assert not wrong
