"""Every invalid file leads to one clear sentence with a hint, before any expensive work."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import load, problems
from dioptre.photo.encode.encoding import encode
from dioptre.photo.metadata.containers import png_chunk
from dioptre.photo.picture import Format
from dioptre_link.errors import DioptreError

OPTIONAL = {"heic": (Format.HEIC, "pillow_heif"), "jxl": (Format.JPEGXL, "pyjpegxl")}
"""Formats whose support is optional, with the module that reads them; Pillow writes the others."""


def _refused(path: Path, kind: type[DioptreError], *words: str, **options: float) -> None:
    with pytest.raises(kind) as caught:
        load(path, **options)
    error = caught.value
    assert error.message.endswith(".")
    assert error.message.count(". ") == 0, "one sentence"
    assert error.hint
    for word in words:
        assert word in error.message


@pytest.mark.parametrize(
    "content", [b"hello, this is no picture", b"\x00" * 5000, b"<svg xmlns='x'/>", b"%PDF-1.4"]
)
def test_not_a_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes.jpg").write_bytes(content)
    _refused(tmp_path / "notes.jpg", problems.NotAPicture, "notes.jpg", "as a picture")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    _refused(tmp_path / "a.png", problems.NotAPicture, "empty")


def test_missing_file(tmp_path: Path) -> None:
    _refused(tmp_path / "nowhere.jpg", problems.MissingFile, "does not exist", "nowhere.jpg")
    _refused(tmp_path / "nowhere" / "a.jpg", problems.MissingFile, "does not exist")


def test_name_that_the_system_cannot_hold(tmp_path: Path) -> None:
    _refused(tmp_path / "a\0b.jpg", problems.MissingFile, "a?b.jpg")


def test_folder(tmp_path: Path) -> None:
    _refused(tmp_path, problems.MissingFile, "folder")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # Root may read anything, so simulate the refusal that another user would get.

        def refuse(refused: Path, *_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", str(refused))

        monkeypatch.setattr(os, "open", refuse)
    _refused(path, problems.UnreadableFile, "do not have permission")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "gif", "heic", "avif", "jxl"])
def test_truncated(tmp_path: Path, suffix: str, share: float) -> None:
    codes = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    whole = tmp_path / f"whole.{suffix}"
    if suffix in OPTIONAL:
        kind, module = OPTIONAL[suffix]
        pytest.importorskip(module)
        whole.write_bytes(encode(codes, kind))
    else:
        Image.fromarray(codes).save(whole)
    data = whole.read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(data[: int(len(data) * share)])
    _refused(path, problems.DamagedPicture, "damaged or incomplete")


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_truncated_tiff(tmp_path: Path, compression: str | None) -> None:
    Image.effect_noise((64, 64), 50).save(tmp_path / "whole.tif", compression=compression)
    data = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: len(data) * 2 // 3])
    _refused(tmp_path / "cut.tif", problems.DamagedPicture)


def _png_bomb(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000), 9)
    chunks = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", data), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_bomb(20000, 15000))
    _refused(path, problems.PictureTooLarge, "20000 × 15000", "300 megapixels", "200")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "gif", "heic", "avif", "jxl"])
def test_limit_is_configurable(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix in OPTIONAL:
        kind, module = OPTIONAL[suffix]
        pytest.importorskip(module)
        path.write_bytes(encode(np.zeros((100, 100, 3), np.uint8), kind))
    else:
        Image.new("RGB", (100, 100)).save(path)
    _refused(path, problems.PictureTooLarge, max_megapixels=0.009)
    assert load(path, max_megapixels=0.01).width == 100
    monkeypatch.setenv("DIOPTRE_MAX_MEGAPIXELS", "0.009")
    _refused(path, problems.PictureTooLarge)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_numbers(tmp_path: Path, value: float) -> None:
    values = np.full((8, 8, 3), 0.5, np.float32)
    values[3, 4, 1] = value
    (tmp_path / "a.tif").write_bytes(encode(values, Format.TIFF))
    _refused(tmp_path / "a.tif", problems.DamagedPicture, "1 values", "NaN or infinite")


def test_complex_values(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), np.complex64))
    with pytest.raises(DioptreError):
        load(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_damaged_bytes_never_escape_as_other_errors(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    tags = Image.Exif()
    tags[0x010F] = "Maker"
    Image.fromarray(photo).save(tmp_path / f"whole.{suffix}", exif=tags)
    data = (tmp_path / f"whole.{suffix}").read_bytes()
    path = tmp_path / f"a.{suffix}"
    hints = []
    for at in range(0, min(len(data), 400), 3):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            load(path, max_megapixels=1)
        except DioptreError as error:
            hints.append(error.hint)
    assert hints
    assert all(hints)
