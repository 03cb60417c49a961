"""The set of files that a run writes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Layer, Result
from dioptre.photo import inspect, load, problems, read_depth
from dioptre.photo.encode.encoding import encode
from dioptre.photo.encode.sheet import Panel, sheet
from dioptre.photo.picture import Format, Picture
from dioptre_link.operation import Role
from dioptre_link.recipe import Recipe

from .layered import read_layers
from .written import write_run

RECIPE = Recipe.from_dict(
    {
        "version": 2,
        "steps": [{"operation": "portrait", "options": {"f_number": 2.8}}],
        "models": {"m": "c" * 64},
    }
).to_dict()


@pytest.fixture
def picture(tmp_path: Path, photo: np.ndarray) -> Picture:
    Image.fromarray(photo).save(tmp_path / "photo.jpg", quality=95)
    return load(tmp_path / "photo.jpg")


def _result(picture: Picture) -> Result:
    depth = np.linspace(0, 1, picture.width * picture.height, dtype=np.float32).reshape(picture.pixels.shape[:2])
    return Result(
        layers=(
            Layer(name="Portrait", role=Role.RESULT, pixels=picture.pixels[::-1].copy()),
            Layer(name="Depth", role=Role.DEPTH, pixels=depth, visible=False),
        ),
        models={"m": "c" * 64},
    )


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_whole_set(out: Path, picture: Picture) -> None:
    seen: list[float] = []
    paths = write_run(
        _result(picture), picture, out, "photo", force=False, recipe=RECIPE, progress=lambda f, _: seen.append(f)
    )
    assert sorted(path.name for path in paths) == _names(out)
    assert _names(out) == [
        "photo-portrait-depth.png",
        "photo-portrait-depth.tif",
        "photo-portrait-sheet.jpg",
        "photo-portrait.jpg",
        "photo-portrait.json",
        "photo-portrait.ora",
    ]
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    flat = load(out / "photo-portrait.jpg")
    assert np.abs(flat.pixels - picture.pixels[::-1]).mean() < 0.02
    depth = read_depth(out / "photo-portrait-depth.tif", width=40, height=24)
    np.testing.assert_array_equal(depth.disparity, _result(picture).layers[1].pixels)
    layered = read_layers(out / "photo-portrait.ora")
    assert [layer.name for layer in layered.layers] == ["Portrait", "Depth", "Original"]
    assert [layer.visible for layer in layered.layers] == [True, False, False]
    written = json.loads((out / "photo-portrait.json").read_text(encoding="utf-8"))
    listed = written.pop("files")
    assert written == RECIPE
    assert listed == {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in paths
        if path.suffix != ".json"
    }
    with Image.open(out / "photo-portrait-sheet.jpg") as page:
        assert page.width > 3 * 40


@pytest.mark.parametrize("name", ["photo-portrait.jpg", "photo-portrait.ora", "photo-portrait.json"])
def test_inspect_reads_what_was_done(out: Path, picture: Picture, name: str) -> None:
    write_run(_result(picture), picture, out, "photo", force=False, recipe=RECIPE)
    note = inspect(out / name)
    assert note is not None
    assert note.software.startswith("Dioptre")
    assert note.operation == "portrait"
    assert dict(note.models) == {"m": "c" * 64}
    assert {key: value for key, value in note.recipe.items() if key != "files"} == RECIPE
    assert note.source_type.endswith("algorithmicallyEnhanced")


def test_inspect_of_other_files(picture: Picture, tmp_path: Path) -> None:
    assert inspect(picture.path) is None
    with pytest.raises(problems.MissingFile):
        inspect(tmp_path / "nowhere.jpg")
    (tmp_path / "a.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(problems.NotAPicture):
        inspect(tmp_path / "a.json")
    (tmp_path / "b.json").write_text('{"other": 1}', encoding="utf-8")
    assert inspect(tmp_path / "b.json") is None


def test_nothing_is_written_where_one_file_exists(out: Path, picture: Picture) -> None:
    (out / "photo-portrait.json").write_text("mine", encoding="utf-8")
    with pytest.raises(problems.FileExists, match=r"photo-portrait\.json"):
        write_run(_result(picture), picture, out, "photo", force=False, recipe=RECIPE)
    assert _names(out) == ["photo-portrait.json"]
    assert len(write_run(_result(picture), picture, out, "photo", force=True, recipe=RECIPE)) == 6
    assert json.loads((out / "photo-portrait.json").read_text(encoding="utf-8"))["steps"] == RECIPE["steps"]


def test_an_error_half_way_leaves_nothing(tmp_path: Path, picture: Picture) -> None:
    def stop(fraction: float, _: str) -> None:
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_run(_result(picture), picture, tmp_path / "new", "photo", force=False, recipe=RECIPE, progress=stop)
    assert not (tmp_path / "new").exists()


def test_the_input_is_never_replaced(picture: Picture) -> None:
    original = picture.path.read_bytes()
    odd = picture.path.with_name("photo-portrait.jpg")
    picture.path.rename(odd)
    moved = load(odd)
    with pytest.raises(problems.FileExists, match="input"):
        write_run(_result(moved), moved, odd.parent, "photo", force=True, recipe=RECIPE)
    assert odd.read_bytes() == original


def test_depth_alone(out: Path, picture: Picture) -> None:
    result = Result(layers=_result(picture).layers[1:])
    write_run(result, picture, out, "photo", force=False, recipe={"steps": [{"operation": "depth"}]})
    assert _names(out) == [
        "photo-depth-sheet.jpg",
        "photo-depth.json",
        "photo-depth.ora",
        "photo-depth.png",
        "photo-depth.tif",
    ]
    assert [layer.visible for layer in read_layers(out / "photo-depth.ora").layers] == [False, True]


def test_depth_of_a_step_without_files_for_it_is_a_layer(out: Path, picture: Picture) -> None:
    recipe = {**RECIPE, "steps": [{"operation": "super_resolution", "options": {}}]}
    write_run(_result(picture), picture, out, "photo", force=False, recipe=recipe)
    base = "photo-super-resolution"
    assert _names(out) == [f"{base}-sheet.jpg", f"{base}.jpg", f"{base}.json", f"{base}.ora"]
    assert [layer.name for layer in read_layers(out / f"{base}.ora").layers] == ["Portrait", "Depth", "Original"]


def test_larger_result(out: Path, picture: Picture) -> None:
    large = Layer(name="×2", role=Role.RESULT, pixels=np.repeat(np.repeat(picture.pixels, 2, 0), 2, 1))
    recipe = {"steps": [{"operation": "super_resolution"}]}
    write_run(Result(layers=(large,)), picture, out, "photo", force=False, recipe=recipe)
    assert "photo-super-resolution.jpg" in _names(out)
    assert load(out / "photo-super-resolution.jpg").width == 80
    assert len(read_layers(out / "photo-super-resolution.ora").layers) == 1


def test_formats_that_cannot_be_written_are_said(tmp_path: Path, out: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "a.gif")
    picture = load(tmp_path / "a.gif")
    messages: list[str] = []
    write_run(_result(picture), picture, out, "a", force=False, recipe=RECIPE, on_message=messages.append)
    assert (out / "a-portrait.png").exists()
    assert messages


def test_sixteen_bits_stay_sixteen(tmp_path: Path, out: Path, photo: np.ndarray) -> None:
    (tmp_path / "a.TIFF").write_bytes(encode(photo.astype(np.uint16) * 257, Format.TIFF))
    picture = load(tmp_path / "a.TIFF")
    write_run(_result(picture), picture, out, "a", force=False, recipe=RECIPE)
    assert load(out / "a-portrait.TIFF").source.bits == 16


def test_sheet_shows_the_panels_in_order() -> None:
    red = np.zeros((200, 300, 3), np.float32)
    red[..., 0] = 1
    page = sheet(
        [Panel(caption="Before", pixels=red), Panel(caption="Depth", pixels=np.ones((200, 300), np.float32))]
    )
    colours = {tuple(page[40, x]) for x in (60, 60 + 300 + 28)}
    assert colours == {(255, 0, 0), (255, 255, 255)}
    wide = sheet([Panel(caption="Before", pixels=np.zeros((10, 100, 4), np.float32))] * 2)
    assert wide.shape[0] > 2 * (10 + 25), "panoramas lie one below the other"
