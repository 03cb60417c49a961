"""Layers placed at a depth on the command line."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

Dioptre = Callable[..., tuple[int, str, str]]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A photo with a near square, its depth, and a layer."""
    pixels = np.full((64, 96, 3), (40, 160, 60), np.uint8)
    depth = np.full((64, 96), 50, np.uint8)
    pixels[16:48, 32:64], depth[16:48, 32:64] = (200, 180, 40), 230
    layer = np.zeros((20, 90, 4), np.uint8)
    layer[2:18, 2:88] = (250, 20, 20, 255)
    made = {"photo": pixels, "depth": depth, "layer": layer}
    for name, values in made.items():
        Image.fromarray(values).save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in made}


def place(dioptre: Dioptre, files: dict[str, Path], output: Path, *more: object) -> str:
    code, printed, err = dioptre(
        "place", files["photo"], files["layer"], "-o", output, "--depth", files["depth"], "--json", *more
    )
    assert code == 0, err
    return printed


def test_the_near_covers_and_the_far_is_covered(files: dict[str, Path], tmp_path: Path, dioptre: Dioptre) -> None:
    printed = place(dioptre, files, tmp_path / "o.png", "--stands-at", "5,5", "--grain", "0")
    made, photo = (np.asarray(Image.open(path).convert("RGB")) for path in (tmp_path / "o.png", files["photo"]))
    assert tuple(made[32, 12]) == (250, 20, 20)  # in front of the background
    assert tuple(made[32, 48]) == (200, 180, 40)  # behind the square
    np.testing.assert_array_equal(made[:20], photo[:20])
    result = [json.loads(line) for line in printed.splitlines()][-1]
    assert 0.15 < result["values"]["layer_depth"] < 0.3


def test_the_layered_file_keeps_the_photo_and_the_parts(
    files: dict[str, Path], tmp_path: Path, dioptre: Dioptre
) -> None:
    flat = ("--layer-depth", "0.5", "--grain", "0")
    place(dioptre, files, tmp_path / "o.ora", *flat)
    place(dioptre, files, tmp_path / "o.png", *flat)
    with zipfile.ZipFile(tmp_path / "o.ora") as archive:
        layers = ElementTree.fromstring(archive.read("stack.xml")).findall("stack/layer")
        shown = {one.get("name"): one.get("visibility") for one in layers}
        with archive.open("mergedimage.png") as file:
            merged = np.asarray(Image.open(file).convert("RGB"), int)
        with archive.open("data/layer0.png") as file:
            top = np.asarray(Image.open(file))
    assert shown == {
        "Placed layer, cut out": "visible",
        "Placed layer": "hidden",
        "Mask": "hidden",
        "Original": "visible",
    }
    np.testing.assert_allclose(merged, np.asarray(Image.open(tmp_path / "o.png").convert("RGB")), atol=2)
    assert top[32, 12, 3] == 255
    assert top[32, 48, 3] == 0


def test_place_and_size_are_those_that_are_given(files: dict[str, Path], tmp_path: Path, dioptre: Dioptre) -> None:
    place(dioptre, files, tmp_path / "o.png", "--layer-depth", "1", "--at", "20,10", "--size", "30", "--grain", "0")
    red = np.asarray(Image.open(tmp_path / "o.png").convert("RGB"))[..., 0] > 240
    rows, columns = np.nonzero(red)
    assert (columns.mean(), rows.mean()) == (pytest.approx(19.5, abs=1), pytest.approx(9.5, abs=1))
    assert 26 <= columns.max() - columns.min() <= 29


@pytest.mark.parametrize("at", ["5", "a,b"])
def test_a_bad_place_is_refused(at: str, files: dict[str, Path], tmp_path: Path, dioptre: Dioptre) -> None:
    code, _, err = dioptre("place", files["photo"], files["layer"], "-o", tmp_path / "o.png", "--at", at)
    assert code == 2
    assert "Traceback" not in err
    assert not (tmp_path / "o.png").exists()


def test_a_layer_outside_the_photo_is_told(files: dict[str, Path], tmp_path: Path, dioptre: Dioptre) -> None:
    output = tmp_path / "o.png"
    code, _, err = dioptre("place", files["photo"], files["layer"], "-o", output, "--at", "-500,-500")
    assert code == 2
    assert "No part of the layer lies in the photo" in err
    assert not output.exists()


@pytest.mark.parametrize("mode", ["L", "I;16", "RGB", "LA"])
def test_layers_of_any_kind_are_placed(mode: str, files: dict[str, Path], tmp_path: Path, dioptre: Dioptre) -> None:
    values = np.full((8, 8), 60000, np.uint16) if mode == "I;16" else np.full((8, 8, len(mode)), 200, np.uint8)
    Image.fromarray(values.squeeze()).save(files["layer"])
    place(dioptre, files, tmp_path / "o.png", "--layer-depth", "1", "--grain", "0")
    made, photo = (np.asarray(Image.open(path).convert("RGB")) for path in (tmp_path / "o.png", files["photo"]))
    assert (made[32, 48] != photo[32, 48]).any()
