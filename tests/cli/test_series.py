"""`white-balance` on one picture, on several, and with a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Inputs

Calls = list[tuple[str, Mapping[str, Any], Inputs]]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def series(tmp_path: Path, checkout: Path) -> Path:
    """A folder with two warm pictures, a cold one and a text file."""
    folder = tmp_path / "series"
    folder.mkdir()
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        right = np.asarray(picture.convert("RGB").resize((192, 192)))
    warm, cold = right * (0.95, 0.7, 0.4), right * (0.4, 0.7, 0.95)
    for name, pixels in (("a.jpg", warm), ("b.png", warm[:, ::-1]), ("c.jpg", cold)):
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name, quality=95, subsampling=0)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_one_picture_gives_one_file(photo: Path, tmp_path: Path, dioptre: Run, pipelines: Calls) -> None:
    code, out, _ = dioptre("white-balance", photo, "-o", tmp_path / "out.png")
    assert code == 0
    assert out.split() == [str(tmp_path / "out.png")]
    assert pipelines[0][2].references == ()


def test_one_picture_in_a_folder_is_named_after_the_step(
    photo: Path, tmp_path: Path, dioptre: Run, pipelines: Calls
) -> None:
    (tmp_path / "out").mkdir()
    code, out, err = dioptre("white-balance", photo, "-o", tmp_path / "out")
    assert code == 0, err
    assert out.split() == [str(tmp_path / "out" / "photo-white-balance.jpg")]


@pytest.mark.parametrize("command", ["white-balance", "haze", "run"])
def test_a_result_has_the_format_that_its_photo_holds(
    command: str, photo: Path, tmp_path: Path, dioptre: Run, pipelines: Calls
) -> None:
    """Cameras name HEIC files .HIF, and JPEG files with two pictures .MPO."""
    odd, out = photo.with_suffix(".HIF"), tmp_path / "out"
    photo.rename(odd)
    out.mkdir()
    chosen = ("--preset", "landscape") if command == "run" else ()
    code, _, err = dioptre(command, odd, "-o", out, *chosen)
    assert code == 0, err
    name = "white-balance" if command == "run" else command
    assert (out / f"photo-{name}.jpg").read_bytes()[:3] == b"\xff\xd8\xff"


def test_a_selection_limits_one_picture(
    series: Path, photo: Path, tmp_path: Path, dioptre: Run, pipelines: Calls
) -> None:
    half = np.zeros((32, 48), np.uint8)
    half[:, 24:] = 255
    Image.fromarray(half).save(tmp_path / "half.png")
    chosen = ("--selection", tmp_path / "half.png")
    assert dioptre("white-balance", photo, "-o", tmp_path / "out.png", *chosen)[0] == 0
    np.testing.assert_array_equal(pipelines[0][2].selection, half / 255)
    code, _, err = dioptre("white-balance", series, "-o", tmp_path / "out", *chosen)
    assert code == 2
    assert "--selection can be used only with a single picture" in err


def test_a_folder_is_a_series(series: Path, tmp_path: Path, dioptre: Run, pipelines: Calls) -> None:
    code, out, _ = dioptre("white-balance", series, "-o", tmp_path / "out")
    assert code == 0
    assert [Path(line).name for line in out.splitlines()] == ["a.jpg", "b.png", "c.jpg"]
    heard = [call[2].references for call in pipelines]
    # The cold picture was taken under a different illuminant.
    assert [len(references) for references in heard] == [2, 2, 1]
    np.testing.assert_array_equal(heard[0][0], heard[1][0])


def test_a_reference_is_for_all(series: Path, photo: Path, tmp_path: Path, dioptre: Run, pipelines: Calls) -> None:
    arguments = ("white-balance", series, "-o", tmp_path / "out", "--reference", photo, "--neutral", "5,5")
    assert dioptre(*arguments)[0] == 0
    assert [call[2].references[0].shape for call in pipelines] == [(32, 48, 3)] * 3


def test_a_neutral_point_needs_its_picture(series: Path, tmp_path: Path, dioptre: Run, pipelines: Calls) -> None:
    code, _, err = dioptre("white-balance", series, "-o", tmp_path / "out", "--neutral", "5,5")
    assert code == 2
    assert "--reference" in err
    assert not pipelines


def test_a_damaged_picture_does_not_stop_the_others(
    series: Path, tmp_path: Path, dioptre: Run, pipelines: Calls
) -> None:
    (series / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    code, out, err = dioptre("white-balance", series, "-o", tmp_path / "out")
    assert code != 0
    assert "1 of 3 pictures failed" in err
    assert [Path(line).name for line in out.splitlines()] == ["a.jpg", "c.jpg"]


@pytest.mark.parametrize("output", ["one.png", "series"])
def test_the_output_of_several_is_another_folder(
    series: Path, tmp_path: Path, dioptre: Run, pipelines: Calls, output: str
) -> None:
    assert dioptre("white-balance", series, "-o", tmp_path / output)[0] == 2
    assert not pipelines


def test_an_empty_folder_is_said(tmp_path: Path, dioptre: Run, pipelines: Calls) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = dioptre("white-balance", tmp_path / "empty", "-o", tmp_path / "out")
    assert code == 2
    assert "no pictures" in err
