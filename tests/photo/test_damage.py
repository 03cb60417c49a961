"""No damage passes unseen: a damaged file is refused, or a message says so, or every reader sees the same pixels.

Every format and mode is damaged at ten places: some bytes are overwritten, a single byte is changed, or the file is
cut off. Pillow reads the same damaged file as an independent reader, and so does ImageMagick where it is installed.
"""

from __future__ import annotations

import io
import lzma
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from dioptre.photo import Format, apart, load, matrix_profile, read_depth
from dioptre.photo.decode.decoding import decode
from dioptre.photo.encode.encoding import encode
from dioptre.photo.formats.decoded import PYTHON_DECODER_ERRORS, Decoded, require_finite
from dioptre.photo.picture import Colour, Extras
from dioptre.photo.problems import DamagedPicture, NotAPicture
from dioptre_link.errors import DioptreError

from .planes import write_depth
from .test_raw import write_dng

PLACES = 10
RNG = np.random.default_rng(55)


def photo(height: int = 72, width: int = 96) -> np.ndarray:
    """A uint8 picture (H, W, 3) of smooth colours with some noise, so that its files are not too small."""
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)], -1)
    return np.clip(smooth + np.random.default_rng(1).normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def by_pillow(kind: str, mode: str, **options: Any) -> Callable[[], bytes]:
    def written() -> bytes:
        file = io.BytesIO()
        image = Image.fromarray(photo())
        if mode == "LAB":
            srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
            image = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
        elif mode == "I;16":
            image = Image.fromarray(photo()[..., 0].astype(np.uint16) * 257)
        elif mode == "F":
            image = Image.fromarray(photo()[..., 0].astype(np.float32) / 255)
        else:
            image = image.convert(mode)
        image.save(file, kind, **options)
        return file.getvalue()

    return written


def by_tifffile(values: np.ndarray, **options: Any) -> Callable[[], bytes]:
    def written() -> bytes:
        file = io.BytesIO()
        tifffile.imwrite(file, values, metadata=None, **options)
        return file.getvalue()

    return written


def frames(kind: str) -> Callable[[], bytes]:
    def written() -> bytes:
        file = io.BytesIO()
        first, second = Image.fromarray(photo()), Image.fromarray(photo()[::-1])
        options = {"subsampling": "4:4:4"} if kind == "AVIF" else {}
        first.save(file, kind, save_all=True, append_images=[second], **options)
        return file.getvalue()

    return written


def coded(kind: Format, module: str) -> Callable[[], bytes]:
    def written() -> bytes:
        pytest.importorskip(module)
        return encode(photo(), kind)

    return written


def raw() -> bytes:
    pytest.importorskip("rawpy")
    path = Path("photo.dng")
    write_dng(path)
    return path.read_bytes()


WHOLE: dict[str, Callable[[], bytes]] = {
    "jpeg": by_pillow("JPEG", "RGB", quality=90),
    "jpeg-444": by_pillow("JPEG", "RGB", quality=90, subsampling=0),
    "jpeg-grey": by_pillow("JPEG", "L", quality=90),
    "jpeg-cmyk": by_pillow("JPEG", "CMYK", quality=90),
    "jpeg-progressive": by_pillow("JPEG", "RGB", quality=90, progressive=True),
    "jpeg-restart": by_pillow("JPEG", "RGB", quality=90, restart_marker_rows=1),
    "png": by_pillow("PNG", "RGB"),
    "png-alpha": by_pillow("PNG", "RGBA"),
    "png-grey": by_pillow("PNG", "L"),
    "png-palette": by_pillow("PNG", "P"),
    "png-1": by_pillow("PNG", "1"),
    "png-16": by_pillow("PNG", "I;16"),
    "gif": by_pillow("GIF", "P"),
    "gif-plain": by_pillow("GIF", "L", interlace=0),
    "gif-frames": frames("GIF"),
    "webp": by_pillow("WEBP", "RGB"),
    "webp-lossless": by_pillow("WEBP", "RGB", lossless=True),
    "webp-alpha": by_pillow("WEBP", "RGBA"),
    "avif": by_pillow("AVIF", "RGB", subsampling="4:4:4"),
    "avif-alpha": by_pillow("AVIF", "RGBA", subsampling="4:4:4"),
    "avif-frames": frames("AVIF"),
    "heic": coded(Format.HEIC, "pillow_heif"),
    "jxl": coded(Format.JPEGXL, "pyjpegxl"),
    "raw": raw,
    **{
        f"tiff-{mode}-{compression}": by_pillow("TIFF", mode, compression=compression)
        for mode in ("RGB", "L", "I;16", "F", "P", "RGBA", "CMYK", "LAB", "YCbCr")
        for compression in ("tiff_lzw", "zstd")  # of libvips and of Pillow
    },
    **{
        f"tiff-{compression}": by_pillow("TIFF", "RGB", compression=compression)
        for compression in ("raw", "packbits", "tiff_adobe_deflate", "lzma", "jpeg")
    },
    **{
        f"tiff-1-{compression}": by_pillow("TIFF", "1", compression=compression)
        for compression in ("raw", "packbits", "group3", "group4", "tiff_ccitt", "zstd")
    },
    "tiff-tiles": by_tifffile(photo(), photometric="rgb", tile=(32, 32), compression="zlib"),
    "tiff-planes": by_tifffile(np.moveaxis(photo(), 2, 0), photometric="rgb", planarconfig="separate"),
    "tiff-big-endian": by_tifffile(photo() * np.uint16(257), photometric="rgb", byteorder=">", compression="lzma"),
    "tiff-double": by_tifffile(photo() / 255, photometric="rgb", compression="zlib", rowsperstrip=8),
}


def independent(path: Path) -> np.ndarray | None:
    """Return a file's pixels as Pillow reads them, float64 (H, W, C) in [0, 255]; None if it does not."""
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode in ("P", "PA"):
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            image = image.convert("L" if image.mode == "1" else "RGB" if image.mode == "YCbCr" else image.mode)
            values = np.asarray(image).astype(np.float64)
            scale = {"I;16": 1 / 257, "F": 255}.get(image.mode, 1)
            if image.mode == "LAB":
                values[..., 1:] = np.asarray(image)[..., 1:].view(np.int8)
    except PYTHON_DECODER_ERRORS:
        return None
    return values.reshape(*values.shape[:2], -1) * scale


def own(decoded: Decoded) -> np.ndarray:
    """Return the same of what Dioptre reads."""
    codes = decoded.codes.astype(np.float64)
    if decoded.source.colour is Colour.LAB:
        return codes * (255 / 100, 1, 1)
    return codes * (255 if decoded.codes.dtype.kind == "f" else 255 / np.iinfo(decoded.codes.dtype).max)


def alike(first: np.ndarray, second: np.ndarray, tolerance: float) -> bool:
    if first.shape[:2] != second.shape[:2]:
        return False
    bands = {first.shape[2], second.shape[2]}
    if bands in ({1, 3}, {2, 4}, {1, 2}, {3, 4}, {1, 4}):  # one of them lacks alpha, or has grey as RGB
        first, second = first[..., :1], second[..., :1]
    return first.shape == second.shape and np.allclose(first, second, rtol=1e-6, atol=tolerance, equal_nan=True)


def damages(data: bytes) -> Iterator[tuple[str, bytes]]:
    for place in range(PLACES):
        at = int(len(data) * (place + 0.5) / PLACES)
        length = max(4, min(64, len(data) // 40))
        yield f"{length} bytes at {at}", data[:at] + RNG.bytes(length) + data[at + length :]
        yield f"a byte at {at}", data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1 :]
        yield f"cut at {at}", data[:at]


@cache
def magick() -> str | None:
    """Return ImageMagick's program, if it is installed. A `convert` may be another: Windows has one for disks."""
    for name in ("magick", "convert"):
        if program := shutil.which(name):
            says = subprocess.run([program, "-version"], capture_output=True, check=False)
            if says.returncode == 0 and b"ImageMagick" in says.stdout:
                return program
    return None


def magick_complains(path: Path) -> bool:
    """Return whether ImageMagick is installed and warns about a file."""
    if (program := magick()) is None:
        return False
    return subprocess.run([program, path, "null:"], capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_damage_is_never_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    whole, path = WHOLE[name](), tmp_path / "a"
    path.write_bytes(whole)
    usual = decode(path).messages
    is_exact = name.startswith(("png", "gif", "tiff", "webp-lossless")) and name != "tiff-jpeg"
    tolerance = 1.01 if is_exact else 4.0  # readers convert YCbCr with different rounding
    expected = independent(path)
    assert expected is None or alike(own(decode(path)), expected, tolerance), "the whole file"
    for what, data in damages(whole):
        path.write_bytes(data)
        try:
            found = decode(path)
            require_finite(found, path, maps=True)  # as `load` and `read_depth` do
        except DioptreError:
            continue
        if len(found.messages) > len(usual):
            continue
        assert not (name.startswith("jpeg") and magick_complains(path)), f"{what}: ImageMagick complains"
        if expected is None or alike(own(found), expected, tolerance):
            continue  # no other reader, or the picture is right
        other = independent(path)
        assert other is not None, f"{what}: Pillow does not read it"
        assert alike(own(found), other, tolerance), f"{what}: Pillow reads it differently"


def tiff_of_pieces(pieces: list[bytes], *, tags: dict[int, int], size: tuple[int, int]) -> bytes:
    """Return a TIFF (width, height) of strips of eight rows that are already coded."""
    count, at = len(pieces), 8 + sum(map(len, pieces))
    starts = [8 + sum(map(len, pieces[:number])) for number in range(count)]
    lists = struct.pack(f"<{2 * count}I", *starts, *map(len, pieces))
    fields = {256: size[0], 257: size[1], 258: 8, 262: 1, 277: 1, 278: 8} | tags
    table = {tag: (1, value) for tag, value in fields.items()} | {273: (count, at), 279: (count, at + 4 * count)}
    rows = b"".join(struct.pack("<HHII", tag, 4, *table[tag]) for tag in sorted(table))
    return (
        b"II*\0"
        + struct.pack("<I", at + len(lists))
        + b"".join(pieces)
        + lists
        + struct.pack("<H", len(table))
        + rows
        + bytes(4)
    )


def strips(values: np.ndarray) -> list[np.ndarray]:
    return [values[top : top + 8] for top in range(0, len(values), 8)]


@pytest.mark.parametrize(("compression", "kind"), [(34712, "JPEG2000"), (33005, "JPEG2000"), (34933, "PNG")])
def test_strips_that_are_pictures(tmp_path: Path, compression: int, kind: str) -> None:
    pieces = []
    for strip in strips(photo()):
        file = io.BytesIO()
        Image.fromarray(strip).save(file, kind, **({"no_jp2": True} if kind == "JPEG2000" else {}))
        pieces.append(file.getvalue())
    path = tmp_path / "a.tif"
    for bits in (8, 16):  # of 16, Pillow keeps 8
        path.write_bytes(tiff_of_pieces(pieces, tags={258: bits, 259: compression, 262: 2, 277: 3}, size=(96, 72)))
        np.testing.assert_array_equal(decode(path).codes, photo())


def test_strips_of_jpegxl(tmp_path: Path) -> None:
    pyjpegxl = pytest.importorskip("pyjpegxl")
    pieces = [pyjpegxl.encode_from_numpy(np.ascontiguousarray(strip), lossless=True) for strip in strips(photo())]
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_of_pieces(pieces, tags={259: 50002, 262: 2, 277: 3}, size=(96, 72)))
    np.testing.assert_array_equal(decode(path).codes, photo())


@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
def test_samples_that_do_not_fill_bytes(tmp_path: Path, bits: int) -> None:
    codes = np.random.default_rng(0).integers(0, 1 << bits, (24, 40, 3))
    packed = np.packbits((codes.reshape(24, -1, 1) >> np.arange(bits)[::-1] & 1).reshape(24, -1), axis=1)
    path = tmp_path / "a.tif"
    tags = {258: bits, 259: 1, 262: 2, 277: 3}
    path.write_bytes(tiff_of_pieces([strip.tobytes() for strip in strips(packed)], tags=tags, size=(40, 24)))
    np.testing.assert_allclose(load(path).pixels, codes / ((1 << bits) - 1), atol=0.51 / 255 if bits <= 8 else 1e-5)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_floating_point_predictor(tmp_path: Path, dtype: str) -> None:
    values = (photo()[..., 0] / 255).astype(dtype)
    size = values.dtype.itemsize
    planes = (
        values.astype(dtype.replace("<", ">")).view(np.uint8).reshape(72, 96, size).swapaxes(1, 2).reshape(72, -1)
    )
    differences = np.diff(planes, axis=1, prepend=np.uint8(0))
    path = tmp_path / "a.tif"
    tags = {258: 8 * size, 259: 34925, 317: 3, 339: 3}
    path.write_bytes(
        tiff_of_pieces([lzma.compress(s.tobytes()) for s in strips(differences)], tags=tags, size=(96, 72))
    )
    np.testing.assert_array_equal(decode(path).codes[..., 0], values.astype(np.float32))


@pytest.mark.parametrize("missing", ["last", "empty", "most"])
@pytest.mark.parametrize("photometric", [1, 8])
def test_missing_strips_are_damage_in_every_colour_model(tmp_path: Path, photometric: int, missing: str) -> None:
    pieces = [bytes(40 * 8 * 3)] * 5
    pieces = {"last": pieces[:-1], "empty": [*pieces[:-1], b""], "most": pieces[:1]}[missing]
    samples = 3 if photometric == 8 else 1
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_of_pieces(pieces, tags={259: 1, 262: photometric, 277: samples}, size=(40, 40)))
    with pytest.raises(DamagedPicture):
        load(path)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_grey_palettes(tmp_path: Path, bits: int, alpha: bool) -> None:
    count = 1 << bits
    indices = np.random.default_rng(0).integers(0, count, (16, 24, 2 if alpha else 1))
    packed = np.packbits((indices.reshape(16, -1, 1) >> np.arange(bits)[::-1] & 1).reshape(16, -1), axis=1)
    levels = (np.arange(count)[::-1] * 255 // (count - 1)).astype(np.uint16)
    tags = {258: bits, 259: 1, 262: 3, 277: indices.shape[2]} | ({338: 2} if alpha else {})
    data = tiff_of_pieces([strip.tobytes() for strip in strips(packed)], tags=tags, size=(24, 16))
    table = struct.pack(f"<{3 * count}H", *np.tile(levels * 257, 3))
    start = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, start)[0]
    rows = [data[start + 2 + 12 * k : start + 14 + 12 * k] for k in range(entries)]
    rows.append(struct.pack("<HHII", 320, 3, 3 * count, start))
    rows.sort(key=lambda row: struct.unpack("<H", row[:2]))
    end = start + len(table)
    data = data[:4] + struct.pack("<I", end) + data[8:start] + table + struct.pack("<H", len(rows)) + b"".join(rows)
    path = tmp_path / "a.tif"
    path.write_bytes(data + bytes(4))
    pixels = load(path, decoding=apart.reader().decoding).pixels
    np.testing.assert_allclose(pixels[..., :3], np.repeat(levels[indices[..., :1]] / 255, 3, 2), atol=1e-6)
    if alpha:
        np.testing.assert_allclose(pixels[..., 3], indices[..., 1] / (count - 1), atol=1e-6)


@pytest.mark.parametrize("photometric", ["rgb", "minisblack"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_double_precision(tmp_path: Path, byteorder: str, photometric: str) -> None:
    values = photo() / 255.0 if photometric == "rgb" else photo()[..., 0] / 255.0
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, photometric=photometric, byteorder=byteorder)
    picture = load(path)
    assert picture.source.floating
    np.testing.assert_allclose(picture.pixels, values.reshape(72, 96, -1) * np.ones(3), atol=1e-6)
    if photometric == "minisblack":
        assert np.abs(read_depth(path, width=96, height=72).disparity - values).max() < 1e-6


def refused(path: Path, data: bytes, *words: str) -> None:
    path.write_bytes(data)
    with pytest.raises(NotAPicture) as caught:
        load(path)
    assert all(word in caught.value.message for word in words)
    assert "Copy it again" not in caught.value.hint


@pytest.mark.parametrize(
    ("number", "name"), [(34887, "LERC"), (34934, "JPEG XR"), (22610, "JPEG XR"), (34661, "JBIG"), (40000, "40000")]
)
def test_unsupported_compressions_are_named(tmp_path: Path, number: int, name: str) -> None:
    data = tiff_of_pieces([bytes(20)] * 5, tags={259: number}, size=(40, 40))
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(DioptreError) as caught:
        load(tmp_path / "a.tif")
    if number != 40000:  # libtiff takes an unknown number for damage
        assert name in caught.value.message


def test_unsupported_kinds_are_not_called_damaged(tmp_path: Path) -> None:
    jpeg = WHOLE["jpeg"]()
    frame = jpeg.index(b"\xff\xc0")
    refused(tmp_path / "a.jpg", jpeg[: frame + 4] + b"\x0c" + jpeg[frame + 5 :], "12 bits per channel")
    refused(tmp_path / "a.jpg", jpeg[: frame + 1] + b"\xc3" + jpeg[frame + 2 :], "lossless JPEG")
    strips_of_zeros = [bytes(40 * 8 * 16)] * 5
    complex_values = {258: 64, 259: 1, 339: 6}
    refused(tmp_path / "a.tif", tiff_of_pieces(strips_of_zeros, tags=complex_values, size=(40, 40)), "64 bits")
    signed = {258: 64, 259: 1, 339: 2}
    refused(tmp_path / "a.tif", tiff_of_pieces(strips_of_zeros, tags=signed, size=(40, 40)), "int values")


def test_sequence_without_a_still_picture(tmp_path: Path) -> None:
    """Files of video tools have no primary item; libvips does not read them."""
    data = WHOLE["avif-frames"]()
    refused(tmp_path / "a.avif", data.replace(b"pitm", b"free"), "AVIF with a sequence of frames")


@pytest.mark.parametrize("name", ["jpeg", "jpeg-progressive", "jpeg-restart", "jpeg-grey"])
def test_jpeg_without_its_end_marker(tmp_path: Path, name: str) -> None:
    whole = WHOLE[name]()
    (tmp_path / "whole.jpg").write_bytes(whole)
    (tmp_path / "a.jpg").write_bytes(whole[:-2])
    found = decode(tmp_path / "a.jpg")
    np.testing.assert_array_equal(found.codes, decode(tmp_path / "whole.jpg").codes)
    assert ["a.jpg lacks its end" in message for message in found.messages] == [True]
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(DamagedPicture):
        decode(tmp_path / "a.jpg")


def damaged_jpeg(values: np.ndarray) -> bytes:
    """Return a JPEG in whose middle an end marker stands."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG", quality=90)
    data = file.getvalue()
    return data[: len(data) // 2] + b"\xff\xd9" + data[len(data) // 2 + 2 :]


def test_message_comes_from_the_other_process(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(damaged_jpeg(photo(320, 96)))
    (message,) = apart.reader().decoding(path).messages
    assert message == decode(path).messages[0]
    assert "a.jpg is damaged" in message
    assert message in load(path).messages


def test_whole_jpegs_have_no_surplus(tmp_path: Path) -> None:
    """Padding before the end marker, black last rows and every kind of subsampling are no damage."""
    dark = photo()
    dark[-32:] = 0
    for values in (photo(), dark, photo(71, 93), photo(7, 5)):
        for options in (
            {},
            {"subsampling": 0},
            {"subsampling": 1},
            {"restart_marker_blocks": 3},
            {"optimize": True},
        ):
            for mode in ("RGB", "L", "CMYK"):
                file = io.BytesIO()
                Image.fromarray(values).convert(mode).save(file, "JPEG", quality=75, **options)
                for padding in (b"", b"\0\0", b"\xff"):
                    path = tmp_path / "a.jpg"
                    path.write_bytes(file.getvalue()[:-2] + padding + b"\xff\xd9" + b"a trailer")
                    assert not decode(path).messages


def test_damaged_depth_maps_say_so(tmp_path: Path) -> None:
    grey = photo(320, 96)[..., 0]
    (tmp_path / "depth.jpg").write_bytes(damaged_jpeg(grey))
    found = read_depth(tmp_path / "depth.jpg", width=96, height=320)
    assert any("depth.jpg is damaged" in message for message in found.messages)
    write_depth(np.linspace(0, 1, 96 * 72, dtype=np.float32).reshape(72, 96), tmp_path / "depth.png")
    data = (tmp_path / "depth.png").read_bytes()
    (tmp_path / "depth.png").write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    with pytest.raises(DamagedPicture):
        read_depth(tmp_path / "depth.png", width=96, height=72)


def test_a_damaged_profile_is_not_dropped_in_silence(tmp_path: Path) -> None:
    data = encode(photo(), Format.PNG, extras=Extras(icc=matrix_profile.adobe_rgb()))
    at = data.index(b"iCCP") + 30
    (tmp_path / "a.png").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert any("a.png is damaged" in message for message in load(tmp_path / "a.png").messages)


def test_runs_that_overfill_their_rows_are_reported(tmp_path: Path) -> None:
    """libtiff stops where the rows of PackBits are full, and so decodes most damage without an error."""
    path = tmp_path / "a.tif"
    blocks = np.kron(RNG.integers(0, 255, (40, 50)), np.ones((8, 8))).astype(np.uint8)
    Image.fromarray(blocks).save(path, compression="packbits")
    assert decode(path).messages == []
    np.testing.assert_array_equal(decode(path).codes[..., 0], blocks)
    whole = path.read_bytes()
    for at in range(1000, 11000, 1000):
        path.write_bytes(whole[:at] + b"\xf0\x55" * 20 + whole[at + 40 :])  # runs of 17 instead of 8 bytes
        try:
            (message,) = decode(path).messages
        except DamagedPicture:
            continue
        assert "is damaged" in str(message)


def test_checksums_of_lab_count(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    whole = by_tifffile(photo(), photometric="cielab", compression="zlib")()
    for at in range(len(whole) // 4, len(whole) * 3 // 4, len(whole) // 16):
        path.write_bytes(whole[:at] + bytes(64) + whole[at + 64 :])
        with pytest.raises(DamagedPicture):
            decode(path)


def test_a_damaged_fax_is_not_called_unsupported(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.tif", by_pillow("TIFF", "1", compression="group4")()
    for at in range(200, 600, 5):
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            with suppress(DamagedPicture):
                decode(path)
