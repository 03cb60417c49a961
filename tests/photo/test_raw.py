"""RAW photos are developed, and their embedded preview is never used instead of the photo."""

from __future__ import annotations

import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import tifffile

from dioptre import photo
from dioptre.imaging.encoding import srgb_to_linear
from dioptre.photo.budget import Budget, Limits
from dioptre.photo.encode.saving import suffix_like
from dioptre.photo.formats import recognise
from dioptre.photo.formats.tiff import is_raw, read_tiff
from dioptre.photo.outputs import kind_of
from dioptre.photo.picture import Format
from dioptre.photo.problems import DamagedPicture, NotAPicture, PictureTooLarge

HEIGHT, WIDTH, BLACK, WHITE = 200, 300, 512, 16000
PREVIEW = np.full((32, 48, 3), 90, np.uint8)
XYZ_TO_SRGB = np.array(  # The camera of these tests sees linear sRGB; IEC 61966-2-1.
    [[3.2404542, -1.5371385, -0.4985314], [-0.969266, 1.8760108, 0.041556], [0.0556434, -0.2040259, 1.0572252]]
)
NEUTRAL = (0.5, 1.0, 0.7)  # the camera's response to white


def scene() -> np.ndarray:
    """Return a smooth linear sRGB scene (H, W, 3), which demosaicking reproduces exactly."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([0.1 + 0.5 * x / WIDTH, 0.1 + 0.5 * y / HEIGHT, np.full(x.shape, 0.3)], -1)


def write_dng(path: Path, *, orientation: int = 1, preview: bool = False) -> None:
    """Write the scene as a camera with a Bayer filter (RGGB) would, optionally after a small preview."""
    camera = scene() * NEUTRAL
    mosaic = camera[..., 1].copy()
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = camera[0::2, 0::2, 0], camera[1::2, 1::2, 2]
    codes = np.round(mosaic * (WHITE - BLACK) + BLACK).astype(np.uint16)
    matrix = [int(n) for value in XYZ_TO_SRGB.ravel() for n in (round(value * 10000), 10000)]
    neutral = [int(n) for value in NEUTRAL for n in (round(value * 10000), 10000)]
    sensor = [
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (0, 1, 1, 2), True),
        (50714, "H", 1, BLACK, True),
        (50717, "H", 1, WHITE, True),
    ]
    camera_tags = [
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50707, "B", 4, (1, 1, 0, 0), True),
        (50708, "s", 0, "Dioptre Test", True),
        (50721, "2i", 9, matrix, True),
        (50728, "2I", 3, neutral, True),
        (50778, "H", 1, 21, True),
        (271, "s", 0, "Dioptre", True),
        (272, "s", 0, "Test", True),
        (274, "H", 1, orientation, True),
    ]
    with tifffile.TiffWriter(path) as tiff:
        if preview:
            tiff.write(PREVIEW, photometric="rgb", subfiletype=1, subifds=1, extratags=camera_tags, metadata=None)
            tiff.write(codes, photometric=32803, extratags=sensor, metadata=None)
        else:
            tiff.write(codes, photometric=32803, extratags=sensor + camera_tags, metadata=None)


@pytest.mark.parametrize("preview", [False, True])
def test_develops_the_scene(tmp_path: Path, preview: bool) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "photo.dng"
    write_dng(path, preview=preview)
    picture = photo.load(path)
    assert picture.pixels.shape == (HEIGHT, WIDTH, 3)
    linear = np.asarray(srgb_to_linear(jnp.asarray(picture.pixels)))
    assert np.abs(linear - scene())[4:-4, 4:-4].max() < 0.001
    assert picture.source.format is Format.RAW
    assert picture.source.bits == 16
    assert any("without a tone curve" in message for message in picture.messages)


def test_is_upright(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "photo.dng"
    write_dng(path, orientation=6)  # to be rotated by 90 degrees clockwise
    linear = np.asarray(srgb_to_linear(jnp.asarray(photo.load(path).pixels)))
    assert linear.shape == (WIDTH, HEIGHT, 3)
    assert np.abs(linear - np.rot90(scene(), -1))[4:-4, 4:-4].max() < 0.001


def test_a_result_is_a_tiff_with_16_bits_profile_and_metadata(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "photo.dng"
    write_dng(path)
    picture = photo.load(path)
    assert suffix_like(path, picture.source.format) == suffix_like(path, kind_of(path)) == ".tif"
    photo.save(picture, tmp_path / "result.tif")
    again = photo.load(tmp_path / "result.tif")
    assert again.source.bits == 16
    assert again.source.icc == picture.source.icc
    assert np.abs(again.pixels - picture.pixels).max() < 1e-4
    with tifffile.TiffFile(tmp_path / "result.tif") as tiff:
        assert tiff.pages[0].tags["Model"].value == "Test"


def test_a_truncated_file_is_damaged(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "photo.dng"
    write_dng(path)
    whole = path.read_bytes()
    for size in (len(whole) - 100, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(DamagedPicture):
            photo.load(path)


def test_the_size_is_checked_before_decoding(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "photo.dng"
    write_dng(path)
    with pytest.raises(PictureTooLarge):
        photo.load(path, max_megapixels=0.05)


def test_without_rawpy_the_hint_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.dng"
    write_dng(path, preview=True)
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(NotAPicture, match="RAW photo") as caught:
        photo.load(path)
    assert "'raw'" in caught.value.hint


def test_an_unknown_camera(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "photo.raf"
    path.write_bytes(b"FUJIFILMCCD-RAW 0201" + bytes(4000))
    with pytest.raises((NotAPicture, DamagedPicture)) as caught:
        photo.load(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    "start",
    [
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x08\0\0\0",
        b"\0\0\0\x18ftypcrx \0\0\0\1",
        b"II*\0\x10\0\0\0CR\2\0",
    ],
)
def test_signatures(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "photo"
    path.write_bytes(start + bytes(64))
    with path.open("rb") as file:
        begun = file.read()
        kind = recognise(begun)
        assert kind is Format.RAW or (kind is Format.TIFF and is_raw(begun, read_tiff(file, begun)))


def test_ordinary_tiff_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    with tifffile.TiffWriter(path) as tiff:  # A picture with a reduced copy as a sub-image is not a RAW photo.
        tiff.write(np.full((64, 96, 3), 90, np.uint8), photometric="rgb", subifds=1)
        tiff.write(PREVIEW, photometric="rgb", subfiletype=1)
    assert photo.load(path).pixels.shape == (64, 96, 3)


def test_a_small_file_that_announces_a_large_sensor_is_refused(tmp_path: Path) -> None:
    """Noise takes room, so none is flat; a flat file of 0.9 MB took 121 s and 6 GB in two processes."""
    pytest.importorskip("rawpy")
    path = tmp_path / "flat.dng"
    camera = [
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (0, 1, 1, 2), True),
        (50706, "B", 4, (1, 4, 0, 0), True),
    ]
    flat = np.full((2400, 2400), 0.5, np.float32)
    tifffile.imwrite(path, flat, photometric=32803, compression="zlib", extratags=camera, metadata=None)
    with pytest.raises(PictureTooLarge, match="far more than a file of its size"):
        photo.load(path)
    Budget(Limits.of(flat.size // 2), path).check_picture(*flat.shape, from_sensor=True)  # 4 bits for each pixel
