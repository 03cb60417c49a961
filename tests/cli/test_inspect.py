"""`dioptre inspect` shows the information in files, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dioptre.batch import here

from .test_batch import InThisProcess

Dioptre = Callable[..., tuple[int, str, str]]


@pytest.fixture
def made(pipelines: object, photo: Path, tmp_path: Path, dioptre: Dioptre) -> Path:
    code, _, err = dioptre("run", photo, "-o", tmp_path / "out", "--f-number", "1.4")
    assert code == 0, err
    return tmp_path / "out"


@pytest.mark.parametrize("name", ["photo-portrait.jpg", "photo-portrait.ora", "photo-portrait.json"])
def test_says_what_was_done_with_which_network(name: str, made: Path, dioptre: Dioptre) -> None:
    code, out, _ = dioptre("inspect", made / name)
    assert code == 0
    assert "Software:  Dioptre " in out
    assert 'Portrait blur (portrait), with f_number 1.4, depth_model "dioptre-depth-small"\n' in out
    assert f"Network:   pretended, SHA-256 {'0' * 64}" in out
    assert "processed by an algorithm" in out
    assert "Input:     a file with the SHA-256 " in out


def test_json_has_the_whole_recipe(made: Path, dioptre: Dioptre) -> None:
    code, out, _ = dioptre("inspect", made / "photo-portrait.jpg", "--json")
    answer = json.loads(out)
    assert (code, answer["type"], answer["made_by_dioptre"]) == (0, "inspection", True)
    beside = json.loads((made / "photo-portrait.json").read_text(encoding="utf-8"))
    del beside["files"]  # A picture cannot contain its own checksum.
    assert answer["recipe"] == beside
    assert answer["models"] == {"pretended": "0" * 64}
    assert answer["source_type"].endswith("/algorithmicallyEnhanced")


def test_a_foreign_picture_is_no_error_and_a_missing_one_does_not_hide_the_others(
    photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    code, out, err = dioptre("inspect", tmp_path / "none.jpg", photo)
    assert code == 1
    assert "none.jpg" in err
    assert "No metadata from Dioptre" in out


def test_options_at_their_defaults_are_not_listed(
    pipelines: object, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    dioptre("super-resolution", photo, "-o", tmp_path / "large.png", "--scale", "4")
    code, out, _ = dioptre("inspect", tmp_path / "large.png")
    assert code == 0
    assert "Super-resolution (super_resolution), with the default options" in out
    with Image.open(tmp_path / "large.png") as picture:
        assert picture.size == (192, 128)


def test_recipes_are_read_alike_by_every_command(
    pipelines: object, photo: Path, tmp_path: Path, dioptre: Dioptre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows PowerShell 5.1 writes UTF-16 for `dioptre presets portrait > my.json`."""
    monkeypatch.setattr(here, "LocalExecutor", InThisProcess)
    photos = tmp_path / "photos"
    photos.mkdir()
    photo = photo.rename(photos / photo.name)
    _, text, _ = dioptre("presets", "portrait")
    commands = {
        "inspect": lambda file: dioptre("inspect", file),
        "run": lambda file: dioptre("run", photo, "-o", tmp_path / "run", "--recipe", file, "--force"),
        "batch": lambda file: dioptre("batch", photos, "-o", tmp_path / "batch", "--recipe", file, "--force"),
    }
    for encoding in ("utf-8-sig", "utf-16"):
        file = tmp_path / f"{encoding}.json"
        file.write_text(text, encoding=encoding)
        assert {name: command(file)[0] for name, command in commands.items()} == dict.fromkeys(commands, 0)
    wrong = tmp_path / "latin-1.json"
    wrong.write_text(text.replace('"title": "', '"title": "Größe '), encoding="latin-1")
    for name, command in commands.items():
        code, _, err = command(wrong)
        assert code == 1, name
        assert "neither UTF-8 nor UTF-16" in err, name
        assert "Save it as UTF-8" in err, name
