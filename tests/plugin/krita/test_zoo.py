"""Documents of every model, depth and profile: Krita's result equals the core's own on the same pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dioptre.contract import Inputs
from dioptre.recipes.apply import apply
from dioptre.worker import pixels
from dioptre_link.wire import PixelFormat, Pixels

from .conftest import Krita

pytestmark = pytest.mark.editor
NUMPY: dict[str, Any] = {"U8": np.uint8, "U16": np.uint16, "F16": np.float16, "F32": np.float32}
# Tolerances by bit depth: one code value for integers, and the format's precision for floats. XYZ and Lab floats
# have values up to 100.
TOLERANCES = {"U8": 1, "U16": 1, "F16": 1e-3, "F32": 1e-5}


def expected(out: Path, case: dict[str, Any], size: tuple[int, int], options: dict[str, float]) -> None:
    """Write the core's own result on the input pixels as `NAME.core`, in the format of the input."""
    height, width = size
    layout = PixelFormat(case["dtype"], case["channels"], case["order"], case["encoding"])
    with (out / f"{case['name']}.picture").open("rb", buffering=0) as file:
        picture = pixels.read_picture(file, Pixels("a.raw", width, height, layout))
    disparity = np.ascontiguousarray(np.fromfile(out / "disparity", np.float32).reshape(height, width, 2)[..., 0])
    result = apply("lens_blur", options, Inputs(picture=picture, disparity=disparity)).layers[0].pixels
    with (out / f"{case['name']}.core").open("wb", buffering=0) as file:
        pixels.write_layer(file, result, layout)


def test_every_document(krita: Krita) -> None:
    assert krita.checks("zoo.py", ZOO="make") == {"check_zoo": ""}
    made = json.loads((krita.out / "cases.json").read_text(encoding="utf-8"))
    for case in made["cases"]:
        expected(krita.out, case, (made["height"], made["width"]), made["options"])
    assert krita.checks("zoo.py", ZOO="store") == {"check_zoo": ""}
    wrong = []
    for case in made["cases"]:
        kind = NUMPY[case["depth"]]
        core_file = krita.out / f"{case['name']}.{'core' if case['direct'] else 'stored'}"
        core = np.fromfile(core_file, kind).astype(np.float64)
        ours = np.fromfile(krita.out / f"{case['name']}.result", kind).astype(np.float64)
        channels = ours.size // (made["width"] * made["height"])
        seen = ours.reshape(-1, channels)[:, -1] > 0  # The colour of a fully transparent pixel does not matter.
        ours, core = ours.reshape(-1, channels)[seen], core.reshape(-1, channels)[seen]
        tolerance = TOLERANCES[case["depth"]] * max(1.0, float(np.abs(core).max()) if kind == np.float32 else 1.0)
        if (worst := float(np.abs(ours - core).max())) > tolerance:
            wrong.append(f"{case['name']}: {worst:g}")
    assert len(made["cases"]) == 21
    assert not wrong
