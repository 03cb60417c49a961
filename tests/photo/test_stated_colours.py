"""Pictures whose colours are stated by numbers instead of an ICC profile, and grey and alpha of limited range.

The right values come from the standards' formulas and, for what Dioptre writes, from LittleCMS through Pillow.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from dioptre.photo import Format, Picture, load, read_depth, save
from dioptre.photo.formats.stated_colours import PQ
from dioptre.photo.metadata.containers import png_chunk

SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
REC_2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
WIDE = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))  # ProPhoto's, under D65
D65 = (0.3127, 0.3290)
SRGB_CURVE = 0.0
"""Stands for sRGB's curve among exponents."""
TWICE_ROUNDED = 0.5 / 219 + 0.5 / 255


def ramp() -> np.ndarray:
    """Return codes of pale to strong colours that sRGB holds in all of the primaries, uint8 (64, 96, 3)."""
    y, x = np.mgrid[0:64, 0:96]
    return np.stack([100 + x, 90 + x, 140 + y], 2).astype(np.uint8)


def expected(codes: np.ndarray, primaries: tuple[tuple[float, float], ...], exponent: float) -> np.ndarray:
    """Return the sRGB-encoded values of codes, 0 to 255, for primaries under D65."""

    def xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
        columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
        white = np.array([D65[0] / D65[1], 1, (1 - sum(D65)) / D65[1]])
        return columns * np.linalg.solve(columns, white)

    value = codes / (65535 if codes.dtype == np.uint16 else 255)
    if exponent == SRGB_CURVE:
        linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    else:
        linear = value**exponent
    if codes.shape[2] == 3:
        linear = linear @ (np.linalg.inv(xyz(SRGB)) @ xyz(primaries)).T
    assert linear.min() >= 0
    assert linear.max() <= 1, "the test's colours are inside sRGB"
    return 255 * np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def png(codes: np.ndarray, *chunks: tuple[bytes, bytes], icc: bytes | None = None) -> bytes:
    """Return a PNG file with chunks behind its header."""
    file = io.BytesIO()
    if codes.dtype == np.uint16 and codes.shape[2] == 3:
        from dioptre.photo.encode.encoding import encode
        from dioptre.photo.picture import Extras

        file.write(encode(codes, Format.PNG, extras=Extras(icc=icc)))
    else:
        Image.fromarray(codes.squeeze()).save(file, "PNG", **({"icc_profile": icc} if icc else {}))
    data = file.getvalue()
    return data[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + data[33:]


def gama(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def chrm(primaries: tuple[tuple[float, float], ...], white: tuple[float, float] = D65) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(v * 100_000) for xy in (white, *primaries) for v in xy))


def cicp(primaries: int, transfer: int, *, full: int = 1) -> tuple[bytes, bytes]:
    return b"cICP", bytes((primaries, transfer, 0, full))


def seen(picture: Picture) -> np.ndarray:
    return picture.pixels[..., :3] * 255


def managed(path: Path) -> np.ndarray:
    """Return what a colour-managed program shows, 0 to 255: LittleCMS with the file's profile."""
    with Image.open(path) as image:
        icc = image.info.get("icc_profile")
        if icc is None:
            return np.asarray(image.convert("RGB")).astype(float)
        own = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        shown = ImageCms.profileToProfile(
            image if image.mode == "L" else image.convert("RGB"),
            own,
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    return np.asarray(shown).astype(float)


def nclx(primaries: int, transfer: int, *, full: bool = True) -> bytes:
    return struct.pack(">HHH", primaries, transfer, 6) + bytes((0x80 * full,))


def avif(image: Image.Image, codes: bytes | None = None, **options: object) -> bytes:
    """Return an AVIF file, with other code points."""
    file = io.BytesIO()
    image.save(file, "AVIF", quality=100, subsampling="4:4:4" if image.mode != "L" else "4:0:0", **options)
    data = file.getvalue()
    at = data.index(b"colrnclx") + 8
    return data if codes is None else data[:at] + codes + data[at + 7 :]


def heic(image: Image.Image, codes: bytes | None = None) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=-1, chroma=444, matrix_coefficients=6)
    data = file.getvalue()
    at = data.index(b"colrnclx") + 8
    return data if codes is None else data[:at] + codes + data[at + 7 :]


CODE_POINTS = [
    (1, 13, SRGB, SRGB_CURVE),
    (12, 13, P3, SRGB_CURVE),
    (12, 2, P3, SRGB_CURVE),
    (9, 13, REC_2020, SRGB_CURVE),
    (9, 1, REC_2020, SRGB_CURVE),  # as browsers show it
    (9, 14, REC_2020, SRGB_CURVE),
    (1, 8, SRGB, 1.0),
    (12, 8, P3, 1.0),
    (2, 8, SRGB, 1.0),
    (1, 4, SRGB, 2.2),
    (12, 5, P3, 2.8),
]


@pytest.mark.parametrize("wide", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize(("primaries", "transfer", "xy", "exponent"), CODE_POINTS)
def test_cicp_of_png(
    tmp_path: Path,
    primaries: int,
    transfer: int,
    *,
    xy: tuple[tuple[float, float], ...],
    exponent: float,
    wide: bool,
) -> None:
    codes = ramp().astype(np.uint16) * 257 if wide else ramp()
    path = tmp_path / "a.png"
    path.write_bytes(png(codes, cicp(primaries, transfer)))
    picture = load(path)
    right = expected(codes, xy, exponent)
    assert picture.messages == ()
    np.testing.assert_allclose(seen(picture), right, atol=0.5)
    save(picture, tmp_path / "out.png")
    np.testing.assert_array_equal(load(tmp_path / "out.png").pixels, picture.pixels)
    if not wide:
        np.testing.assert_allclose(managed(tmp_path / "out.png"), right, atol=1.5)


@pytest.mark.parametrize("write", [avif, heic])
@pytest.mark.parametrize(("primaries", "transfer", "xy", "exponent"), CODE_POINTS)
def test_nclx_of_avif_and_heic(
    tmp_path: Path,
    *,
    write: Callable[..., bytes],
    primaries: int,
    transfer: int,
    xy: tuple[tuple[float, float], ...],
    exponent: float,
) -> None:
    path = tmp_path / f"a.{write.__name__}"
    path.write_bytes(write(Image.fromarray(ramp()), nclx(primaries, transfer)))
    if write is avif:
        with Image.open(path) as image:
            coded = np.asarray(image)
    else:
        coded = np.asarray(pytest.importorskip("pillow_heif").open_heif(path))
    np.testing.assert_allclose(seen(load(path)), expected(coded, xy, exponent), atol=2)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".avif", ".heic"])
def test_every_format_carries_the_colours(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "a.png").write_bytes(png(ramp(), cicp(9, 8)))
    right = expected(ramp(), REC_2020, 1.0)
    out = tmp_path / f"out{suffix}"
    save(load(tmp_path / "a.png"), out)
    again = load(out)
    assert again.source.icc is not None
    assert np.abs(seen(again) - right).mean() < 1.5
    if suffix in (".png", ".jpg", ".webp", ".avif"):
        assert np.abs(managed(out) - right).mean() < 1.5


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".avif", ".jxl", ".heic"])
def test_grey_stays_grey_with_its_curve(tmp_path: Path, suffix: str) -> None:
    grey = ramp()[..., :1]
    (tmp_path / "a.png").write_bytes(png(grey, gama(1 / 1.8)))
    right = expected(grey, SRGB, 1.8)
    out = tmp_path / f"out{suffix}"
    save(load(tmp_path / "a.png"), out)
    again = load(out)
    assert again.source.colour.value == ("RGB" if suffix == ".webp" else "grey")
    np.testing.assert_allclose(seen(again), np.broadcast_to(right, (64, 96, 3)), atol=5)
    if suffix in (".png", ".jpg", ".webp", ".avif"):
        np.testing.assert_allclose(managed(out), np.broadcast_to(right, (64, 96, 3)), atol=5)


def test_gamma_and_chromaticities_of_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for chunks, xy, exponent in (
        ((gama(1.0),), SRGB, 1.0),
        ((gama(1 / 1.8),), SRGB, 1.8),
        ((gama(0.45455),), SRGB, SRGB_CURVE),
        ((gama(0.45455), chrm(SRGB)), SRGB, SRGB_CURVE),
        ((gama(0.45455), chrm(P3)), P3, SRGB_CURVE),
        ((chrm(P3),), P3, SRGB_CURVE),
        ((gama(1 / 1.8), chrm(REC_2020)), REC_2020, 1.8),
        ((gama(0.0),), SRGB, SRGB_CURVE),
        ((gama(0.45455), chrm(((0.0, 0.0),) * 3)), SRGB, SRGB_CURVE),
        ((gama(1.0), chrm(((0.3, 0.3),) * 3)), SRGB, 1.0),
    ):
        path.write_bytes(png(ramp(), *chunks))
        np.testing.assert_allclose(seen(load(path)), expected(ramp(), xy, exponent), atol=0.5, err_msg=str(chunks))


def test_another_white_stays_white(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(np.full((8, 8, 3), 255, np.uint8), gama(0.45455), chrm(P3, (0.3457, 0.3585))))
    np.testing.assert_allclose(seen(load(path)), 255, atol=0.5)


def test_odd_primaries(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    codes = np.full((8, 8, 3), 128, np.uint8)
    codes[..., 1] = 140
    path.write_bytes(png(codes, gama(0.45455), chrm(WIDE)))
    np.testing.assert_allclose(seen(load(path)), expected(codes, WIDE, SRGB_CURVE), atol=0.5)
    path.write_bytes(png(codes, cicp(10, 8)))  # CIE XYZ, whose primaries have y = 0
    grey = np.full((8, 8, 3), 128, np.uint8)
    path.write_bytes(png(grey, cicp(10, 8)))
    np.testing.assert_allclose(seen(load(path)), expected(grey, SRGB, 1.0), atol=0.7)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P"])
def test_gamma_in_every_kind_of_png(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(ramp()).convert("RGBA" if "A" in mode else "RGB")
    if "A" in mode:
        image.putalpha(Image.fromarray(ramp()[..., 0]))
    image = image.convert(mode)
    file = io.BytesIO()
    image.save(file, "PNG")
    data = file.getvalue()
    path = tmp_path / "a.png"
    path.write_bytes(data[:33] + png_chunk(*gama(1.0)) + data[33:])
    picture = load(path)
    codes = np.asarray(image.convert("RGB"))
    np.testing.assert_allclose(seen(picture), expected(codes, SRGB, 1.0), atol=0.5)
    if "A" in mode:
        np.testing.assert_allclose(picture.pixels[..., 3] * 255, ramp()[..., 0], atol=0.01)
    save(picture, tmp_path / "out.png")
    np.testing.assert_array_equal(load(tmp_path / "out.png").pixels, picture.pixels)
    with Image.open(tmp_path / "out.png") as written:
        assert written.mode == ("RGB" if mode == "P" else mode)


def test_precedence_in_png(tmp_path: Path) -> None:
    (tmp_path / "linear.png").write_bytes(png(ramp(), cicp(1, 8)))
    linear = load(tmp_path / "linear.png").source.icc
    srgb = (b"sRGB", b"\0")
    path = tmp_path / "a.png"
    for chunks, icc, xy, exponent in (
        ((cicp(12, 13),), linear, P3, SRGB_CURVE),
        ((cicp(1, 13), gama(1.0), chrm(P3)), linear, SRGB, SRGB_CURVE),
        ((gama(0.45455), chrm(P3)), linear, SRGB, 1.0),
        ((srgb, gama(1.0), chrm(P3)), None, SRGB, SRGB_CURVE),
        ((cicp(12, 13), srgb), None, P3, SRGB_CURVE),
        ((cicp(12, 200), gama(1.0)), None, SRGB, 1.0),  # an unknown cICP counts as none
    ):
        path.write_bytes(png(ramp(), *chunks, icc=icc))
        np.testing.assert_allclose(seen(load(path)), expected(ramp(), xy, exponent), atol=0.7, err_msg=str(chunks))


def test_unknown_code_points_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(ramp(), cicp(12, 9)))
    (message,) = load(path).messages
    assert "sRGB" in message


def test_colours_behind_long_metadata_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(ramp(), (b"tEXt", b"Comment\0" + b"x" * 100_000), gama(1.0)))
    np.testing.assert_allclose(seen(load(path)), expected(ramp(), SRGB, 1.0), atol=0.5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_limited_range_of_png(tmp_path: Path, dtype: type) -> None:
    top = np.iinfo(dtype).max
    step = 1 if dtype == np.uint8 else 256
    value = np.linspace(0, 1, 64 * 96).reshape(64, 96, 1).repeat(3, 2)
    path = tmp_path / "a.png"
    path.write_bytes(png(np.round(16 * step + value * 219 * step).astype(dtype), cicp(1, 13, full=0)))
    np.testing.assert_allclose(load(path).pixels, value, atol=TWICE_ROUNDED if top == 255 else 1e-4)


def test_profile_takes_precedence_over_nclx(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path / "a.avif"
    path.write_bytes(avif(Image.fromarray(ramp()), nclx(9, 8), icc_profile=srgb))
    assert np.abs(seen(load(path)) - ramp()).max() < 5


@pytest.mark.parametrize("range_", ["full", "limited"])
@pytest.mark.parametrize("write", [avif, heic])
def test_grey_of_either_range(tmp_path: Path, write: Callable[..., bytes], range_: str) -> None:
    grey = Image.fromarray(np.linspace(0, 255, 64 * 96).reshape(64, 96).astype(np.uint8))
    if write is avif:
        data = avif(grey, range=range_)
    else:
        held = np.asarray(grey) * (219 / 255) + 16 if range_ == "limited" else np.asarray(grey)
        data = heic(Image.fromarray(np.round(held).astype(np.uint8)), nclx(1, 13, full=range_ == "full"))
    path = tmp_path / f"a.{write.__name__}"
    path.write_bytes(data)
    picture = load(path)
    np.testing.assert_allclose(seen(picture), np.repeat(np.asarray(grey)[..., None], 3, 2), atol=3)
    save(picture, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "L"


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_limited_grey_and_alpha_of_any_depth(bits: int) -> None:
    """What libheif returns for limited planes is corrected with libavif's 8 bits beside it."""
    from dioptre.photo.formats.avif import _correct
    from dioptre.photo.formats.decoded import Decoded, full_range
    from dioptre.photo.picture import Colour, Source

    value = np.linspace(0.1, 1, 64 * 96).reshape(64, 96)
    step = 2 ** (bits - 8)
    codes = np.round(16 * step + value * 219 * step)
    packed = codes.astype(np.uint8) if bits == 8 else full_range((codes * 2 ** (16 - bits)).astype(np.uint16), bits)
    grey, alpha = (Image.fromarray(np.round(v * 255).astype(np.uint8)) for v in (value, value[::-1]))
    found = Decoded(
        codes=np.stack([packed, packed, packed, packed[::-1]], 2),
        source=Source(format=Format.AVIF, alpha=True, packed_bits=0 if bits == 8 else bits),
    )
    _correct(found, Image.merge("LA", (grey, alpha)))
    assert found.source.colour is Colour.GREY
    right = np.stack([value, value[::-1]], 2)
    np.testing.assert_allclose(found.codes / np.iinfo(found.codes.dtype).max, right, atol=TWICE_ROUNDED)


def test_fields_of_tiff(tmp_path: Path) -> None:
    white = (0.3127, 0.329)
    path = tmp_path / "a.tif"
    x = np.linspace(0, 1, 256)
    for exponents, xy in (((1.8,), P3), ((1.8,) * 3, REC_2020), ((1.0, 1.8, 2.6), SRGB)):
        table = tuple(int(v) for e in exponents for v in np.round(x**e * 65535))
        tags = {318: white, 319: tuple(np.ravel(xy)), 301: table}
        Image.fromarray(ramp()).save(path, tiffinfo=tags)
        linear = np.stack([(ramp()[..., c] / 255) ** exponents[min(c, len(exponents) - 1)] for c in range(3)], 2)
        right = expected(np.round(linear * 65535).astype(np.uint16), xy, 1.0)
        np.testing.assert_allclose(seen(load(path)), right, atol=0.5)
    Image.fromarray(ramp()).save(path, tiffinfo={318: white, 319: tuple(np.ravel(P3))})
    np.testing.assert_allclose(seen(load(path)), expected(ramp(), P3, SRGB_CURVE), atol=0.5)
    Image.fromarray(ramp()[..., 0]).save(path, tiffinfo={301: tuple(int(v) for v in np.round(x * 65535))})
    picture = load(path)
    np.testing.assert_allclose(seen(picture)[..., :1], expected(ramp()[..., :1], SRGB, 1.0), atol=0.5)
    save(picture, tmp_path / "out.tif")
    assert load(tmp_path / "out.tif").source.colour.value == "grey"


def test_depth_maps_keep_their_values(tmp_path: Path) -> None:
    grey = np.linspace(0, 255, 64 * 96).reshape(64, 96, 1).astype(np.uint8)
    for chunks in ((gama(1.0),), (cicp(1, 8),), (cicp(9, PQ),)):
        path = tmp_path / "depth.png"
        path.write_bytes(png(grey, *chunks))
        disparity = read_depth(path, width=96, height=64).disparity
        np.testing.assert_allclose(disparity * 255, grey[..., 0], atol=0.01, err_msg=str(chunks))
