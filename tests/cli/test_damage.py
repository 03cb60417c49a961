"""Damaged files on the command line and in a batch: never a result without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.batch import here

from .test_batch import InThisProcess

Dioptre = Callable[..., tuple[int, str, str]]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a JPEG in whose middle an end marker stands, and a TIFF with a damaged strip."""
    folder = tmp_path / "photos"
    folder.mkdir()
    y, x = np.mgrid[0:96, 0:128]
    noise = np.random.default_rng(0).integers(0, 40, (96, 128))
    photo = Image.fromarray(np.stack([x + noise, y + noise, x // 2 + y], -1).astype(np.uint8))
    photo.save(folder / "photo.jpg", quality=90)
    data = (folder / "photo.jpg").read_bytes()
    (folder / "photo.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9" + data[len(data) // 2 + 2 :])
    photo.save(folder / "scan.tif", compression="tiff_lzw")
    data = (folder / "scan.tif").read_bytes()
    middle = len(data) // 2
    (folder / "scan.tif").write_bytes(data[:middle] + bytes(range(200)) + data[middle + 200 :])
    return folder


def test_commands_say_so(pipelines: object, photos: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    code, _, err = dioptre("white-balance", photos / "photo.jpg", "-o", tmp_path / "a.png")
    assert code == 0
    assert "photo.jpg is damaged" in err
    code, out, _ = dioptre("run", photos / "photo.jpg", "-o", tmp_path / "run", "--json")
    assert code == 0
    messages = [json.loads(line).get("messages", []) for line in out.splitlines()]
    assert "photo.jpg is damaged" in json.dumps(messages)
    code, _, err = dioptre("white-balance", photos / "scan.tif", "-o", tmp_path / "b.png")
    assert code == 1
    assert "damaged or incomplete" in err
    assert not (tmp_path / "b.png").exists()


def test_a_damaged_depth_map_says_so(pipelines: object, photos: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    Image.new("RGB", (128, 96)).save(photos / "whole.png")
    with Image.open(photos / "photo.jpg") as image:
        image.convert("L").save(photos / "depth.jpg", quality=90)
    data = (photos / "depth.jpg").read_bytes()
    (photos / "depth.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9" + data[len(data) // 2 + 2 :])
    given = ("lens-blur", photos / "whole.png", "-o", tmp_path / "a.png", "--force")
    code, _, err = dioptre(*given, "--depth", photos / "depth.jpg")
    assert code == 0
    assert "depth.jpg is damaged" in err
    assert dioptre(*given, "--depth", photos / "scan.tif")[0] == 1


def test_batch_says_so(
    pipelines: object, monkeypatch: pytest.MonkeyPatch, photos: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    monkeypatch.setattr(here, "LocalExecutor", InThisProcess)
    code, _, err = dioptre("batch", photos, "-o", tmp_path / "out")
    assert code == 1
    assert "photo.jpg is damaged" in err
    assert "Error: 1 of 2 pictures failed." in err
    assert not list((tmp_path / "out").glob("scan*"))
