"""Depth maps keep their values when they are read and written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.files import matrix_profile, problems, read_depth, write_depth
from dioptre.files.encode import Extras, encode
from dioptre.files.picture import Format

DEPTH = np.linspace(0, 1, 35 * 21, dtype=np.float32).reshape(21, 35)


@pytest.mark.parametrize(("suffix", "tolerance"), [("png", 0.5 / 65535 + 1e-7), ("tif", 0.0)])
def test_round_trip(tmp_path: Path, suffix: str, tolerance: float) -> None:
    path = tmp_path / f"a.{suffix}"
    write_depth(DEPTH, path)
    values, messages = read_depth(path, width=35, height=21)
    assert messages == ()
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, DEPTH, atol=tolerance)
    written = Image.open(path)
    assert written.mode == {"png": "I;16", "tif": "F"}[suffix]
    assert bool(written.info.get("icc_profile")) is (suffix == "png"), "Krita asks for a profile otherwise"
    written.close()


def test_existing_files_stay(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(problems.FileExists):
        write_depth(DEPTH, tmp_path / "a.png")


def test_formats_that_lose_precision_are_refused(tmp_path: Path) -> None:
    with pytest.raises(problems.UnwritableFile, match="precision"):
        write_depth(DEPTH, tmp_path / "a.jpg")


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_eight_bits_grey_or_grey_as_colour(tmp_path: Path, bands: int) -> None:
    codes = np.repeat((DEPTH * 255).astype(np.uint8)[..., None], bands, 2)
    profile = matrix_profile.grey_profile("g", gamma=1.8) if bands < 3 else matrix_profile.adobe_rgb()
    (tmp_path / "a.png").write_bytes(encode(codes, Format.PNG, extras=Extras(icc=profile)))
    values, _ = read_depth(tmp_path / "a.png", width=35, height=21)
    # The codes are depth values, to which the profile's tone curve does not apply.
    np.testing.assert_allclose(values, codes[..., 0] / np.float32(255), atol=1e-6)


def test_colour_is_no_depth_map(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    with pytest.raises(problems.NotAPicture, match="colour") as caught:
        read_depth(tmp_path / "a.png", width=40, height=24)
    assert "white is near" in caught.value.hint


def test_floats_of_another_range_are_scaled_and_said(tmp_path: Path) -> None:
    write_depth(DEPTH * 30 - 5, tmp_path / "a.tif")
    values, (message,) = read_depth(tmp_path / "a.tif", width=35, height=21)
    np.testing.assert_allclose(values, DEPTH, atol=1e-6)
    assert "-5 to 25" in message


def test_constant_map_is_no_division_by_zero(tmp_path: Path) -> None:
    write_depth(np.full((4, 4), 7.0, np.float32), tmp_path / "a.tif")
    values, _ = read_depth(tmp_path / "a.tif", width=4, height=4)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("size", [(70, 42), (18, 10), (350, 210)])
def test_other_sizes_are_resized_to_the_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    ramp = np.repeat(np.linspace(0, 1, 35, dtype=np.float32)[None], 21, 0)
    write_depth(ramp, tmp_path / "a.tif")
    values, messages = read_depth(tmp_path / "a.tif", width=size[0], height=size[1])
    assert values.shape == size[::-1]
    assert messages == ()
    expected = (np.arange(size[0]) + 0.5) / size[0]
    inner = slice(size[0] // 10, -size[0] // 10)
    # A ramp sampled at pixel centres remains a ramp; over 35 samples, its slope is 35/34.
    np.testing.assert_allclose(values[size[1] // 2][inner], ((expected * 35 - 0.5) / 34)[inner], atol=0.01)


def test_another_shape_is_said(tmp_path: Path) -> None:
    write_depth(DEPTH, tmp_path / "a.tif")
    values, (message,) = read_depth(tmp_path / "a.tif", width=50, height=50)
    assert values.shape == (50, 50)
    assert "stretched" in message


def test_the_profile_of_depth_changes_no_value() -> None:
    """A depth layer keeps its values when an editor converts it to sRGB."""
    from dioptre.files import colour_profile

    codes = np.arange(0, 65536, 257, dtype=np.uint16)[None, :, None]
    seen = np.empty((1, codes.shape[1], 3), np.float32)
    colour_profile.model(matrix_profile.srgb_grey(), bands=1).to_srgb(codes, out=seen)
    assert np.abs(seen[0, :, 0] * 65535 - codes[0, :, 0]).max() < 257 / 4
