"""Loading and saving preserve file formats, bit depths, colours, orientation and metadata."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from dioptre.photo import Colour, Format, Source, load, matrix_profile, save
from dioptre.photo.encode.saving import require_size
from dioptre.photo.formats.decoded import Decoded
from dioptre.photo.problems import UnwritableFile

from .coded_files import camera_exif, codes_of, opened, write_coded

ALL_8 = (np.arange(256 * 3).reshape(16, 16, 3) * 7 % 256).astype(np.uint8)


def _random(dtype: type, bands: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    if dtype is np.float32:
        return rng.random((20, 33, bands), np.float32)
    return rng.integers(0, np.iinfo(dtype).max + 1, (20, 33, bands)).astype(dtype)


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
    path = write_coded(tmp_path / f"in.{kind.value.lower()}", codes, kind)
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
    path = write_coded(tmp_path / "in.tif", codes, Format.TIFF, icc=profile)
    picture = load(path)
    assert picture.messages == ()
    assert picture.pixels.min() < -0.01, "wide-gamut colours must not be clipped"
    assert picture.pixels.max() > 1.01
    save(picture, tmp_path / "out.tif")
    assert opened(tmp_path / "out.tif").info["icc_profile"] == profile
    top = np.iinfo(dtype).max
    back = codes_of(tmp_path / "out.tif")
    error = np.abs(back.astype(np.int64) - codes)
    # float32 represents a dark channel next to a bright one with an error of 1e-7 in linear light, which a pure
    # power curve magnifies to several of the darkest 16-bit codes. Above 2% brightness, every code is restored to
    # within 1.
    assert error[codes > 0.02 * top].max() <= 1
    assert error.max() <= (1 if dtype is np.uint8 else 64)


def test_profile_agrees_with_littlecms(tmp_path: Path) -> None:
    """Inside sRGB, an Adobe RGB picture must look the same as with Pillow's own LittleCMS."""
    codes = np.random.default_rng(5).integers(70, 180, (16, 16, 3)).astype(np.uint8)
    adobe = matrix_profile.adobe_rgb()
    picture = load(write_coded(tmp_path / "in.png", codes, Format.PNG, icc=adobe))
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
        "linear", primaries_xy=matrix_profile.SRGB_XY, white_xy=matrix_profile.D65_XY, curve=1.0
    )
    codes = np.full((4, 4, 3), 4.0, np.float32)
    codes[:2] = 0.5
    picture = load(write_coded(tmp_path / "in.tif", codes, Format.TIFF, icc=profile))
    expected = 1.055 * np.array([0.5, 4.0]) ** (1 / 2.4) - 0.055  # IEC 61966-2-1
    np.testing.assert_allclose(picture.pixels[[0, 3], 0, 0], expected, atol=2e-5)
    save(picture, tmp_path / "out.tif")
    np.testing.assert_allclose(codes_of(tmp_path / "out.tif"), codes, rtol=2e-5)


def test_grey_profile(tmp_path: Path) -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    grey = matrix_profile.grey_profile("gamma 1.8", curve=1.8)
    picture = load(write_coded(tmp_path / "in.png", codes, Format.PNG, icc=grey))
    light = (128 / 255) ** (461 / 256)  # The profile stores gamma in 8.8 fixed point.
    assert picture.pixels[8, 0, 1] == pytest.approx(1.055 * light ** (1 / 2.4) - 0.055, abs=1e-4)
    save(picture, tmp_path / "out.png")
    np.testing.assert_array_equal(codes_of(tmp_path / "out.png"), codes)


def test_grey_stays_grey_and_colour_is_said(tmp_path: Path, photo: np.ndarray) -> None:
    picture = load(write_coded(tmp_path / "in.png", photo[..., :1], Format.PNG))
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
    assert not opened(tmp_path / "out.tif").info.get("icc_profile")


def test_profile_for_other_channels_is_srgb_with_a_message(tmp_path: Path, photo: np.ndarray) -> None:
    grey = matrix_profile.grey_profile("g", curve=2.2)
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", icc_profile=grey)
    (tmp_path / "in.jpg").write_bytes(file.getvalue())
    assert "profile" in load(tmp_path / "in.jpg").messages[0]


def test_jpeg_takes_the_originals_fine_tables(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "fine.jpg", quality=97, subsampling=0)
    Image.fromarray(photo).save(tmp_path / "coarse.jpg", quality=40)
    for name in ("fine", "coarse"):
        save(load(tmp_path / f"{name}.jpg"), tmp_path / f"{name}-out.jpg")
    fine, out = (opened(tmp_path / name) for name in ("fine.jpg", "fine-out.jpg"))
    assert out.quantization == fine.quantization
    assert out.layer[0][1:3] == (1, 1), "4:4:4"
    coarse = opened(tmp_path / "coarse-out.jpg").quantization
    assert sum(coarse[0]) < sum(opened(tmp_path / "coarse.jpg").quantization[0]) / 3
    # Saving again with the same tables changes very little.
    assert np.abs(load(tmp_path / "fine-out.jpg").pixels - load(tmp_path / "fine.jpg").pixels).max() * 255 < 3


def test_camera_marked_adobe_rgb_without_profile(tmp_path: Path, photo: np.ndarray) -> None:
    tags = camera_exif(40, 24)
    del tags[0x0112]
    camera = tags.get_ifd(0x8769)
    camera[0xA001] = 65535
    camera[0xA005] = {1: "R03"}
    Image.fromarray(photo).save(tmp_path / "_in.jpg", exif=tags, quality=98)
    picture = load(tmp_path / "_in.jpg")
    assert picture.source.icc == matrix_profile.adobe_rgb()
    assert picture.pixels.min() < -0.05
    save(picture, tmp_path / "out.jpg")
    assert opened(tmp_path / "out.jpg").info["icc_profile"] == matrix_profile.adobe_rgb()


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
        written = opened(tmp_path / f"out{name[2:]}")
        assert written.mode == "RGB"
        assert "sRGB" in ImageCms.getProfileDescription(
            ImageCms.ImageCmsProfile(io.BytesIO(written.info["icc_profile"]))
        )


def cmyk_profile() -> bytes:
    """Return libvips' generic CMYK profile."""
    from dioptre.photo.vips import vips

    return bytes(vips().Image.profile_load("cmyk"))


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_with_a_profile_becomes_srgb_and_says_so(tmp_path: Path, suffix: str) -> None:
    inks = np.zeros((24, 24, 4), np.uint8)
    inks[:8], inks[8:16], inks[16:] = (20, 120, 90, 0), (60, 40, 40, 10), (0, 0, 0, 0)
    profile = cmyk_profile()
    Image.frombytes("CMYK", (24, 24), inks.tobytes()).save(tmp_path / f"in.{suffix}", icc_profile=profile)
    picture = load(tmp_path / f"in.{suffix}")
    assert picture.source.icc == profile
    assert save(picture, tmp_path / f"out.{suffix}") == ("The original is CMYK; the result is RGB (sRGB).",)
    assert opened(tmp_path / f"out.{suffix}").mode == "RGB"
    again = load(tmp_path / f"out.{suffix}")
    assert np.abs(again.pixels - picture.pixels)[[4, 12, 20], 12].max() < 0.01


def test_sixteen_bit_cmyk_keeps_its_depth(tmp_path: Path) -> None:
    import tifffile

    inks = np.full((8, 8, 4), (5000, 30000, 20000, 0), np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", inks, photometric="separated", iccprofile=cmyk_profile())
    picture = load(tmp_path / "in.tif")
    assert (picture.source.colour, picture.source.bits) == (Colour.CMYK, 16)
    save(picture, tmp_path / "out.tif")
    again = load(tmp_path / "out.tif")
    assert (again.source.colour, again.source.bits) == (Colour.RGB, 16)
    np.testing.assert_allclose(again.pixels, picture.pixels, atol=2e-5)


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
    assert save(picture, tmp_path / "out.tif") == ("The original is Lab; the result is RGB (sRGB).",)
    again = load(tmp_path / "out.tif")
    assert (again.source.colour, again.source.bits) == (Colour.RGB, 8)
    np.testing.assert_allclose(again.pixels, picture.pixels, atol=1 / 255)


def test_sixteen_bit_lab_keeps_its_depth(tmp_path: Path) -> None:
    import tifffile

    lab = np.full((8, 8, 3), (39500, 5300, 57750), np.uint16)  # L* 60.3, a* 20.7, b* -30.4
    tifffile.imwrite(tmp_path / "in.tif", lab, photometric="cielab")
    picture = load(tmp_path / "in.tif")
    assert (picture.source.colour, picture.source.bits) == (Colour.LAB, 16)
    save(picture, tmp_path / "out.tif")
    again = load(tmp_path / "out.tif")
    assert (again.source.colour, again.source.bits) == (Colour.RGB, 16)
    np.testing.assert_allclose(again.pixels, picture.pixels, atol=2e-5)


def test_premultiplied_tiff_becomes_straight(tmp_path: Path) -> None:
    import tifffile

    codes = np.full((4, 4, 4), 128, np.uint8)
    codes[..., 0] = 64
    tifffile.imwrite(tmp_path / "in.tif", codes, photometric="rgb", extrasamples=["assocalpha"])
    picture = load(tmp_path / "in.tif")
    np.testing.assert_allclose(picture.pixels[0, 0], [0.5, 1.0, 1.0, 128 / 255], atol=2e-3)


def test_without_an_original_the_suffix_decides(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((9, 7, 3), np.float32)
    for suffix, bits in (("png", 8), ("tif", 16), ("jpg", 8), ("webp", 8)):
        assert save(pixels, tmp_path / f"a.{suffix}") == ()
        source = load(tmp_path / f"a.{suffix}").source
        assert (source.bits, source.icc, source.exif, source.xmp) == (bits, None, None, None)


def test_several_pictures_need_a_file_that_holds_them(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.float32)
    with pytest.raises(UnwritableFile) as caught:
        save(pixels, tmp_path / "two.png", further=[pixels])
    assert ".mpo" in str(caught.value.hint)
    assert not any(tmp_path.iterdir())


def test_transparency_in_jpeg_goes_on_white_and_is_said(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 4), np.float32)
    (message,) = save(pixels, tmp_path / "a.jpg")
    assert "transparency" in message
    assert load(tmp_path / "a.jpg").pixels.min() > 0.98


def test_fewer_bits_are_said(tmp_path: Path) -> None:
    picture = load(write_coded(tmp_path / "in.tif", _random(np.uint16, 3), Format.TIFF))
    (message,) = save(picture, tmp_path / "out.jpg")
    assert "8 bits" in message


def test_values_beyond_an_integers_range_are_clamped(tmp_path: Path) -> None:
    pixels = np.array([[[-0.5, 0.2, 3.0]]], np.float32)
    save(pixels, tmp_path / "a.png")
    np.testing.assert_array_equal(codes_of(tmp_path / "a.png")[0, 0], [0, 51, 255])


def test_smooth_slopes_do_not_band(tmp_path: Path) -> None:
    """Averaged over rows, a slope of 4 codes in 200 pixels must be preserved, to within the noise of dithering."""
    slope = np.linspace(100, 104, 200, dtype=np.float32) / np.float32(255)
    pixels = np.broadcast_to(slope[None, :, None], (64, 200, 3))
    for profile in (None, matrix_profile.adobe_rgb()):
        like = load(write_coded(tmp_path / "like.png", np.zeros((4, 4, 3), np.uint8), Format.PNG, icc=profile))
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
    shutil.copy(write_coded(tmp_path / "in.png", photo, Format.PNG), tmp_path / name)
    picture = load(tmp_path / name)
    save(picture, tmp_path / f"out-{name}")
    np.testing.assert_array_equal(codes_of(tmp_path / f"out-{name}"), photo)


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    for value in (0.0, 1.0):
        save(np.full((4, 4, 3), value, np.float32), tmp_path / "a.png", force=True)
        assert load(tmp_path / "a.png").pixels.max() == value


def test_importing_costs_neither_jax_nor_libvips() -> None:
    code = (
        "import sys, dioptre.photo; print([m for m in ('jax', 'pyvips', 'PIL', 'pillow_heif') if m in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert seen.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("suffix", "side"), [(".jpg", 65_500), (".webp", 16_383), (".avif", 16_384), (".png", 70_000), (".tif", 70_000)]
)
def test_the_largest_sides_of_the_formats(tmp_path: Path, suffix: str, side: int) -> None:
    for shape in ((8, side, 3), (side, 8, 3)):
        save(np.zeros(shape, np.float32), tmp_path / f"a{suffix}", force=True)
    if suffix in (".jpg", ".webp", ".avif"):
        with pytest.raises(UnwritableFile) as refused:
            save(np.zeros((8, side + 1, 3), np.float32), tmp_path / f"b{suffix}")
        assert ".png" in refused.value.hint
        assert not (tmp_path / f"b{suffix}").exists()


def test_heic_is_also_limited_in_area() -> None:
    require_size(Format.HEIC, width=11_900, height=11_900)
    with pytest.raises(UnwritableFile, match="megapixels"):
        require_size(Format.HEIC, width=12_000, height=12_000)


def test_a_lossless_webp_with_a_profile_stays_lossless(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (24, 32, 3)).astype(np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(tmp_path / "a.webp", lossless=True, icc_profile=profile)
    picture = load(tmp_path / "a.webp")
    save(picture.pixels, tmp_path / "b.webp", like=picture)
    with Image.open(tmp_path / "b.webp") as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(("suffix", "clipped"), [(".png", True), (".jpg", True), (".tif", False)])
def test_light_above_white_is_not_clipped_in_silence(tmp_path: Path, suffix: str, clipped: bool) -> None:
    values = np.linspace(0, 2.5, 24 * 32 * 3, dtype=np.float32).reshape(24, 32, 3)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    picture = load(tmp_path / "a.tif")
    messages = save(picture.pixels, tmp_path / f"b{suffix}", like=picture)
    assert any("above white" in str(message) for message in messages) == clipped


def test_an_unusable_profile_of_a_png_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), (200, 30, 30)).save(tmp_path / "a.png", icc_profile=b"junk" * 40)
    (message,) = load(tmp_path / "a.png").messages
    assert str(message) == "The embedded colour profile cannot be used; the picture is treated as sRGB."


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_loading_takes_the_memory_of_the_picture(kind: type) -> None:
    """The caller of a separate decoder holds the picture; steps on all of its pixels took 1.5 times more."""
    codes = np.broadcast_to(np.array([[[0, 0, 0, 1]]], kind), (2000, 3000, 4))

    def decoding(path: Path, *, max_megapixels: float | None = None) -> Decoded:
        source = Source(format=Format.TIFF, alpha=True, floating=kind is np.float32)
        return Decoded(codes=codes, source=source, premultiplied=True)

    load("small.tif", decoding=decoding)  # tables that are kept
    tracemalloc.start()
    pixels = load("large.tif", decoding=decoding).pixels
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < pixels.nbytes + (64 << 20)
