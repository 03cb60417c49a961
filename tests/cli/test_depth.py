"""Depth on the command line: the camera's own depth, and repairing depth in a selection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.batch import here
from dioptre.contract import Inputs
from dioptre.photo import inspect, read_embedded_depth

from ..editors.phone import write_phone_photo
from .test_batch import InThisProcess

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


Pipelines = list[tuple[str, Mapping[str, Any], Inputs]]


def test_depth_is_put_into_the_photo(pipelines: Pipelines, photo: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    code, _, err = dioptre("depth", photo, "-o", tmp_path / "d.jpg", "--depth-in-file")
    assert code == 0, err
    assert "also of faces" in err
    found = read_embedded_depth(tmp_path / "d.jpg")
    assert found is not None
    np.testing.assert_allclose(found.disparity[:, 0], np.linspace(0, 1, 32), atol=1 / 255)
    before, after = (np.asarray(Image.open(path), np.float32) for path in (photo, tmp_path / "d.jpg"))
    assert np.abs(before - after).mean() < 2
    note = inspect(tmp_path / "d.jpg")
    assert note is not None
    assert note.recipe["depth_in_file"] is True


@pytest.mark.parametrize("command", ["run", "batch"])
@pytest.mark.parametrize("operation", ["portrait", "depth"])
def test_recipes_put_it_into_results(  # noqa: PLR0917  (fixtures)
    operation: str,
    command: str,
    pipelines: Pipelines,
    photo: Path,
    tmp_path: Path,
    dioptre: Dioptre,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if command == "batch":
        monkeypatch.setattr(here, "LocalExecutor", InThisProcess)
    recipe = tmp_path / "recipe.json"
    steps = [{"operation": operation}]
    recipe.write_text(json.dumps({"version": 2, "steps": steps, "depth_in_file": True, "private": True}))
    (tmp_path / "in").mkdir()
    source = photo.rename(tmp_path / "in" / "photo.jpg")
    given = source if command == "run" else source.parent
    code, _, err = dioptre(command, given, "-o", tmp_path / "out", "--recipe", recipe)
    assert code == 0, err
    result = tmp_path / "out" / f"photo-{operation}.jpg"
    assert read_embedded_depth(result) is not None
    assert inspect(result) is None, "a private file has no record"
    recorded = json.loads(result.with_suffix(".json").read_text())
    assert recorded["depth_in_file"] is recorded["private"] is True


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("depth", "{png}", "-o", "{out}/d.png", "--depth-in-file"), "cannot be saved in a PNG"),
        (("depth", "{png}", "-o", "{out}/d.ora", "--depth-in-file"), "the format is not supported"),
        (("depth", "{png}", "-o", "{out}/d.tif", "--depth-in-file", "--metric"), "Leave out --metric"),
        (("run", "{png}", "-o", "{out}", "--depth-in-file"), "cannot be saved in a PNG"),
        (("run", "{jpg}", "-o", "{out}", "--depth-in-file", "--preset", "old-scan"), "no picture with depth"),
    ],
)
def test_what_cannot_have_depth_is_refused_before_it_is_computed(  # noqa: PLR0917  (fixtures)
    arguments: tuple[str, ...], reason: str, pipelines: Pipelines, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    Image.open(photo).save(tmp_path / "photo.png")
    out = tmp_path / "out"
    out.mkdir()
    places = {"png": tmp_path / "photo.png", "jpg": photo, "out": out}
    code, _, err = dioptre(*(argument.format(**places) for argument in arguments))
    assert code != 0
    assert reason in err
    assert not pipelines
    assert not list(out.iterdir())


def test_a_given_depth_map_is_put_into_the_blurred_photo(
    pipelines: Pipelines, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    given = np.linspace(0, 255, 48).astype(np.uint8)[None].repeat(32, 0)
    Image.fromarray(given).save(tmp_path / "given.png")
    code, _, err = dioptre(
        "lens-blur", photo, "-o", tmp_path / "b.jpg", "--depth", tmp_path / "given.png", "--depth-in-file"
    )
    assert code == 0, err
    found = read_embedded_depth(tmp_path / "b.jpg")
    assert found is not None
    np.testing.assert_allclose(found.disparity, given / 255, atol=1 / 255)


@pytest.mark.parametrize(
    ("command", "options", "names"),
    [
        ("depth", (), {"R", "G", "B", "Z"}),
        ("depth", ("--normals",), {"R", "G", "B", "Z", "N.X", "N.Y", "N.Z"}),
        ("lens-blur", (), {"R", "G", "B", "original.R", "original.G", "original.B"}),
        ("select-subject", (), {"R", "G", "B", "matte.A"}),
    ],
)
def test_layers_are_saved_for_compositing(  # noqa: PLR0917  (fixtures)
    command: str,
    options: tuple[str, ...],
    names: set[str],
    pipelines: Pipelines,
    photo: Path,
    tmp_path: Path,
    dioptre: Dioptre,
) -> None:
    OpenEXR = pytest.importorskip("OpenEXR")  # noqa: N806  (the module's own name)
    code, _, err = dioptre(command, photo, "-o", tmp_path / "a.exr", *options)
    assert code == 0, err
    with OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True) as file:
        assert set(file.channels()) == names


def test_run_saves_them_with_the_other_files(
    pipelines: Pipelines, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    pytest.importorskip("OpenEXR")
    code, printed, err = dioptre("run", photo, "-o", tmp_path / "out", "--exr")
    assert code == 0, err
    assert str(tmp_path / "out" / "photo-portrait.exr") in printed
    recipe = json.loads((tmp_path / "out" / "photo-portrait.json").read_text())
    assert "photo-portrait.exr" in recipe["files"]


@pytest.mark.parametrize("suffix", ["pfm", "npy"])
def test_depth_and_masks_are_saved_as_floats(
    suffix: str, pipelines: Pipelines, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    for command in ("depth", "select-subject"):
        code, _, err = dioptre(command, photo, "-o", tmp_path / f"{command}.{suffix}")
        assert code == 0, err
        assert (tmp_path / f"{command}.{suffix}").stat().st_size > 4 * 32 * 48


def test_metres_that_are_not_known_are_refused(
    pipelines: Pipelines, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    pytest.importorskip("OpenEXR")
    code, _, err = dioptre("depth", photo, "-o", tmp_path / "a.exr", "--metric")
    assert code == 1
    assert "in metres is not known" in err
    assert not (tmp_path / "a.exr").exists()
