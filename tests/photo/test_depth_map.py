"""Depth maps keep their values when they are read and written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import load, matrix_profile, problems, read_depth
from dioptre.photo.depth_files import require_plane_suffix
from dioptre.photo.encode.encoding import encode
from dioptre.photo.formats import by_libvips
from dioptre.photo.picture import Extras, Format
from dioptre_link.errors import UsageError

from .planes import write_depth, write_metres

DEPTH = np.linspace(0, 1, 35 * 21, dtype=np.float32).reshape(21, 35)


def read(path: Path, *, width: int, height: int) -> tuple[np.ndarray, tuple[str, ...]]:
    found = read_depth(path, width=width, height=height)
    assert found.range_per_m is None
    return found.disparity, found.messages


@pytest.mark.parametrize(("suffix", "tolerance"), [("png", 0.5 / 65535 + 1e-7), ("tif", 0.0)])
def test_round_trip(tmp_path: Path, suffix: str, tolerance: float) -> None:
    path = tmp_path / f"a.{suffix}"
    write_depth(DEPTH, path)
    values, messages = read(path, width=35, height=21)
    assert messages == ()
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, DEPTH, atol=tolerance)
    written = Image.open(path)
    assert written.mode == {"png": "I;16", "tif": "F"}[suffix]
    assert bool(written.info.get("icc_profile")) is (suffix == "png"), "Krita asks for a profile otherwise"
    written.close()


def test_a_smooth_map_takes_a_third_of_its_pixels_at_most(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:300, 0:400] / np.float32(400)
    write_depth(np.sin(3 * rows + columns**2).astype(np.float32), tmp_path / "depth.png")
    assert (tmp_path / "depth.png").stat().st_size < 300 * 400 * 2 / 3


@pytest.mark.parametrize("name", ["a.jpg", "a.ply", "a"])
def test_formats_that_lose_precision_are_refused(name: str) -> None:
    with pytest.raises(problems.UnwritableFile, match="precision"):
        require_plane_suffix(Path(name))


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_eight_bits_grey_or_grey_as_colour(tmp_path: Path, bands: int) -> None:
    codes = np.repeat((DEPTH * 255).astype(np.uint8)[..., None], bands, 2)
    profile = matrix_profile.grey_profile("g", curve=1.8) if bands < 3 else matrix_profile.adobe_rgb()
    (tmp_path / "a.png").write_bytes(encode(codes, Format.PNG, extras=Extras(icc=profile)))
    values, _ = read(tmp_path / "a.png", width=35, height=21)
    # The codes are depth values, to which the profile's tone curve does not apply.
    np.testing.assert_allclose(values, codes[..., 0] / np.float32(255), atol=1e-6)


def test_colour_is_no_depth_map(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    with pytest.raises(problems.NotAPicture, match="colour") as caught:
        read_depth(tmp_path / "a.png", width=40, height=24)
    assert "white is near" in caught.value.hint


def test_floats_of_another_range_are_scaled_and_said(tmp_path: Path) -> None:
    write_depth(DEPTH * 30 - 5, tmp_path / "a.tif")
    values, (message,) = read(tmp_path / "a.tif", width=35, height=21)
    np.testing.assert_allclose(values, DEPTH, atol=1e-6)
    assert "-5 to 25" in message


def test_constant_map_is_no_division_by_zero(tmp_path: Path) -> None:
    write_depth(np.full((4, 4), 7.0, np.float32), tmp_path / "a.tif")
    values, _ = read(tmp_path / "a.tif", width=4, height=4)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("size", [(70, 42), (18, 10), (350, 210)])
def test_other_sizes_are_resized_to_the_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    ramp = np.repeat(np.linspace(0, 1, 35, dtype=np.float32)[None], 21, 0)
    write_depth(ramp, tmp_path / "a.tif")
    values, messages = read(tmp_path / "a.tif", width=size[0], height=size[1])
    assert values.shape == size[::-1]
    assert messages == ()
    expected = (np.arange(size[0]) + 0.5) / size[0]
    inner = slice(size[0] // 10, -size[0] // 10)
    # A ramp sampled at pixel centres remains a ramp; over 35 samples, its slope is 35/34.
    np.testing.assert_allclose(values[size[1] // 2][inner], ((expected * 35 - 0.5) / 34)[inner], atol=0.01)


def test_a_selection_must_have_the_shape_of_the_picture(tmp_path: Path) -> None:
    write_depth(DEPTH, tmp_path / "a.tif")
    height, width = DEPTH.shape
    found = read_depth(tmp_path / "a.tif", width=2 * width, height=2 * height, selection=True)
    assert found.disparity.shape == (2 * height, 2 * width)
    assert "was scaled to the size of the picture" in found.messages[0]
    with pytest.raises(UsageError, match="does not have the shape of the picture"):
        read_depth(tmp_path / "a.tif", width=50, height=50, selection=True)


def _codes(grey: np.ndarray, alpha: np.ndarray, *, bands: int, dtype: type[np.unsignedinteger]) -> np.ndarray:
    """Return grey with alpha in LA or RGBA."""
    top = np.float32(np.iinfo(dtype).max)
    return (np.stack([*[grey] * (bands - 1), alpha], axis=2) * top).round().astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [2, 4])
@pytest.mark.parametrize("kind", [Format.PNG, Format.TIFF, Format.WEBP])
def test_what_is_transparent_in_a_selection_is_not_selected(
    kind: Format, bands: int, dtype: type[np.unsignedinteger], tmp_path: Path
) -> None:
    if kind is Format.WEBP and dtype is np.uint16:
        pytest.skip("WebP has 8 bits")
    grey, alpha = np.ones((8, 12), np.float32), np.zeros((8, 12), np.float32)
    grey[:, 6:] = 0.4
    alpha[2:4], alpha[4:6] = 1, 0.6
    codes = _codes(grey, alpha, bands=bands, dtype=dtype)
    (tmp_path / "a").write_bytes(encode(codes, kind, extras=Extras(lossless=True)))
    found = read_depth(tmp_path / "a", width=12, height=8, selection=True)
    np.testing.assert_allclose(found.disparity, grey * alpha, atol=1 / 255)
    assert found.messages == ()


def test_transparency_in_a_palette_and_under_colours_counts(tmp_path: Path) -> None:
    indices = np.zeros((4, 6), np.uint8)
    indices[1:3] = 1
    palette = Image.fromarray(indices)
    palette.putpalette([255, 255, 255, 255, 255, 255])
    palette.save(tmp_path / "p.png", transparency=b"\0\xff")
    palette.save(tmp_path / "p.gif", transparency=0)
    hidden = np.full((4, 6, 4), 255, np.uint8)
    hidden[indices == 0] = (200, 30, 60, 0)  # a colour that is not seen
    Image.fromarray(hidden).save(tmp_path / "h.png")
    for name in ("p.png", "p.gif", "h.png"):
        found = read_depth(tmp_path / name, width=6, height=4, selection=True)
        np.testing.assert_array_equal(found.disparity, indices)


@pytest.mark.parametrize("unit", [None, "m"])
def test_what_is_transparent_in_a_depth_map_is_the_farthest_and_said(unit: str | None, tmp_path: Path) -> None:
    grey, alpha = np.full((8, 12), 0.75, np.float32), np.ones((8, 12), np.float32)
    grey[:, 6:] = 0.25
    alpha[:2], alpha[2:4] = 0, 0.5  # a soft edge keeps its depth
    (tmp_path / "a.png").write_bytes(encode(_codes(grey, alpha, bands=2, dtype=np.uint16), Format.PNG))
    found = read_depth(tmp_path / "a.png", width=12, height=8, unit=unit)
    assert (found.disparity[:2] == 0).all()
    if unit is None:
        np.testing.assert_allclose(found.disparity[2:], grey[2:], atol=1e-4)
    else:
        assert found.range_per_m == pytest.approx((1 / (0.75 * 65535), 1 / (0.25 * 65535)), rel=1e-3)
    assert "25 % of the depth map has no distance" in str(found.messages[-1])
    floats = np.stack([grey * 30 + 5, alpha], axis=2)
    (tmp_path / "a.tif").write_bytes(encode(floats, Format.TIFF))
    values, (scaled, missing) = read(tmp_path / "a.tif", width=12, height=8) if unit is None else (None, ("", ""))
    if values is not None:
        np.testing.assert_array_equal(values[[0, 2, -1]][:, [0, -1]], [[0, 0], [1, 0], [1, 0]])
        assert "12.5 to 27.5" in scaled
        assert "25 %" in missing


@pytest.mark.parametrize("selection", [False, True])
def test_a_plane_of_far_more_pixels_than_the_picture_is_refused_before_it_is_decoded(
    selection: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (4000, 4000), 255).save(tmp_path / "a.png")

    def read_it(side: int) -> np.ndarray:
        return read_depth(tmp_path / "a.png", width=side, height=side, selection=selection).disparity

    assert read_it(600).shape == (600, 600)
    monkeypatch.setenv("DIOPTRE_MAX_MEGAPIXELS", "15")
    with pytest.raises(problems.PictureTooLarge, match="the limit is 15"):
        read_it(600)
    monkeypatch.setenv("DIOPTRE_MAX_MEGAPIXELS", "400")
    monkeypatch.setattr(by_libvips, "values_of", lambda image, path: pytest.fail("it was decoded"))
    with pytest.raises(problems.PictureTooLarge, match=r"a\.png has far more pixels than the picture"):
        read_it(100)


def test_another_shape_is_said(tmp_path: Path) -> None:
    write_depth(DEPTH, tmp_path / "a.tif")
    values, (message,) = read(tmp_path / "a.tif", width=50, height=50)
    assert values.shape == (50, 50)
    assert "stretched" in message


@pytest.mark.parametrize(("suffix", "tolerance"), [("png", 1e-3), ("tif", 1e-6)])
def test_files_with_metres_are_recognised(tmp_path: Path, suffix: str, tolerance: float) -> None:
    """They used to be read upside down: the farthest point, with the largest number, became the nearest."""
    path = tmp_path / f"a.{suffix}"
    inverse = np.linspace(0.02, 1.0, 35 * 21, dtype=np.float32).reshape(21, 35)
    write_metres(inverse, path)
    found = read_depth(path, width=35, height=21)
    assert found.range_per_m == pytest.approx((0.02, 1.0), rel=tolerance)
    low, high = found.range_per_m
    np.testing.assert_allclose(low + found.disparity * (high - low), inverse, rtol=tolerance)
    assert [str(message) for message in found.messages] == ["The depth map contains distances from 1 m to 50 m."]
    assert read_depth(path, width=70, height=42).disparity.shape == (42, 70)


def test_infinity_is_a_distance(tmp_path: Path) -> None:
    write_metres(np.array([[0, 0.5, 0.25]], np.float32), tmp_path / "a.tif")
    found = read_depth(tmp_path / "a.tif", width=3, height=1)
    assert found.range_per_m == (0, 0.5)
    np.testing.assert_allclose(found.disparity, [[0, 1, 0.5]])
    with pytest.raises(problems.DamagedPicture, match="infinite"):  # as a picture, it is still refused
        load(tmp_path / "a.tif")


def test_the_user_can_state_the_unit(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 500, 2000]], np.uint16)).save(tmp_path / "a.png")
    found = read_depth(tmp_path / "a.png", width=3, height=1, unit="mm")
    assert found.range_per_m == pytest.approx((0.5, 2.0))
    np.testing.assert_allclose(found.disparity, [[0, 1, 0]], atol=1e-6)
    assert "33 % of the depth map has no distance" in str(found.messages[1])
    Image.fromarray(np.array([[np.nan, 1.0, 4.0]], np.float32)).save(tmp_path / "b.tif")
    assert read_depth(tmp_path / "b.tif", width=3, height=1, unit="m").range_per_m == pytest.approx((0.25, 1.0))
    with pytest.raises(problems.DamagedPicture):
        read_depth(tmp_path / "b.tif", width=3, height=1)
    Image.fromarray(np.zeros((1, 3), np.uint16)).save(tmp_path / "c.png")
    with pytest.raises(problems.NotAPicture, match="no distances"):
        read_depth(tmp_path / "c.png", width=3, height=1, unit="mm")


def test_a_plane_at_one_distance_is_white(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 3), 2.0, np.float32)).save(tmp_path / "a.tif")
    found = read_depth(tmp_path / "a.tif", width=3, height=2, unit="m")
    assert found.range_per_m == (0, 0.5)
    assert (found.disparity == 1).all()


def test_the_profile_of_depth_changes_no_value() -> None:
    """A depth layer keeps its values when an editor converts it to sRGB."""
    from dioptre.photo import colour_profile

    codes = np.arange(0, 65536, 257, dtype=np.uint16)[None, :, None]
    seen = np.empty((1, codes.shape[1], 3), np.float32)
    colour_profile.model(matrix_profile.srgb_grey(), bands=1).to_srgb(codes, out=seen)
    assert np.abs(seen[0, :, 0] * 65535 - codes[0, :, 0]).max() < 257 / 4


@pytest.mark.parametrize("unit", [None, "m", "mm"])
@pytest.mark.parametrize("extreme", [1e-45, 1e-38, 1e-30, 1e30, 3.4e38, -3.4e38])
def test_floats_at_the_ends_of_their_range_give_a_map_or_a_message(
    extreme: float, unit: str | None, tmp_path: Path
) -> None:
    """The inverse of the smallest float, and the difference of the largest ones, are infinite."""
    values = np.linspace(0.5, 3, 240, dtype=np.float32).reshape(12, 20, 1)
    values[:2], values[2:4] = extreme, -extreme
    path = tmp_path / "depth.tif"
    path.write_bytes(encode(values, Format.TIFF))
    found = read_depth(path, width=20, height=12, unit=unit)
    assert np.isfinite(found.disparity).all()
    assert float(found.disparity.min()) >= 0
    assert float(found.disparity.max()) <= 1
    assert found.range_per_m is None or np.isfinite(found.range_per_m).all()
