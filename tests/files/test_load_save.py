"""Loading and saving preserve file formats, bit depths, colours, orientation and metadata."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from dioptre.files import Colour, Format, load, matrix_profile, notes, save
from dioptre.files.encode import Extras, encode

pillow_heif = pytest.importorskip("pillow_heif")

ALL_8 = (np.arange(256 * 3).reshape(16, 16, 3) * 7 % 256).astype(np.uint8)


def _open(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def _random(dtype: type, bands: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    if dtype is np.float32:
        return rng.random((20, 33, bands), np.float32)
    return rng.integers(0, np.iinfo(dtype).max + 1, (20, 33, bands)).astype(dtype)


def _write(path: Path, codes: np.ndarray, kind: Format, **extras: object) -> Path:
    path.write_bytes(encode(codes, kind, extras=Extras(**extras)))  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (Format.PNG, np.uint8),
        (Format.PNG, np.uint16),
        (Format.TIFF, np.uint8),
        (Format.TIFF, np.uint16),
        (Format.TIFF, np.float32),
    ],
)
def test_lossless_formats_return_every_value(tmp_path: Path, kind: Format, dtype: type, bands: int) -> None:
    codes = _random(dtype, bands)
    path = _write(tmp_path / f"in.{kind.value.lower()}", codes, kind)
    picture = load(path)
    source = picture.source
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.shape == (20, 33, 4 if bands in (2, 4) else 3)
    assert (source.format, source.bits, source.floating) == (kind, 8 * codes.itemsize, dtype is np.float32)
    assert source.colour is (Colour.GREY if bands < 3 else Colour.RGB)
    assert save(picture, tmp_path / f"again.{kind.value.lower()}") == ()
    again = load(tmp_path / f"again.{kind.value.lower()}")
    assert again.source.bits == source.bits
    assert again.source.colour is source.colour
    np.testing.assert_allclose(again.pixels, picture.pixels, atol=1e-7)
    scale = 1 if dtype is np.float32 else np.iinfo(dtype).max
    np.testing.assert_allclose(picture.pixels[..., 0], codes[..., 0] / scale, atol=1e-6)
    if bands in (2, 4):
        np.testing.assert_allclose(picture.pixels[..., 3], codes[..., -1] / scale, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_profile_is_converted_kept_and_undone(tmp_path: Path, profile: bytes, dtype: type) -> None:
    codes = _random(dtype, 3)
    path = _write(tmp_path / "in.tif", codes, Format.TIFF, icc=profile)
    picture = load(path)
    assert picture.messages == ()
    assert picture.pixels.min() < -0.01, "wide-gamut colours must not be clipped"
    assert picture.pixels.max() > 1.01
    save(picture, tmp_path / "out.tif")
    assert _open(tmp_path / "out.tif").info["icc_profile"] == profile
    top = np.iinfo(dtype).max
    back = _codes_of(tmp_path / "out.tif")
    error = np.abs(back.astype(np.int64) - codes)
    # float32 represents a dark channel next to a bright one with an error of 1e-7 in linear light, which a pure
    # power curve magnifies to several of the darkest 16-bit codes. Above 2% brightness, every code is restored to
    # within 1.
    assert error[codes > 0.02 * top].max() <= 1
    assert error.max() <= (1 if dtype is np.uint8 else 64)


def _codes_of(path: Path) -> np.ndarray:
    from dioptre.files.decode import decode

    return decode(path, max_megapixels=1000).codes


def test_profile_agrees_with_littlecms(tmp_path: Path) -> None:
    """Inside sRGB, an Adobe RGB picture must look the same as with Pillow's own LittleCMS."""
    codes = np.random.default_rng(5).integers(70, 180, (16, 16, 3)).astype(np.uint8)
    adobe = matrix_profile.adobe_rgb()
    picture = load(_write(tmp_path / "in.png", codes, Format.PNG, icc=adobe))
    expected = ImageCms.profileToProfile(
        Image.fromarray(codes),
        ImageCms.ImageCmsProfile(io.BytesIO(adobe)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    inside = ((picture.pixels > 0) & (picture.pixels < 1)).all(-1)
    assert inside.mean() > 0.3
    assert np.abs(picture.pixels * 255 - np.asarray(expected))[inside].max() < 1.5


def test_float_with_linear_profile_keeps_highlights(tmp_path: Path) -> None:
    profile = matrix_profile.rgb_profile(
        "linear", primaries_xy=matrix_profile.SRGB_XY, white_xy=matrix_profile.D65_XY, gamma=1.0
    )
    codes = np.full((4, 4, 3), 4.0, np.float32)
    codes[:2] = 0.5
    picture = load(_write(tmp_path / "in.tif", codes, Format.TIFF, icc=profile))
    expected = 1.055 * np.array([0.5, 4.0]) ** (1 / 2.4) - 0.055  # IEC 61966-2-1
    np.testing.assert_allclose(picture.pixels[[0, 3], 0, 0], expected, atol=2e-5)
    save(picture, tmp_path / "out.tif")
    np.testing.assert_allclose(_codes_of(tmp_path / "out.tif"), codes, rtol=2e-5)


def test_grey_profile(tmp_path: Path) -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    grey = matrix_profile.grey_profile("gamma 1.8", gamma=1.8)
    picture = load(_write(tmp_path / "in.png", codes, Format.PNG, icc=grey))
    light = (128 / 255) ** (461 / 256)  # The profile stores gamma in 8.8 fixed point.
    assert picture.pixels[8, 0, 1] == pytest.approx(1.055 * light ** (1 / 2.4) - 0.055, abs=1e-4)
    save(picture, tmp_path / "out.png")
    np.testing.assert_array_equal(_codes_of(tmp_path / "out.png"), codes)


def test_grey_stays_grey_and_colour_is_said(tmp_path: Path, photo: np.ndarray) -> None:
    picture = load(_write(tmp_path / "in.png", photo[..., :1], Format.PNG))
    tinted = picture.pixels + np.float32(0.004) * np.array([1, 0, -1], np.float32)
    assert save(tinted, tmp_path / "grey.png", like=picture) == ()
    assert load(tmp_path / "grey.png").source.colour is Colour.GREY
    coloured = picture.pixels * np.array([1, 0.5, 0.2], np.float32)
    (message,) = save(coloured, tmp_path / "colour.png", like=picture)
    assert "grey" in message
    assert load(tmp_path / "colour.png").source.colour is Colour.RGB


@pytest.mark.parametrize("content", [b"nonsense", bytes(4000), matrix_profile.adobe_rgb()[:300]])
def test_broken_profile_is_srgb_with_a_message(tmp_path: Path, photo: np.ndarray, content: bytes) -> None:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "TIFF", icc_profile=content)
    (tmp_path / "in.tif").write_bytes(file.getvalue())
    picture = load(tmp_path / "in.tif")
    assert len(picture.messages) == 1
    assert "profile" in picture.messages[0]
    np.testing.assert_allclose(picture.pixels, photo / np.float32(255), atol=1e-6)
    save(picture, tmp_path / "out.tif")
    assert not _open(tmp_path / "out.tif").info.get("icc_profile")


def test_profile_for_other_channels_is_srgb_with_a_message(tmp_path: Path, photo: np.ndarray) -> None:
    grey = matrix_profile.grey_profile("g", gamma=2.2)
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", icc_profile=grey)
    (tmp_path / "in.jpg").write_bytes(file.getvalue())
    assert "profile" in load(tmp_path / "in.jpg").messages[0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_orientation_is_applied_and_reset(tmp_path: Path, photo: np.ndarray, orientation: int, suffix: str) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    image = Image.fromarray(photo)
    options = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(suffix, {})
    image.save(tmp_path / f"in.{suffix}", exif=tags, **options)
    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(_open(tmp_path / f"in.{suffix}")))
    picture = load(tmp_path / f"in.{suffix}")
    assert picture.pixels.shape == expected.shape
    # libvips and Pillow may differ by 2 when decoding JPEG.
    assert np.abs(picture.pixels * 255 - expected).max() < 3
    save(picture, tmp_path / f"out.{suffix}")
    written = _open(tmp_path / f"out.{suffix}")
    assert written.size == (picture.width, picture.height)
    assert written.getexif().get(0x0112, 1) == 1


def _camera_exif(width: int, height: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x0112] = "Maker", "Model 7", 6
    camera = tags.get_ifd(0x8769)
    camera[0x829D], camera[0xA002], camera[0xA003] = 2.8, width, height
    camera[0x927C] = b"private maker note"
    tags.get_ifd(0x8825)[1] = "N"
    return tags


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "heic", "avif"])
def test_camera_metadata_is_kept(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    image = Image.fromarray(photo)
    image.save(tmp_path / "in.jpg", exif=_camera_exif(40, 24), dpi=(240, 240))
    picture = load(tmp_path / "in.jpg")
    save(picture, tmp_path / f"out.{suffix}")
    if suffix == "heic":
        pillow_heif.register_heif_opener()
    written = _open(tmp_path / f"out.{suffix}").getexif()
    assert (written[0x010F], written[0x0110]) == ("Maker", "Model 7")
    assert written.get(0x0112, 1) == 1
    camera = written.get_ifd(0x8769)
    assert float(camera[0x829D]) == pytest.approx(2.8)
    assert (camera[0xA002], camera[0xA003]) == (24, 40)
    assert camera[0x927C] == b"private maker note"
    assert written.get_ifd(0x8825)[1] == "N"
    if suffix in ("jpg", "png", "tif"):
        assert load(tmp_path / f"out.{suffix}").source.resolution_dpi == pytest.approx((240, 240), abs=0.1)


def test_tiff_camera_metadata_returns(tmp_path: Path, photo: np.ndarray) -> None:
    tags = _camera_exif(40, 24)
    del tags[0x0112]
    Image.fromarray(photo).save(tmp_path / "in.tif", exif=tags.tobytes())
    save(load(tmp_path / "in.tif"), tmp_path / "out.tif")
    written = _open(tmp_path / "out.tif")
    assert written.getexif()[0x010F] == "Maker"
    assert written.getexif().get_ifd(0x8769)[0x927C] == b"private maker note"
    np.testing.assert_array_equal(np.asarray(written), photo)


def test_thumbnail_of_the_unedited_picture_is_dropped(tmp_path: Path, photo: np.ndarray) -> None:
    thumbnail = io.BytesIO()
    Image.fromarray(photo).save(thumbnail, "JPEG")
    tags = _camera_exif(40, 24)
    blob = tags.tobytes()[6:]
    # A second directory with the thumbnail is appended, as cameras do.
    import struct

    order = "<" if blob[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", blob, 4)
    (count,) = struct.unpack_from(order + "H", blob, first)
    data, at = bytearray(blob), len(blob)
    struct.pack_into(order + "I", data, first + 2 + 12 * count, at)
    data += struct.pack(order + "HHHIIHHIII", 2, 0x0201, 4, 1, at + 30, 0x0202, 4, 1, len(thumbnail.getvalue()), 0)
    data += thumbnail.getvalue()
    Image.fromarray(photo).save(tmp_path / "in.jpg", exif=b"Exif\0\0" + bytes(data))
    assert _open(tmp_path / "in.jpg").getexif().get_ifd(ExifTags.IFD.IFD1)
    save(load(tmp_path / "in.jpg"), tmp_path / "out.jpg")
    assert not _open(tmp_path / "out.jpg").getexif().get_ifd(ExifTags.IFD.IFD1)
    assert thumbnail.getvalue()[:64] not in (tmp_path / "out.jpg").read_bytes()[2:]


def test_iptc_is_kept_and_photoshops_thumbnail_is_not(tmp_path: Path, photo: np.ndarray) -> None:
    from dioptre.files import containers

    caption = b"\x1c\x02\x78\x00\x05Cup 1"
    iptc = b"8BIM\x04\x04\0\0" + len(caption).to_bytes(4, "big") + caption
    thumbnail = b"8BIM\x04\x0c\0\0" + (8).to_bytes(4, "big") + b"OLDTHUMB"
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG")
    jpeg = containers.into_jpeg(file.getvalue(), exif=None, xmp=None, photoshop=thumbnail + iptc)
    (tmp_path / "in.jpg").write_bytes(jpeg)
    picture = load(tmp_path / "in.jpg")
    assert picture.source.photoshop == iptc
    save(picture, tmp_path / "out.jpg")
    assert b"OLDTHUMB" not in (tmp_path / "out.jpg").read_bytes()
    assert load(tmp_path / "out.jpg").source.photoshop == iptc
    from PIL import IptcImagePlugin

    assert IptcImagePlugin.getiptcinfo(_open(tmp_path / "out.jpg"))[(2, 120)] == b"Cup 1"


def test_jpeg_takes_the_originals_fine_tables(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "fine.jpg", quality=97, subsampling=0)
    Image.fromarray(photo).save(tmp_path / "coarse.jpg", quality=40)
    for name in ("fine", "coarse"):
        save(load(tmp_path / f"{name}.jpg"), tmp_path / f"{name}-out.jpg")
    fine, out = (_open(tmp_path / name) for name in ("fine.jpg", "fine-out.jpg"))
    assert out.quantization == fine.quantization
    assert out.layer[0][1:3] == (1, 1), "4:4:4"
    coarse = _open(tmp_path / "coarse-out.jpg").quantization
    assert sum(coarse[0]) < sum(_open(tmp_path / "coarse.jpg").quantization[0]) / 3
    # Saving again with the same tables changes very little.
    assert np.abs(load(tmp_path / "fine-out.jpg").pixels - load(tmp_path / "fine.jpg").pixels).max() * 255 < 3


def test_camera_marked_adobe_rgb_without_profile(tmp_path: Path, photo: np.ndarray) -> None:
    tags = _camera_exif(40, 24)
    del tags[0x0112]
    camera = tags.get_ifd(0x8769)
    camera[0xA001] = 65535
    camera[0xA005] = {1: "R03"}
    Image.fromarray(photo).save(tmp_path / "_in.jpg", exif=tags, quality=98)
    picture = load(tmp_path / "_in.jpg")
    assert picture.source.icc == matrix_profile.adobe_rgb()
    assert picture.pixels.min() < -0.05
    save(picture, tmp_path / "out.jpg")
    assert _open(tmp_path / "out.jpg").info["icc_profile"] == matrix_profile.adobe_rgb()


def test_cmyk_becomes_tagged_srgb_and_says_so(tmp_path: Path) -> None:
    cmyk = np.zeros((8, 8, 4), np.uint8)
    cmyk[:4, :, 2] = 255  # The upper half is yellow, the lower half white.
    for name in ("in.jpg", "in.tif"):
        Image.fromarray(cmyk, "CMYK").save(tmp_path / name)
        picture = load(tmp_path / name)
        assert picture.source.colour is Colour.CMYK
        assert "CMYK" in picture.messages[0]
        assert picture.pixels[6, 0].min() > 0.97
        assert picture.pixels[1, 0, 0] > 0.9
        assert picture.pixels[1, 0, 2] < 0.3
        (message,) = save(picture, tmp_path / f"out{name[2:]}")
        assert "CMYK" in message
        written = _open(tmp_path / f"out{name[2:]}")
        assert written.mode == "RGB"
        assert "sRGB" in ImageCms.getProfileDescription(
            ImageCms.ImageCmsProfile(io.BytesIO(written.info["icc_profile"]))
        )


def test_palette(tmp_path: Path, photo: np.ndarray) -> None:
    image = Image.fromarray(photo).quantize(16)
    for suffix in ("png", "tif"):
        image.save(tmp_path / f"in.{suffix}")
        picture = load(tmp_path / f"in.{suffix}")
        assert picture.source.colour is Colour.PALETTE
        np.testing.assert_allclose(picture.pixels * 255, np.asarray(image.convert("RGB")), atol=1e-3)
        (message,) = save(picture, tmp_path / f"out.{suffix}")
        assert "palette" in message


def test_lab_tiff(tmp_path: Path) -> None:
    lab = ImageCms.applyTransform(
        Image.new("RGB", (8, 8), (200, 100, 50)),
        ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"),
    )
    lab.save(tmp_path / "in.tif")
    picture = load(tmp_path / "in.tif")
    assert picture.source.colour is Colour.LAB
    # The tolerance is wide because 8-bit Lab is coarse.
    np.testing.assert_allclose(picture.pixels[4, 4] * 255, [200, 100, 50], atol=3)


def test_premultiplied_tiff_becomes_straight(tmp_path: Path) -> None:
    import tifffile

    codes = np.full((4, 4, 4), 128, np.uint8)
    codes[..., 0] = 64
    tifffile.imwrite(tmp_path / "in.tif", codes, photometric="rgb", extrasamples=["assocalpha"])
    picture = load(tmp_path / "in.tif")
    np.testing.assert_allclose(picture.pixels[0, 0], [0.5, 1.0, 1.0, 128 / 255], atol=2e-3)


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
    _write(
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
    _write(tmp_path / "in.avif", codes, Format.AVIF, icc=icc, packed_bits=bits if bits > 8 else 0)
    picture = load(tmp_path / "in.avif")
    source = picture.source
    assert (source.bits, source.packed_bits) == ((8, 0) if bits == 8 else (16, bits))
    assert (source.icc, source.alpha, source.format) == (icc, alpha, Format.AVIF)
    read = _codes_of(tmp_path / "in.avif")
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
    picture = load(_write(tmp_path / "in.png", codes, Format.PNG))
    assert save(picture, tmp_path / "out.avif") == ("AVIF stores 12 bits per channel; the original had 16.",)
    assert load(tmp_path / "out.avif").source.packed_bits == 12
    grey = load(_write(tmp_path / "grey.png", codes[..., :1], Format.PNG))
    save(grey, tmp_path / "grey.avif")
    again = load(tmp_path / "grey.avif")
    assert np.abs(again.pixels - grey.pixels).mean() < 0.004


def test_pillow_reads_what_libheif_wrote(tmp_path: Path, photo: np.ndarray) -> None:
    """Pillow includes libavif, an independent reader; the added EXIF item must not have moved the picture."""
    wide = np.repeat(np.repeat(photo, 4, 0), 4, 1)
    path = _write(tmp_path / "a.avif", wide, Format.AVIF, exif=_camera_exif(160, 96).tobytes()[6:], xmp=b"<x/>")
    with Image.open(path) as image:
        assert np.abs(np.asarray(image).astype(int) - wide).mean() < 2
        assert image.info["xmp"] == b"<x/>"
        assert image.getexif()[0x0110] == "Model 7"


def test_an_hdr_avif_is_said_to_be_one(tmp_path: Path, photo: np.ndarray) -> None:
    path = tmp_path / "a.avif"
    Image.fromarray(photo).save(path)
    data = path.read_bytes()
    at = data.index(b"colrnclx") + 8
    assert load(path).messages == ()
    path.write_bytes(data[: at + 2] + (16).to_bytes(2, "big") + data[at + 4 :])  # Code 16 means PQ in H.273.
    assert "HDR" in load(path).messages[0]


def test_without_an_original_the_suffix_decides(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((9, 7, 3), np.float32)
    for suffix, bits in (("png", 8), ("tif", 16), ("jpg", 8), ("webp", 8)):
        assert save(pixels, tmp_path / f"a.{suffix}") == ()
        source = load(tmp_path / f"a.{suffix}").source
        assert (source.bits, source.icc, source.exif, source.xmp) == (bits, None, None, None)


def test_transparency_in_jpeg_goes_on_white_and_is_said(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 4), np.float32)
    (message,) = save(pixels, tmp_path / "a.jpg")
    assert "transparency" in message
    assert load(tmp_path / "a.jpg").pixels.min() > 0.98


def test_fewer_bits_are_said(tmp_path: Path) -> None:
    picture = load(_write(tmp_path / "in.tif", _random(np.uint16, 3), Format.TIFF))
    (message,) = save(picture, tmp_path / "out.jpg")
    assert "8 bits" in message


def test_values_beyond_an_integers_range_are_clamped(tmp_path: Path) -> None:
    pixels = np.array([[[-0.5, 0.2, 3.0]]], np.float32)
    save(pixels, tmp_path / "a.png")
    np.testing.assert_array_equal(_codes_of(tmp_path / "a.png")[0, 0], [0, 51, 255])


def test_smooth_slopes_do_not_band(tmp_path: Path) -> None:
    """Averaged over rows, a slope of 4 codes in 200 pixels must be preserved, to within the noise of dithering."""
    slope = np.linspace(100, 104, 200, dtype=np.float32) / np.float32(255)
    pixels = np.broadcast_to(slope[None, :, None], (64, 200, 3))
    for profile in (None, matrix_profile.adobe_rgb()):
        like = load(_write(tmp_path / "like.png", np.zeros((4, 4, 3), np.uint8), Format.PNG, icc=profile))
        save(pixels, tmp_path / "a.png", like=like, force=True)
        seen = load(tmp_path / "a.png").pixels
        assert np.abs(seen.mean(0) - pixels[0]).max() * 255 < 0.12
        # One code of Adobe RGB corresponds to up to 1.5 codes of sRGB.
        assert np.abs(seen - pixels).max() * 255 < 2


def test_animation_uses_its_first_frame_and_says_so(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 5), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    for suffix in ("gif", "png", "webp"):
        frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
        picture = load(tmp_path / f"a.{suffix}")
        assert picture.pixels.shape[:2] == (5, 6)
        np.testing.assert_allclose(picture.pixels[2, 2, :3], [1, 0, 0], atol=0.01)
        assert "first" in picture.messages[0]


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int], suffix: str) -> None:
    Image.new("RGB", size, (10, 200, 30)).save(tmp_path / f"in.{suffix}")
    picture = load(tmp_path / f"in.{suffix}")
    assert (picture.width, picture.height) == size
    save(picture, tmp_path / f"out.{suffix}")
    assert np.abs(load(tmp_path / f"out.{suffix}").pixels - picture.pixels).max() < 0.03


@pytest.mark.parametrize("name", ["photo[1].png", "Фото ü 🌆.png", "a b%20'.png"])
def test_any_name_works(tmp_path: Path, photo: np.ndarray, name: str) -> None:
    shutil.copy(_write(tmp_path / "in.png", photo, Format.PNG), tmp_path / name)
    picture = load(tmp_path / name)
    save(picture, tmp_path / f"out-{name}")
    np.testing.assert_array_equal(_codes_of(tmp_path / f"out-{name}"), photo)


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    for value in (0.0, 1.0):
        save(np.full((4, 4, 3), value, np.float32), tmp_path / "a.png", force=True)
        assert load(tmp_path / "a.png").pixels.max() == value


def test_existing_xmp_survives_and_is_made_true(tmp_path: Path, photo: np.ndarray) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"'
        b' xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+0.50"'
        b' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"'
        b' xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
        b' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="ABC"/></rdf:RDF></x:xmpmeta>'
    )
    picture = load(_write(tmp_path / "in.jpg", photo, Format.JPEG, xmp=xmp))
    assert picture.source.xmp is not None
    note = notes.make(operation="portrait", models={"depth-s": "ab" * 32}, recipe={"steps": [{"operation": "x"}]})
    for suffix in ("jpg", "png", "tif", "webp", "heic", "avif"):
        save(picture, tmp_path / f"out.{suffix}", note=note)
        written = load(tmp_path / f"out.{suffix}").source.xmp
        assert written is not None
        assert b'xmp:Rating="4"' in written
        assert b'crs:Exposure2012="+0.50"' in written
        assert b'tiff:Orientation="1"' in written
        assert b"hdrgm" not in written
        assert b"HasExtendedXMP" not in written
        assert b"digitalsourcetype/algorithmicallyEnhanced" in written
        assert notes.read(written) == note


def test_metadata_beyond_a_jpegs_room_is_said_and_the_note_stays(tmp_path: Path, photo: np.ndarray) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Label="'
        + b"x" * 70_000
        + b'"/></rdf:RDF></x:xmpmeta>'
    )
    picture = load(_write(tmp_path / "in.png", photo, Format.PNG, xmp=xmp))
    note = notes.make(operation="portrait", models={}, recipe={})
    (message,) = save(picture, tmp_path / "out.jpg", note=note)
    assert "XMP" in message
    assert notes.read(load(tmp_path / "out.jpg").source.xmp) == note


def test_a_generated_pictures_source_type_is_not_laundered(tmp_path: Path, photo: np.ndarray) -> None:
    made = notes.SOURCE_TYPES + "trainedAlgorithmicMedia"
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<i:DigitalSourceType>{made}</i:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
    picture = load(_write(tmp_path / "in.jpg", photo, Format.JPEG, xmp=xmp))
    save(picture, tmp_path / "out.jpg", note=notes.make(operation="portrait", models={}, recipe={}))
    note = notes.read(load(tmp_path / "out.jpg").source.xmp)
    assert note is not None
    assert note.source_type == made


def test_importing_costs_neither_jax_nor_libvips() -> None:
    code = (
        "import sys, dioptre.files; print([m for m in ('jax', 'pyvips', 'PIL', 'pillow_heif') if m in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert seen.stdout.strip() == "[]"
