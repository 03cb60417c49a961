"""Every module of `benchmarks` and `training` can be imported, so that none of these scripts breaks unnoticed.

mypy checks the names that they import inside functions.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from dioptre import runtime
from tests.tracked import tracked

ROOT = Path(__file__).resolve().parents[2]
OPTIONAL = {"cv2", "evalkit", "grain", "mitsuba", "onnx", "onnxruntime", "optax", "torch"}
"""Packages and files that only these scripts need."""

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("benchmarks", "training")
    for path in tracked(f"{folder}/**/*.py")
)


@pytest.mark.parametrize("name", MODULES)
def test_a_script_can_be_imported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "prepare", lambda: None)  # The test run has prepared this process already.
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"not imported: {name} needs {error.name}")


def test_all_scripts_are_found() -> None:
    assert {"benchmarks.lens_blur", "training.depth.train", "training.dinov2_vits14.convert"} <= set(MODULES)
