"""HEIC and AVIF files keep their bits, profile and alpha."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import Format, load, matrix_profile, save

from .coded_files import camera_exif, codes_of, write_coded

pillow_heif = pytest.importorskip("pillow_heif")


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_heic(tmp_path: Path, photo: np.ndarray, bits: int) -> None:
    wide = np.repeat(np.repeat(photo, 4, 0), 4, 1)
    data = wide if bits == 8 else wide.astype(np.uint16) * 257
    mode = "RGB" if bits == 8 else "RGB;16"
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    try:
        heif = pillow_heif.from_bytes(mode=mode, size=(wide.shape[1], wide.shape[0]), data=data.tobytes())
        heif.save(tmp_path / "in.heic", quality=95, chroma=444)
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    picture = load(tmp_path / "in.heic")
    assert picture.source.bits == (8 if bits == 8 else 16)
    assert np.abs(picture.pixels * 255 - wide).mean() < 2
    lost = ("HEIC stores 10 bits per channel; the original had 12.",) if bits == 12 else ()
    assert save(picture, tmp_path / "out.heic") == lost
    again = load(tmp_path / "out.heic")
    assert np.abs(again.pixels - picture.pixels).mean() * 255 < 1.5


def test_heic_keeps_its_profile(tmp_path: Path, photo: np.ndarray) -> None:
    write_coded(
        tmp_path / "in.heic", np.repeat(np.repeat(photo, 4, 0), 4, 1), Format.HEIC, icc=matrix_profile.adobe_rgb()
    )
    picture = load(tmp_path / "in.heic")
    assert picture.source.icc == matrix_profile.adobe_rgb()
    assert picture.pixels.min() < -0.05


def _ramps(bits: int, *, alpha: bool) -> np.ndarray:
    """Return full-range ramps from black to white in every channel, with shape (96, 128, 3 or 4)."""
    y, x = np.mgrid[0:96, 0:128]
    planes = [x / 127, y / 95, (x + y) / 222, 1 - x / 254]
    top = 255 if bits == 8 else 65535
    return np.round(np.stack(planes[: 3 + alpha], -1) * top).astype(np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_avif_keeps_depth_profile_and_alpha(tmp_path: Path, bits: int, alpha: bool) -> None:
    codes, icc = _ramps(bits, alpha=alpha), matrix_profile.adobe_rgb()
    write_coded(tmp_path / "in.avif", codes, Format.AVIF, icc=icc, packed_bits=bits if bits > 8 else 0)
    picture = load(tmp_path / "in.avif")
    source = picture.source
    assert (source.bits, source.packed_bits) == ((8, 0) if bits == 8 else (16, bits))
    assert (source.icc, source.alpha, source.format) == (icc, alpha, Format.AVIF)
    read = codes_of(tmp_path / "in.avif")
    assert read[-1, -1, :3].min() > 0.99 * np.iinfo(read.dtype).max, "white is white"
    # Measured errors of AV1 at quality 93: 0.021, 0.019 and 0.018 in the three cases.
    assert np.abs(read / np.iinfo(read.dtype).max - codes / np.iinfo(codes.dtype).max).max() < 0.03
    assert save(picture, tmp_path / "out.avif") == ()
    again = load(tmp_path / "out.avif")
    assert (again.source.bits, again.source.packed_bits, again.source.icc) == (
        source.bits,
        source.packed_bits,
        icc,
    )
    assert np.abs(again.pixels - picture.pixels).mean() < 0.004


def test_avif_of_grey_and_of_16_bits(tmp_path: Path) -> None:
    codes = _ramps(16, alpha=False)
    picture = load(write_coded(tmp_path / "in.png", codes, Format.PNG))
    assert save(picture, tmp_path / "out.avif") == ("AVIF stores 12 bits per channel; the original had 16.",)
    assert load(tmp_path / "out.avif").source.packed_bits == 12
    grey = load(write_coded(tmp_path / "grey.png", codes[..., :1], Format.PNG))
    save(grey, tmp_path / "grey.avif")
    again = load(tmp_path / "grey.avif")
    assert np.abs(again.pixels - grey.pixels).mean() < 0.004


def test_pillow_reads_what_libheif_wrote(tmp_path: Path, photo: np.ndarray) -> None:
    """Pillow includes libavif, an independent reader; the added EXIF item must not have moved the picture."""
    wide = np.repeat(np.repeat(photo, 4, 0), 4, 1)
    path = write_coded(tmp_path / "a.avif", wide, Format.AVIF, exif=camera_exif(160, 96).tobytes()[6:], xmp=b"<x/>")
    with Image.open(path) as image:
        assert np.abs(np.asarray(image).astype(int) - wide).mean() < 2
        assert image.info["xmp"] == b"<x/>"
        assert image.getexif()[0x0110] == "Model 7"


@pytest.mark.parametrize("kind", ["avif", "heic"])
@pytest.mark.parametrize("stated", [(2, 2, 2), (1, 2, 2), (1, 13, 6), None])
@pytest.mark.parametrize(("container", "stream"), [(False, False), (False, True), (True, False), (True, True)])
def test_the_range_of_the_container_counts(
    tmp_path: Path, kind: str, stated: tuple[int, int, int] | None, container: bool, stream: bool
) -> None:
    """Without a box of colours, the range of the stream counts."""
    codes, path = _ramps(8, alpha=False), tmp_path / f"a.{kind}"
    codes = codes // 2 + 40  # within both ranges
    if kind == "avif":
        Image.fromarray(codes).save(path, quality=95, subsampling="4:4:4", range="full" if stream else "limited")
    else:
        points = {"color_primaries": 1, "transfer_characteristics": 13, "matrix_coefficients": 6}
        heif = pillow_heif.from_pillow(Image.fromarray(codes))
        heif.save(path, quality=95, chroma=444, full_range_flag=stream, **points)
    data = path.read_bytes()
    at = data.index(b"colrnclx")
    if stated is None:
        path.write_bytes(data[:at] + b"free" + data[at + 4 :])
        container = stream
    else:
        box = struct.pack(">HHHB", *stated, container << 7)
        path.write_bytes(data[: at + 8] + box + data[at + 15 :])
    expected = codes.astype(float)
    if container and not stream:
        expected = 16 + expected * 219 / 255
    elif stream and not container:
        expected = (expected - 16) * 255 / 219
    assert np.abs(load(path).pixels * 255 - expected).mean() < 1.5


def test_further_pictures_of_a_heic_are_named(tmp_path: Path, photo: np.ndarray) -> None:
    one, path = Image.fromarray(np.repeat(np.repeat(photo, 4, 0), 4, 1)), tmp_path / "a.heic"
    heif = pillow_heif.from_pillow(one)
    heif.save(path)
    assert load(path).messages == ()
    heif.add_from_pillow(one)
    heif.save(path)
    assert "several pictures" in load(path).messages[0]
