"""The commands that select: 16-bit masks, cut-out pictures and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Dioptre = Callable[..., tuple[int, str, str]]
SIDE = 64


@pytest.fixture
def given(tmp_path: Path) -> list[object]:
    """Arguments that select the pixels around depth 0.5 in a picture that is nearest at the bottom."""
    picture, depth = tmp_path / "photo.png", tmp_path / "depth.png"
    Image.fromarray(np.full((SIDE, SIDE, 3), 90, np.uint8)).save(picture)
    slope = np.repeat(np.linspace(0, 65535, SIDE)[:, None], SIDE, axis=1)
    Image.fromarray(slope.astype(np.uint16)).save(depth)
    return [picture, "--depth", depth, "--depth-level", "0.5", "--depth-range", "0"]


def test_a_mask_of_16_bits_is_written(given: list[object], tmp_path: Path, dioptre: Dioptre) -> None:
    code, out, err = dioptre("select-depth", *given, "-o", tmp_path / "mask.png", "--json")
    assert code == 0, err
    assert json.loads(out.splitlines()[-1])["values"]["depth_level"] == 0.5
    with Image.open(tmp_path / "mask.png") as written:
        assert written.mode.startswith("I")
        values = np.asarray(written)
    assert (int(values[4, 5]), int(values[-5, 5])) == (0, 65535)


@pytest.mark.parametrize(
    ("command", "more", "name"),
    [
        ("depth", [], "photo-depth.png"),
        ("haze", [], "photo-haze.jpg"),
        ("select-depth", [], "photo-select-depth-mask.png"),
        ("select-depth", ["--result", "layer"], "photo-select-depth.png"),
        ("spatial", ["--layout", "mpo"], "photo-spatial.mpo"),
        ("white-balance", [], "photo-white-balance.jpg"),
    ],
)
def test_a_result_in_a_folder_is_named_after_its_photo(
    *, command: str, more: list[str], name: str, photo: Path, given: list[Path], tmp_path: Path, dioptre: Dioptre
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    depth = ["--depth", given[2]] if command != "depth" else []
    code, said, err = dioptre(command, photo, "-o", out, *depth, *more)
    assert code == 0, err
    assert Path(said.strip()) == out / name
    assert [file.name for file in out.iterdir()] == [name]


def test_a_cut_out_is_a_transparent_picture(given: list[object], tmp_path: Path, dioptre: Dioptre) -> None:
    code, _, err = dioptre("select-depth", *given, "-o", tmp_path / "cut.png", "--result", "layer")
    assert code == 0, err
    with Image.open(tmp_path / "cut.png") as written:
        assert written.mode == "RGBA"
        alpha = np.asarray(written)[..., 3]
    assert (int(alpha[4, 5]), int(alpha[-5, 5])) == (0, 255)


def test_a_mask_is_no_jpeg(given: list[object], tmp_path: Path, dioptre: Dioptre) -> None:
    code, _, err = dioptre("select-depth", *given, "-o", tmp_path / "mask.jpg")
    assert code != 0
    assert "without losing precision" in err
    assert not (tmp_path / "mask.jpg").exists()


def test_a_recipe_that_selects_writes_the_mask_beside_its_layers(
    given: list[object], tmp_path: Path, dioptre: Dioptre
) -> None:
    recipe = tmp_path / "recipe.json"
    step = {"operation": "select_depth", "options": {"depth_level": 0.5}}
    recipe.write_text(json.dumps({"version": 2, "steps": [step]}), encoding="utf-8")
    code, _, err = dioptre("run", *given[:3], "-o", tmp_path / "out", "--recipe", recipe)
    assert code == 0, err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"photo-select-depth-mask.png", "photo-select-depth.ora", "photo-select-depth.json"} <= names
