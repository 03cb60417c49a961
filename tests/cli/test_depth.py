"""Depth on the command line: the camera's own depth, and repairing depth in a selection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Inputs

from ..editors.phone import write_phone_photo

Dioptre = Callable[..., tuple[int, str, str]]


@pytest.fixture
def portrait_photo(tmp_path: Path) -> Path:
    """A photo with the camera's depth, from 1 m on the left to 4 m on the right."""
    return write_phone_photo(tmp_path / "portrait.jpg")


def test_the_cameras_depth_and_its_metres_are_kept(portrait_photo: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    out = tmp_path / "depth.ora"
    code, printed, err = dioptre("depth", portrait_photo, "-o", out, "--no-refine", "--json")
    assert code == 0, err
    values = json.loads(printed.splitlines()[-1])["values"]
    assert values["depth_source"] == "GDepth"
    assert values["depth_range_per_m"] == pytest.approx([0.25, 1.0], abs=0.02)
    code, printed, _ = dioptre("depth", portrait_photo, "-o", tmp_path / "d.tif", "--no-refine")
    assert code == 0
    depth = np.asarray(Image.open(tmp_path / "d.tif"))
    assert depth[16, 2] > 0.9
    assert depth[16, 45] < 0.1


def test_a_photo_without_it_says_so(photo: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    code, _, err = dioptre("depth", photo, "-o", tmp_path / "d.png", "--depth-source", "embedded")
    assert code == 1
    assert "no depth map from the camera" in err


def test_it_is_not_read_when_an_estimate_is_asked_for(
    pipelines: list[tuple[str, Mapping[str, Any], Inputs]], portrait_photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    for source, found in (("estimate", False), ("auto", True)):
        assert dioptre("depth", portrait_photo, "-o", tmp_path / f"{source}.png", "--depth-source", source)[0] == 0
        assert (pipelines[-1][2].embedded is not None) == found


def test_depth_is_repaired_in_a_selection(photo: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    depth, selection = np.full((32, 48), 100, np.uint8), np.zeros((32, 48), np.uint8)
    selection[8:24, 12:36] = 255
    for name, values in (("depth", depth), ("selection", selection)):
        Image.fromarray(values).save(tmp_path / f"{name}.png")
    code, _, err = dioptre(
        *("repair-depth", photo, "-o", tmp_path / "repaired.tif", "--depth", tmp_path / "depth.png"),
        *("--selection", tmp_path / "selection.png", "--mode", "shift", "--amount", "0.25", "--feather", "0"),
    )
    assert code == 0, err
    repaired = np.asarray(Image.open(tmp_path / "repaired.tif"))
    np.testing.assert_allclose(repaired, 100 / 255 + 0.25 * (selection > 0), atol=1e-5)
    steps = [{"operation": "repair_depth", "options": {"mode": "shift", "amount": 0.25, "feather": 0}}]
    (tmp_path / "repair.json").write_text(json.dumps({"version": 1, "steps": steps}), encoding="utf-8")
    code, _, err = dioptre(
        *("run", photo, "-o", tmp_path / "out", "--recipe", tmp_path / "repair.json"),
        *("--depth", tmp_path / "depth.png", "--selection", tmp_path / "selection.png"),
    )
    assert code == 0, err
    np.testing.assert_array_equal(np.asarray(Image.open(next((tmp_path / "out").glob("*.tif")))), repaired)
