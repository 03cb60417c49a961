"""The procedures and Update work in a real GIMP, without a dialog, on every kind of document.

The checks themselves run inside GIMP (see inside/); each of them is a test here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ...editors.phone import write_phone_photo
from .conftest import Gimp, check_names

pytestmark = pytest.mark.editor
SCRIPTS = (
    "procedures.py",
    "following.py",
    "layers.py",
    "updating.py",
    "editing.py",
    "enlarging.py",
    "repairing.py",
    "drawn.py",
    "placing.py",
    "selecting.py",
)


@pytest.fixture(scope="session")
def results(gimp: Gimp, request: pytest.FixtureRequest) -> dict[str, dict[str, str]]:
    """Results of the scripts whose tests were selected; they run in one GIMP."""
    selected = {item.name for item in request.session.items if item.path == Path(__file__)}
    scripts = [script for script in SCRIPTS if any(f"[{script}-" in name for name in selected)]
    write_phone_photo(gimp.out / "phone.jpg")
    return gimp.values_of(scripts, fonts=True)


@pytest.mark.parametrize(
    ("script", "check"), [(script, check) for script in SCRIPTS for check in check_names(script)]
)
def test_in_gimp(results: dict[str, dict[str, str]], script: str, check: str) -> None:
    assert results[script][check] == ""


@pytest.mark.parametrize(("script", "words"), [("enlarging.py", "The result has 96 × 64 pixels.")])
def test_what_is_said(results: dict[str, dict[str, str]], gimp: Gimp, script: str, words: str) -> None:
    assert results[script]
    assert words in (gimp.out / "console.log").read_text(encoding="utf-8")
