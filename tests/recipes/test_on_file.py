"""A recipe applied to a file: a large picture is released between the steps, and the output files are the same."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dioptre import photo as files
from dioptre.photo.outputs import Outputs
from dioptre.photo.problems import UnwritableFile
from dioptre.recipes import on_file
from dioptre.recipes.on_file import Planes, follow_on_file
from dioptre_link.recipe import Recipe, Step

from ..photo.layered import read_layers
from ..photo.planes import write_metres

X2, X4, X8 = (Step(operation="super_resolution", options={"scale": scale}) for scale in (2, 4, 8))


def spatial(layout: str) -> Step:
    return Step(operation="spatial", options={"layout": layout})


TWO = Recipe(
    steps=(
        Step(operation="white_balance", options={"temperature": 7000.0}),
        Step(operation="white_balance", options={"temperature": 5000.0}),
    )
)


@pytest.mark.parametrize("released_pixels", [1, 10**9])
def test_the_original_is_below_whatever_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, released_pixels: int
) -> None:
    monkeypatch.setattr(on_file, "_RELEASED_PIXELS", released_pixels)
    ramp = np.linspace(0.1, 0.9, 60, dtype=np.float32)
    photo = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :48], np.float32(0.5)), axis=-1)
    files.save(photo, tmp_path / "in.png")
    loads = []
    monkeypatch.setattr(files, "load", lambda *args, load=files.load, **kw: loads.append(1) or load(*args, **kw))
    made = follow_on_file(TWO, tmp_path / "in.png")
    assert len(loads) == (2 if released_pixels == 1 else 1)
    outputs = Outputs(recipe=made.recipe, source=tmp_path / "in.png", folder=tmp_path / "out", stem="in")
    written = files.write_result(made.result, made.picture, outputs, force=False)
    layers = read_layers(tmp_path / "out" / "in-white-balance.ora").layers
    assert [layer.name for layer in layers][-1] == "Original"
    np.testing.assert_allclose(layers[-1].pixels[..., :3], photo, atol=1 / 255)
    assert zipfile.is_zipfile(next(path for path in written if path.suffix == ".ora"))
    assert any(path.name.endswith("-sheet.jpg") for path in written)


def test_a_file_that_changes_during_the_steps_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_file, "_RELEASED_PIXELS", 1)
    files.save(np.full((32, 48, 3), 0.5, np.float32), tmp_path / "in.png")

    def follow(*args: object, follow: Any = on_file.follow, **options: object) -> Any:
        files.save(np.full((32, 48, 3), 0.4, np.float32), tmp_path / "in.png", force=True)
        return follow(*args, **options)

    monkeypatch.setattr(on_file, "follow", follow)
    with pytest.raises(files.problems.UnreadableFile, match="changed"):
        follow_on_file(TWO, tmp_path / "in.png")


def test_a_depth_file_in_metres_gives_its_scale(tmp_path: Path) -> None:
    """The focus is at a distance in metres, and the recipe records the scale."""
    near = np.broadcast_to(np.linspace(0.1, 0.5, 48, dtype=np.float32), (32, 48))
    files.save(np.full((32, 48, 3), 0.5, np.float32), tmp_path / "in.png")
    write_metres(near, tmp_path / "depth.tif")
    options = {"lens_mm": 50.0, "f_number": 8.0, "focus_m": 4.0}
    blur = Recipe(steps=(Step(operation="lens_blur", options=options),))
    made = follow_on_file(blur, tmp_path / "in.png", planes=Planes(depth=tmp_path / "depth.tif"))
    assert made.recipe.depth_range_per_m == pytest.approx([0.1, 0.5])
    assert made.result.values["focal_disparity"] == pytest.approx((1 / 4 - 0.1) / 0.4)
    assert not made.result.values["metres_are_assumed"]
    assert any("distances from 2 m to 10 m" in str(message) for message in made.messages)


def test_the_precision_of_the_depth_network_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another precision gets a message; a recipe that estimates no depth records none."""
    ramp = np.linspace(0.1, 0.9, 64, dtype=np.float32)
    photo = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.float32(0.5)), axis=-1)
    files.save(photo, tmp_path / "in.png")
    depth = Recipe(steps=(Step(operation="depth"),))
    recorded = follow_on_file(depth, tmp_path / "in.png").recipe
    assert recorded.precision == "float32"
    assert Recipe.from_json(recorded.to_json()) == recorded
    assert not any(
        "this installation uses" in str(message)
        for message in follow_on_file(recorded, tmp_path / "in.png").messages
    )
    monkeypatch.setenv("DIOPTRE_PRECISION", "bfloat16")
    reduced = follow_on_file(recorded, tmp_path / "in.png")
    assert reduced.recipe.precision == "bfloat16"
    assert any(
        "depth was estimated in float32, but this installation uses bfloat16" in str(message)
        for message in reduced.messages
    )
    assert follow_on_file(TWO, tmp_path / "in.png").recipe.precision == ""


@pytest.mark.parametrize(
    ("kind", "width", "steps", "hint"),
    [
        (files.Format.WEBP, 4100, (X4,), ".jpg or .png or .tif"),
        (files.Format.AVIF, 4100, (X2, X2), ".jpg or .png or .tif"),
        (files.Format.HEIC, 4100, (X4,), ".jpg or .png or .tif"),
        (files.Format.JPEG, 4100, (X8, X2), ".png or .tif"),
        (files.Format.WEBP, 8200, (spatial("parallel"),), ".jpg or .png or .tif"),
        (files.Format.JPEG, 16400, (X2, spatial("rgbd")), ".png or .tif"),
    ],
)
def test_a_result_beyond_its_format_is_refused_before_any_step(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kind: files.Format,
    width: int,
    steps: tuple[Step, ...],
    hint: str,
) -> None:
    def computed(*_: object, **__: object) -> None:
        raise AssertionError("a step was run")

    monkeypatch.setattr(on_file, "follow", computed)
    files.save(np.full((4, width, 3), 0.5, np.float32), tmp_path / "in.png")
    with pytest.raises(UnwritableFile) as refused:
        follow_on_file(Recipe(steps=steps), tmp_path / "in.png", kind=kind)
    assert hint in refused.value.hint
    with pytest.raises(AssertionError, match="a step was run"):
        follow_on_file(Recipe(steps=steps), tmp_path / "in.png", kind=files.Format.PNG)


def test_a_quilt_that_is_smaller_than_its_photo_is_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(*_: object, **__: object) -> None:
        raise AssertionError("a step was run")

    monkeypatch.setattr(on_file, "follow", computed)
    files.save(np.full((4, 30_000, 3), 0.5, np.float32), tmp_path / "in.png")
    with pytest.raises(AssertionError, match="a step was run"):
        follow_on_file(Recipe(steps=(spatial("quilt"),)), tmp_path / "in.png", kind=files.Format.WEBP)


def test_a_panorama_too_wide_for_a_format_is_refused_without_enlarging(tmp_path: Path) -> None:
    files.save(np.full((4, 30_000, 3), 0.5, np.float32), tmp_path / "in.png")
    for kind in (files.Format.WEBP, files.Format.AVIF, files.Format.HEIC):
        with pytest.raises(UnwritableFile, match="30000"):
            follow_on_file(TWO, tmp_path / "in.png", kind=kind)
    assert follow_on_file(TWO, tmp_path / "in.png", kind=files.Format.JPEG).picture.width == 30_000
