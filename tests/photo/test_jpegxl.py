"""Reading and writing JPEG XL: bit depths, alpha, profiles, metadata, and files from another encoder."""

from __future__ import annotations

import sys
import zlib
from base64 import b64decode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import Colour, Format, load, matrix_profile, problems, save
from dioptre.photo.curves import srgb_curve
from dioptre.photo.decode.decoding import decode, describe
from dioptre.photo.encode.encoding import encode
from dioptre.photo.formats import jpegxl
from dioptre.photo.formats.jpegxl import CODESTREAM, BadHeader, read_header
from dioptre.photo.metadata import xmp as notes
from dioptre.photo.metadata.exif import Frame
from dioptre.photo.picture import Extras

pytest.importorskip("pyjpegxl")

# Files of 6 × 4 pixels from libjxl's cjxl 0.7: red at the top left, the right half blue, the rest black.
TEN_BITS = "/woYQBRQXAgIAgEAbABLGIsVwhljXB74C8QAwP23t3/U3V7YkoIEAAA="
PQ = "/woYQAEE5NEjDgcAAACACAIBAGQASxiLFcIJY1we/gIxAHB/2z7UtdctKUgAAA=="
P3 = "/woYQBCQyY0IAgEAZABLGIsVwgljXB7+AjEAcH/bPtS11y0pSAAA"
ORIENTED = (
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAwanhsY/8KGEALBBSXBAgCAQBkAEsYixXCCWNcHv4CMQBwf9s+1LXXLSlIAAA="
)
ANIMATED = "/woYQEEAFhSXBAgIAAAAfABLGIsVwgmqW5iA7wVkACB/ty1U2tcN5iMRPdawAAAACAhAAABMAEsYixXCUULqBSQAkH/9mwMAAAA="

# 2 × 2 pixels of Adobe RGB with its profile in the codestream, without loss; compressed for this page.
WITH_PROFILE = (
    "eNr7z8UhIHDoerNLw3d2BgYmBr8GRwYG/wYGKPjHwoACDqxnYGAEQjoABV+fub1Am+SA7D29snNigHQuEAfcjZUBsZ1B7DkmJluBtDGYH"
    "TKlBag+G8h+cMYULF4NEj8TihDvgagXB4n3IKn3gdgFAhytb3NleWJ1enN8OO/oxupwsPi+6fXhnHKklUNDwtLSUoPavo/xsQX5h+HJG8"
    "6et7I2c3XO6oL5QKdyQFTcu8YADvNpmaZwsSIDoA5vRgaHup7YuXdgZjXOYETSF5HEyMCVAfReMELfCQlGBoEXjAy/NjFyAA2tYPAWOtr"
    "UqnKN4a4se4OzoWpJowQDi2Nl4uKyF/6VEqwA2gRTVw=="
)
PROFILED = [[[0, 10, 20], [100, 200, 30]], [[255, 0, 0], [50, 150, 255]]]


def _ramps(dtype: type, bands: int) -> np.ndarray:
    """Return full-range ramps with a little noise, with shape (96, 128, bands)."""
    y, x = np.mgrid[0:96, 0:128]
    planes = np.stack([x / 127, y / 95, (x + y) / 222, 1 - x / 254], -1)[..., :bands]
    planes += np.random.default_rng(2).normal(0, 0.002, planes.shape)
    return np.round(np.clip(planes, 0, 1) * np.iinfo(dtype).max).astype(dtype)


def _write(path: Path, codes: np.ndarray, **extras: object) -> Path:
    path.write_bytes(encode(codes, Format.JPEGXL, extras=Extras(**extras)))  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_depth_returns(tmp_path: Path, dtype: type, bands: int, lossless: bool) -> None:
    codes = _ramps(dtype, bands)
    path = _write(tmp_path / "in.jxl", codes, lossless=lossless)
    decoded = decode(path)
    source = decoded.source
    assert (source.format, source.bits, source.floating) == (Format.JPEGXL, 8 * codes.itemsize, False)
    assert source.colour is (Colour.GREY if bands < 3 else Colour.RGB)
    assert (source.alpha, source.lossless) == (bands in (2, 4), lossless)
    assert decoded.codes.dtype == codes.dtype
    assert decoded.messages == []
    top = np.iinfo(dtype).max
    error = np.abs(decoded.codes / top - codes / top)
    # Measured errors at distance 0.2: at most 0.095, in dark and highly saturated red, and 0.0024 on average.
    assert error.max() == 0 if lossless else error.max() < 0.12 and error.mean() < 0.004
    assert describe(path).size == (96, 128)
    assert describe(path) == source
    picture = load(path)
    np.testing.assert_allclose(picture.pixels[..., 0], decoded.codes[..., 0] / top, atol=2e-5)
    assert save(picture, tmp_path / "out.jxl") == ()
    again = load(tmp_path / "out.jxl")
    assert (again.source.bits, again.source.alpha) == (source.bits, source.alpha)
    assert again.source.lossless == source.lossless
    assert np.abs(again.pixels - picture.pixels).max() < (2e-5 if lossless else 0.12)


def test_floats_are_read_as_linear_light_and_written_with_16_bits(tmp_path: Path) -> None:
    import pyjpegxl

    codes = np.linspace(0.01, 4, 96 * 128 * 3, dtype=np.float32).reshape(96, 128, 3)
    path = tmp_path / "in.jxl"
    path.write_bytes(pyjpegxl.encode_from_numpy(codes, lossless=True))
    picture = load(path)
    assert (picture.source.bits, picture.source.floating) == (32, True)
    assert picture.pixels.max() == pytest.approx(
        1.055 * 4 ** (1 / 2.4) - 0.055, rel=5e-4
    )  # The curve of IEC 61966-2-1; the profile stores it with 16 bits.
    assert save(picture, tmp_path / "out.jxl") == (
        "JPEG XL stores 16 bits per channel; the original had 32.",
        "JPEG XL cannot store highlights above white; they were clipped. TIFF keeps them.",
        "JPEG XL cannot store the original's colour profile; the result is in sRGB.",
    )
    again = load(tmp_path / "out.jxl")
    np.testing.assert_allclose(again.pixels, np.minimum(picture.pixels, 1), atol=2e-4)


@pytest.mark.parametrize("lossless", [True, False])
def test_metadata_is_kept(tmp_path: Path, lossless: bool) -> None:
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x0112] = "Maker", "Model 7", 6
    tags.get_ifd(0x8769)[0x927C] = b"private maker note"
    exif = tags.tobytes().removeprefix(b"Exif\0\0")
    xmp = notes.updated(
        None, note=notes.make_note(operation="depth", models={}, recipe={}), frame=Frame(width=128, height=96)
    )
    path = _write(tmp_path / "in.jxl", _ramps(np.uint16, 3), exif=exif, xmp=xmp, lossless=lossless)
    assert exif in path.read_bytes(), "uncompressed, as most programs expect it"
    source = load(path).source
    assert (source.exif, source.xmp, source.orientation) == (exif, xmp, 1)
    note = notes.make_note(operation="portrait", models={}, recipe={})
    assert save(load(path), tmp_path / "out.jxl", note=note) == ()
    written = load(tmp_path / "out.jxl").source
    assert written.exif is not None
    assert b"private maker note" in written.exif
    assert notes.read(written.xmp) == note


def test_a_profile_is_read_and_the_result_is_in_srgb(tmp_path: Path) -> None:
    path = tmp_path / "in.jxl"
    path.write_bytes(zlib.decompress(b64decode(WITH_PROFILE)))
    assert decode(path).codes.tolist() == PROFILED
    picture = load(path)
    assert picture.source.icc == matrix_profile.adobe_rgb()
    assert picture.source.lossless
    (message,) = save(picture, tmp_path / "out.jxl")
    assert "sRGB" in message
    again = load(tmp_path / "out.jxl")
    assert again.source.icc is None
    np.testing.assert_allclose(again.pixels, np.clip(picture.pixels, 0, 1), atol=1.01 / 255)  # dithered


def test_without_an_original_eight_bits_are_written(tmp_path: Path) -> None:
    assert save(np.full((9, 7, 3), 0.5, np.float32), tmp_path / "a.jxl") == ()
    source = load(tmp_path / "a.jxl").source
    assert (source.bits, source.icc, source.exif, source.xmp) == (8, None, None, None)


def test_another_encoders_orientation_and_depth(tmp_path: Path) -> None:
    oriented, ten = tmp_path / "a.jxl", tmp_path / "b.jxl"
    oriented.write_bytes(b64decode(ORIENTED))
    ten.write_bytes(b64decode(TEN_BITS))
    picture = load(oriented)
    assert picture.pixels.shape == (6, 4, 3)
    assert describe(oriented).size == (6, 4)
    np.testing.assert_array_equal(picture.pixels[0, 3], [1, 0, 0])
    deep = decode(ten)
    assert (deep.source.bits, deep.source.packed_bits) == (16, 10)
    np.testing.assert_array_equal(deep.codes[0, 0], [65535, 0, 0])
    assert deep.codes[0, 5, 2] == pytest.approx(200 / 255 * 65535, abs=33)  # The tolerance is half a 10-bit step.


def test_another_encoders_colour_spaces(tmp_path: Path) -> None:
    wide, hdr = tmp_path / "a.jxl", tmp_path / "b.jxl"
    wide.write_bytes(b64decode(P3))
    hdr.write_bytes(b64decode(PQ))
    picture = load(wide)
    assert picture.source.icc is not None
    assert picture.pixels[0, 0, 0] > 1.05, "Display P3's red is beyond sRGB"
    picture = load(hdr)
    assert picture.messages == ()
    assert srgb_curve().decode(picture.pixels[0, 0]).max() > 10000 / 203, "PQ's brightest red is beyond sRGB"


def test_an_animation_gives_its_last_frame_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jxl"
    path.write_bytes(b64decode(ANIMATED))
    picture = load(path)
    assert "last" in picture.messages[0]
    np.testing.assert_allclose(picture.pixels[0, 0], [0, 1, 0, 1], atol=0.01)


def test_the_header_is_read_from_any_beginning(tmp_path: Path) -> None:
    whole = encode(_ramps(np.uint16, 4), Format.JPEGXL, extras=Extras(lossless=True))
    seen = read_header(whole)
    assert (seen.width, seen.height, seen.bits, seen.alpha, seen.lossless) == (128, 96, 16, True, True)
    for end in (*range(1000), *range(1000, len(whole) // 8, 97)):
        try:
            assert read_header(whole[:end]) == seen
        except BadHeader:
            continue
    with pytest.raises(BadHeader):
        read_header(whole[:20])


def test_a_size_far_beyond_the_content_is_refused(tmp_path: Path) -> None:
    """The header declares 2^30 × 2^30 pixels: a bare codestream with the longest size fields."""
    bits = [0, 1, 1, *([1] * 30), 0, 0, 0, 1, 1, *([1] * 30), 1]
    packed = np.packbits(bits, bitorder="little").tobytes()
    path = tmp_path / "a.jxl"
    path.write_bytes(b"\xff\x0a" + packed + bytes(200))
    with pytest.raises(problems.PictureTooLarge):
        load(path)


def test_without_its_library_an_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / "in.jxl", _ramps(np.uint8, 3))
    monkeypatch.setitem(sys.modules, "pyjpegxl", None)
    with pytest.raises(problems.NotAPicture, match="JPEG XL") as caught:
        load(path)
    assert "'jpegxl'" in caught.value.hint


def test_a_depth_channel_is_no_transparency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alpha channel of a file is given out as one of depth."""
    path, codes = tmp_path / "a.jxl", _ramps(np.uint8, 4)
    path.write_bytes(encode(codes, Format.JPEGXL, extras=Extras(lossless=True)))
    assert load(path).messages == ()
    left: list[int] = []

    def noting(read: Callable[[Any], Any], bits: Any) -> Any:
        left.append(bits._left)
        result = read(bits)
        left.append(bits._left)
        return result

    for name in ("_extra_channel", "_colour_encoding"):
        monkeypatch.setattr(jpegxl, name, partial(noting, getattr(jpegxl, name)))
    data = path.read_bytes()
    start = data.index(CODESTREAM)
    jpegxl.read_header(data)
    head = "".join(f"{byte:08b}"[::-1] for byte in data[start + 2 : start + 4096])
    before, after, _, end = (len(head) - each for each in left)
    assert head[before:after] == "1"  # all fields have their default values
    end += 3  # no extensions, and the usual transform
    bits = head[:before] + "0" + "10" + "000" + "00" + "00" + head[after:end]
    changed = int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")
    path.write_bytes(data[start : start + 2] + changed + data[start + 2 + -(-end // 8) :])
    picture = load(path)
    assert picture.pixels.shape[2] == 3
    assert np.abs(picture.pixels * 255 - codes[..., :3]).max() < 1.01
    assert "not kept" in picture.messages[0]
