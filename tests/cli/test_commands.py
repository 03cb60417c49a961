"""Commands, exit codes and messages, with fake networks and real files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.cli.main import group
from dioptre.contract import Inputs
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.operation import Kind, Parameter
from dioptre_link.recipe import Recipe

Dioptre = Callable[..., tuple[int, str, str]]
Calls = list[tuple[str, Mapping[str, Any], Inputs]]


def options_of(name: str) -> list[Parameter]:
    """Return an operation's options, without the frame that a dialog shows of a film."""
    return [one for one in OPERATIONS[name].parameters if one.name != OPERATIONS[name].framed_by]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_described_option_is_an_option(name: str) -> None:
    command = group.commands["run" if name == "portrait" else OPERATIONS[name].command]
    spellings = {
        spelling for parameter in command.params for spelling in (*parameter.opts, *parameter.secondary_opts)
    }
    for parameter in options_of(name):
        flag = "--" + parameter.name.replace("_", "-")
        assert flag in spellings
        if parameter.kind is Kind.BOOLEAN:
            assert "--no-" + flag[2:] in spellings


@pytest.mark.parametrize("name", OPERATIONS)
def test_help_shows_help_range_and_default_of_every_option(name: str, dioptre: Dioptre) -> None:
    code, out, _ = dioptre("run" if name == "portrait" else OPERATIONS[name].command, "--help")
    text = " ".join(out.split())
    assert code == 0
    for parameter in options_of(name):
        assert parameter.help in text
        if parameter.minimum is not None:
            assert f"{parameter.minimum:g} to {parameter.maximum:g}" in text


def test_run_writes_all_files_and_a_recipe_that_gives_the_same_again(
    pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    code, out, err = dioptre("run", photo, "-o", tmp_path / "out", "--f-number", "1.4", "--set", "refine=no")
    assert code == 0, err
    written = [Path(line) for line in out.splitlines()]
    assert sorted(written) == sorted((tmp_path / "out").iterdir())
    assert {path.suffix for path in written} == {".jpg", ".ora", ".png", ".tif", ".json"}
    assert "photo.jpg: portrait was pretended." in err
    assert pipelines[0][1]["f_number"] == 1.4
    assert pipelines[0][1]["refine"] is False

    (recipe,) = [path for path in written if path.suffix == ".json"]
    read = Recipe.from_json(recipe.read_text(encoding="utf-8"))
    assert read.models == {"pretended": "0" * 64}
    assert len(read.input_sha256) == 64
    code, out, err = dioptre("run", photo, "-o", tmp_path / "again", "--recipe", recipe)
    assert code == 0, err
    assert pipelines[0][1]["depth_model"] == "best"
    assert pipelines[1][:2] == ("portrait", {**pipelines[0][1], "depth_model": "dioptre-depth-small"})
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == sorted(path.name for path in written)


def another(parameter: Parameter) -> str:
    """Return a value other than the default, as it is typed."""
    if parameter.kind is Kind.BOOLEAN:
        return ""
    if parameter.kind is Kind.CHOICE:
        return next(choice for choice in parameter.choices if choice != parameter.default)
    if parameter.kind in (Kind.FLOAT, Kind.INTEGER):
        assert parameter.minimum is not None
        return f"{parameter.maximum if parameter.default == parameter.minimum else parameter.minimum:g}"
    return {Kind.POINT: "7,5", Kind.POINTS: "7,5", Kind.BOX: "2,3,9,11", Kind.DISTANCES: "7,5,2"}[parameter.kind]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_option_reaches_its_operation(
    name: str, pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    """An argument of the command's own with an option's name would take its value."""
    described = OPERATIONS[name]
    Image.fromarray(np.full((8, 9, 4), 200, np.uint8)).save(tmp_path / "layer.png")
    strokes = tmp_path / "strokes.json"
    strokes.write_text('[{"keep": true, "radius": 0.05, "points": [[0.25, 0.5]]}]', encoding="utf-8")
    inputs = [photo, *([tmp_path / "layer.png"] if described.places else [])]
    output = tmp_path / "out"
    if name != "portrait":
        output = output.with_suffix(".webp" if name == "film" else ".png")
    for parameter in options_of(name):
        value = str(strokes) if parameter.kind is Kind.STROKES else another(parameter)
        if name == "spatial" and value == "mpo":
            value = "rgbd"
        flag = f"--{'no-' if parameter.default is True else ''}{parameter.flag[2:]}"
        code, _, err = dioptre(
            described.command, *inputs, "-o", output, "--force", flag, *([value] if value else [])
        )
        assert code == 0, err
        _, given, _ = next(call for call in reversed(pipelines) if call[0] == name)
        expected = (
            not parameter.default
            if parameter.kind is Kind.BOOLEAN
            else parameter.check(strokes.read_text(encoding="utf-8") if parameter.kind is Kind.STROKES else value)
        )
        assert given[parameter.name] == expected, parameter.name


@pytest.mark.parametrize("command", ["run", "haze"])
def test_a_unit_without_a_depth_map_is_refused(
    command: str, pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    code, _, err = dioptre(command, photo, "-o", tmp_path / "out.png", "--depth-unit", "m")
    assert code == 2
    assert "--depth-unit needs a depth map" in err
    assert not pipelines


def test_strokes_come_from_a_file(pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    stroke = {"keep": True, "radius": 0.05, "points": [[0.25, 0.5]]}
    file = tmp_path / "strokes.json"
    file.write_text(json.dumps([stroke]), encoding="utf-8")
    code, out, err = dioptre("run", photo, "-o", tmp_path / "out", "--strokes", file)
    assert code == 0, err
    assert pipelines[0][1]["strokes"] == (stroke,)
    (recipe,) = [line for line in out.splitlines() if line.endswith(".json")]
    code, _, err = dioptre("run", photo, "-o", tmp_path / "again", "--recipe", recipe)
    assert (code, pipelines[1][1]["strokes"]) == (0, (stroke,)), err
    code, _, err = dioptre("run", photo, "-o", tmp_path / "without", "--recipe", recipe, "--set", "strokes=")
    assert (code, pipelines[2][1]["strokes"]) == (0, ()), err


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"\xff\xfe\x00", "cannot be read"), (b"[{", "not JSON"), (b"[1]", "Stroke 1")],
)
def test_a_wrong_file_of_strokes_is_refused(
    content: bytes | None, words: str, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    file = tmp_path / "strokes.json"
    if content is not None:
        file.write_bytes(content)
    code, _, err = dioptre("run", photo, "-o", tmp_path / "out", "--strokes", file)
    assert code == 2
    assert words in err


@pytest.mark.skipif(sys.platform == "win32", reason="devices are files on POSIX systems")
@pytest.mark.parametrize("option", ["--recipe", "--strokes"])
def test_a_device_or_a_fifo_is_no_recipe_and_nobody_waits_for_it(
    option: str, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    fifo = tmp_path / "fifo.json"
    os.mkfifo(fifo)
    for path in ("/dev/null", fifo):  # Neither counts as an empty file, for which the message would differ.
        code, _, err = dioptre("run", photo, "-o", tmp_path / "out", option, path)
        assert code in (1, 2)
        assert "cannot be read" in err


def test_json_is_one_object_a_line(pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    code, out, err = dioptre("run", photo, "-o", tmp_path / "out", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert {line["type"] for line in lines[:-1]} == {"progress"}
    fractions = [line["fraction"] for line in lines[:-1]]
    assert fractions == sorted(fractions)
    assert any(line["phase"] == "Pretending portrait" for line in lines[:-1])
    assert lines[-1]["type"] == "result"
    assert lines[-1]["input"] == str(photo)
    assert all(Path(path).is_file() for path in lines[-1]["files"])
    assert lines[-1]["messages"] == ["portrait was pretended."]
    assert lines[-1]["values"] == {"steps": 1}


@pytest.mark.parametrize(
    ("suffix", "mode"), [(".jpg", "RGB"), (".png", "RGB"), (".tif", "RGB"), (".webp", "RGB"), (".ora", "")]
)
def test_lens_blur_estimates_the_depth_and_writes_what_the_suffix_says(
    *, suffix: str, mode: str, pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    out = tmp_path / f"blurred{suffix}"
    code, said, err = dioptre("lens-blur", photo, "-o", out, "--focal-disparity", "0.5")
    assert (code, said.strip()) == (0, str(out)), err
    assert [call[0] for call in pipelines] == ["lens_blur"]
    assert pipelines[0][1]["focal_disparity"] == 0.5
    assert pipelines[0][2].disparity is None
    if mode:
        with Image.open(out) as made:
            assert (made.mode, made.size) == (mode, (48, 32))


def test_lens_blur_takes_a_depth_picture(pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    assert dioptre("depth", photo, "-o", tmp_path / "depth.png")[0] == 0
    code, _, err = dioptre("lens-blur", photo, "-o", tmp_path / "out.png", "--depth", tmp_path / "depth.png")
    assert code == 0, err
    assert [call[0] for call in pipelines] == ["depth", "lens_blur"]
    disparity = pipelines[1][2].disparity
    assert disparity is not None
    np.testing.assert_allclose(disparity, np.linspace(0, 1, 32)[:, None].repeat(48, 1), atol=1e-4)


def test_nothing_is_replaced_without_force(pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    code, _, err = dioptre("depth", photo, "-o", out)
    assert code == 1
    assert "already exists" in err
    assert "--force" in err
    assert out.read_bytes() == b"precious"
    assert pipelines == [], "time was spent before the refusal"
    assert dioptre("depth", photo, "-o", out, "--force")[0] == 0
    assert out.read_bytes() != b"precious"
    assert dioptre("run", photo, "-o", tmp_path / "d")[0] == 0
    assert dioptre("run", photo, "-o", tmp_path / "d")[0] == 1
    assert len(pipelines) == 2
    assert dioptre("run", photo, "-o", tmp_path / "d", "--force")[0] == 0


def test_run_without_a_folder_makes_one_where_it_is_called(
    pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    code, out, err = dioptre("run", photo)
    assert code == 0, err
    assert [path.name for path in elsewhere.iterdir()] == ["dioptre-out"]
    assert sorted(elsewhere / line for line in out.splitlines()) == sorted((elsewhere / "dioptre-out").iterdir())
    code, _, err = dioptre("run", photo)
    assert code == 1
    assert "--force" in err


def test_one_bad_picture_does_not_stop_the_others(
    pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    bad, other = tmp_path / "bad.jpg", tmp_path / "other.jpg"
    bad.write_bytes(b"no picture")
    other.write_bytes(photo.read_bytes())
    code, out, err = dioptre("run", photo, bad, other, "-o", tmp_path / "out")
    assert code == 1
    assert "bad.jpg" in err
    assert "1 of 3 pictures failed" in err
    stems = {Path(line).name.split("-")[0] for line in out.splitlines()}
    assert stems == {"photo", "other"}


def test_points_after_an_enlargement_are_of_the_larger_picture(
    pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    recipe = tmp_path / "mine.json"
    steps = [
        {"operation": "super_resolution", "options": {"scale": 2}},
        {"operation": "portrait", "options": {"focus": [90, 60]}},
    ]
    recipe.write_text(json.dumps({"version": 2, "steps": steps}), encoding="utf-8")
    assert dioptre("run", photo, "-o", tmp_path / "out", "--recipe", recipe)[0] == 0
    assert dioptre("run", photo, "-o", tmp_path / "no", "--recipe", recipe, "--set", "focus=97,60")[0] == 2
    assert [name for name, _, _ in pipelines] == ["super_resolution", "portrait"]


def test_portrait_is_another_name_of_run(pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    for command in ("run", "portrait"):
        code, _, err = dioptre(command, photo, "-o", tmp_path / command, "--f-number", "1.4", "--set", "grain=1")
        assert code == 0, err
    names = [sorted(path.name for path in (tmp_path / command).iterdir()) for command in ("run", "portrait")]
    assert names[0] == names[1]
    assert pipelines[0][:2] == pipelines[1][:2]
    recipes = [Recipe.read(tmp_path / command / "photo-portrait.json") for command in ("run", "portrait")]
    assert recipes[0].steps == recipes[1].steps


def test_a_recipe_for_another_operation_is_followed(
    pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    recipe = tmp_path / "mine.json"
    steps = [{"operation": "depth"}, {"operation": "lens_blur", "options": {"f_number": 2}}]
    recipe.write_text(json.dumps({"version": 1, "steps": steps}), encoding="utf-8")
    code, _, err = dioptre("run", photo, "-o", tmp_path / "out", "--recipe", recipe, "--set", "f-number=1.2")
    assert code == 0, err
    assert [(name, options.get("f_number")) for name, options, _ in pipelines] == [
        ("depth", None),
        ("lens_blur", 1.2),
    ]


def test_models_are_listed(dioptre: Dioptre) -> None:
    code, out, _ = dioptre("models", "list", "--json")
    listed = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert {"id", "title", "kind", "installed", "checkpoints", "addable"} <= listed[0].keys()
    assert all(line["installed"] for line in listed if not line["addable"])


def test_adding_what_is_no_checkpoint_is_refused_and_nothing_is_left(
    dioptre: Dioptre, tmp_path: Path, private_home: Path
) -> None:
    wrong = tmp_path / "model.safetensors"
    wrong.write_bytes(b"not safetensors")
    code, _, err = dioptre("models", "add", wrong, "--id", "depth-anything-v2-small")
    assert code == 1
    assert "not a readable safetensors file" in err
    assert not (private_home / "data" / "weights" / "depth-anything-v2-small").exists()
    assert dioptre("models", "add", tmp_path / "none")[0] == 1
