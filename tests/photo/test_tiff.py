"""What the tags of a TIFF promise: channels that are not transparency, layers, predictors, strips and tiles."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from dioptre.photo import load, problems
from dioptre.photo.decode.decoding import decode, describe
from dioptre.photo.picture import Colour
from tests.faults.corpus import TIFF_COMPRESSIONS, in_tiles

from .test_damage import alike, independent, own, photo, tiff_of_pieces

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES = 256, 257, 258, 259, 262, 277
ROWS, PLANES, PREDICTOR, INK_SET, EXTRA_SAMPLES = 278, 284, 317, 332, 338
CODES = {"raw": 1, "tiff_lzw": 5, "tiff_adobe_deflate": 8, "packbits": 32773, "lzma": 34925, "zstd": 50000}
LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {"compression": "zlib", "predictor": 2},
    "tiles": {"tile": (32, 32), "compression": "zlib"},
    "plain": {"rowsperstrip": 8},
    "lzma": {"compression": "lzma", "tile": (32, 48)},  # by the decoder for what libvips does not read
    "planes": {"planarconfig": "separate"},
    "planes in tiles": {"planarconfig": "separate", "tile": (32, 32)},
}


def written(values: np.ndarray, **options: Any) -> bytes:
    """Return a TIFF of channels (H, W, C)."""
    file = io.BytesIO()
    options = {"planarconfig": "contig", "photometric": "rgb"} | options
    if options["planarconfig"] == "separate":
        values = np.moveaxis(values, 2, 0)
    if options["planarconfig"] == "contig" and values.shape[2:] in ((), (1,)):
        values, options["planarconfig"] = values.reshape(values.shape[:2]), None
    tifffile.imwrite(file, values, metadata=None, **options)
    return file.getvalue()


def changed(data: bytes, tag: int, *, to: int | None = None, renamed: int = 0) -> bytes:
    """Return a little-endian TIFF with another value of a field, or with the field under another number."""
    result = bytearray(data)
    at = struct.unpack_from("<I", data, 4)[0]
    for place in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], 12):
        if struct.unpack_from("<H", data, place)[0] == tag:
            if to is None:
                struct.pack_into("<H", result, place, renamed)
            else:
                struct.pack_into("<H", result, place + 8, to)
            return bytes(result)
    raise KeyError(tag)


def with_further(colours: np.ndarray, count: int) -> np.ndarray:
    """Add channels that differ from each other and would hide parts of the picture."""
    hidden = np.zeros((*colours.shape[:2], count), colours.dtype)
    for number in range(count):
        hidden[number * 8 + 8 :, :, number] = 1 if hidden.dtype.kind == "f" else np.iinfo(hidden.dtype).max
    return np.concatenate([colours, hidden], 2)


def typed(codes: np.ndarray, dtype: str) -> np.ndarray:
    return (
        (codes / 255).astype(dtype) if dtype.startswith("f") else codes.astype(dtype) * (257 if "2" in dtype else 1)
    )


MODELS = {"rgb": (3, Colour.RGB), "minisblack": (1, Colour.GREY), "separated": (4, Colour.CMYK)}
MEANINGS = [
    ((0,), None),
    ((0, 0), None),
    ((2,), 0),
    ((2, 0), 0),
    ((0, 2), 1),
    ((0, 0, 2, 0), 2),
    ((1, 0), 0),
    ((0, 1), 1),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("meanings", "alpha"), MEANINGS)
@pytest.mark.parametrize("model", MODELS)
def test_only_what_is_stated_is_transparency(
    tmp_path: Path, model: str, meanings: tuple[int, ...], alpha: int | None, layout: str
) -> None:
    bands, colour = MODELS[model]
    for dtype in ("u1", "u2", "f4"):
        colours = typed(photo()[..., [0, 1, 2, 0][:bands]], dtype)
        values = with_further(colours, len(meanings))
        options = {key: value for key, value in LAYOUTS[layout].items() if key != "predictor" or dtype != "f4"}
        path = tmp_path / f"{dtype}.tif"
        path.write_bytes(written(values, photometric=model, extrasamples=meanings, **options))
        found = decode(path)
        assert found.source.alpha == describe(path).alpha == (alpha is not None)
        assert found.source.colour == colour
        assert found.codes.shape[2] == bands + (alpha is not None)
        seen = np.ones(colours.shape[:2], bool)
        if alpha is not None:
            assert np.array_equal(found.codes[..., -1], values[..., bands + alpha])
            seen = values[..., bands + alpha] > 0
        assert np.allclose(found.codes[seen][:, :bands], colours[seen], atol=1e-6)
        assert any("not kept" in message for message in found.messages) == (len(meanings) > (alpha is not None))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "group3"])
def test_one_plane_of_one_bit_is_not_black(tmp_path: Path, compression: str) -> None:
    """libvips reads no planes of less than 8 bits."""
    path, file = tmp_path / "a.tif", io.BytesIO()
    Image.fromarray(photo()).convert("1").save(file, "TIFF", compression=compression)
    path.write_bytes(file.getvalue())
    expected = decode(path).codes
    path.write_bytes(changed(file.getvalue(), PLANES, to=2))
    if compression == "group3":
        with pytest.raises(problems.NotAPicture):
            decode(path)
    else:
        assert np.array_equal(decode(path).codes, expected)


@pytest.mark.parametrize("layout", ["strips", "lzma"])
def test_a_lone_channel_of_no_stated_meaning_is_alpha_as_for_other_readers(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "a.tif"
    data = written(with_further(photo(), 1), extrasamples=(0,), **LAYOUTS[layout])
    path.write_bytes(changed(data, EXTRA_SAMPLES, renamed=EXTRA_SAMPLES - 1))
    with Image.open(path) as image:
        assert image.mode == "RGBA"
    found = decode(path)
    assert found.source.alpha
    assert not found.messages
    data = written(with_further(photo(), 2), extrasamples=(0, 0), **LAYOUTS[layout])
    path.write_bytes(changed(data, EXTRA_SAMPLES, renamed=EXTRA_SAMPLES - 1))
    found = decode(path)
    assert not found.source.alpha
    assert np.array_equal(found.codes, photo())
    assert "not kept" in found.messages[0]


def test_palettes_and_lab_keep_only_alpha(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    table = np.random.default_rng(3).integers(0, 65536, (3, 256), np.uint16)
    indices = with_further(photo()[..., :1], 2)
    colours = [(320, "H", 768, table.ravel(), True)]
    data = written(indices, photometric="minisblack", extrasamples=(0, 2), extratags=colours)
    path.write_bytes(changed(data, PHOTOMETRIC, to=3))
    found = decode(path)
    assert (found.source.colour, found.source.alpha) == (Colour.PALETTE, True)
    assert np.array_equal(found.codes[..., :3], (table >> 8)[:, indices[..., 0]].transpose(1, 2, 0))
    assert np.array_equal(found.codes[..., 3], indices[..., 2])
    for dtype in ("u1", "u2"):
        lab = typed(photo(), dtype)
        path.write_bytes(written(lab, photometric="cielab"))
        plain = load(path).pixels
        path.write_bytes(written(with_further(lab, 2), photometric="cielab", extrasamples=(0, 2)))
        both = load(path)
        assert both.pixels.shape[2] == 4
        assert np.allclose(both.pixels[..., :3], plain, atol=2e-3)
        assert set(np.unique(both.pixels[..., 3])) == {0, 1}


def test_inks_other_than_cmyk_and_missing_colours_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for layout in ("strips", "lzma"):
        four = written(
            with_further(photo(), 1),
            photometric="separated",
            extratags=[(INK_SET, "H", 1, 2, True)],
            **LAYOUTS[layout],
        )
        path.write_bytes(four)
        with pytest.raises(problems.NotAPicture, match="colour model"):
            decode(path)
        grey = written(photo()[..., :1], photometric="minisblack", **LAYOUTS[layout])
        path.write_bytes(changed(grey, PHOTOMETRIC, to=2))
        with pytest.raises(problems.DamagedPicture):
            decode(path)


def test_a_jpeg_has_no_alpha(tmp_path: Path) -> None:
    """A second component without a meaning would hide the picture."""
    file = io.BytesIO()
    Image.new("L", (8, 8), 128).save(file, "JPEG")
    grey = file.getvalue()
    frame, scan = grey.index(b"\xff\xc0"), grey.index(b"\xff\xda")
    after = frame + 2 + int.from_bytes(grey[frame + 2 : frame + 4], "big")
    two = b"\xff\xc0\0\x0e\x08\0\x08\0\x08\x02\x01\x11\0\x02\x11\0"
    both = b"\xff\xda\0\x0a\x02\x01\0\x02\0\0\x3f\0\x28\xaf\xff\xd9"  # two blocks without differences
    (tmp_path / "a.jpg").write_bytes(grey[:frame] + two + grey[after:scan] + both)
    with pytest.raises(problems.NotAPicture, match="colour model"):
        decode(tmp_path / "a.jpg")


@pytest.mark.parametrize("layers", [b"MIB8ryaL", b"8BIMLr16"])
def test_layers_that_are_not_kept_are_named(tmp_path: Path, layers: bytes) -> None:
    path = tmp_path / "a.tif"
    head = b"Adobe Photoshop Document Data Block\0"
    for blob, said in ((head + layers + bytes(40), True), (head + b"MIB8ksMF" + bytes(40), False)):
        path.write_bytes(written(photo(), extratags=[(37724, "B", len(blob), blob, True)]))
        assert any("has layers" in message for message in load(path).messages) == said


@pytest.mark.parametrize("layout", ["strips", "tiles", "lzma"])
@pytest.mark.parametrize("predictor", [0, 3, 4, 255])
def test_unknown_predictors_are_refused(tmp_path: Path, layout: str, predictor: int) -> None:
    path = tmp_path / "a.tif"
    data = written(photo(), **(LAYOUTS[layout] | {"predictor": 2}))
    path.write_bytes(data)
    assert np.array_equal(decode(path).codes, photo())
    path.write_bytes(changed(data, PREDICTOR, to=predictor))
    with pytest.raises(problems.NotAPicture):
        decode(path)
    two = data.replace(struct.pack("<HHI", PREDICTOR, 3, 1), struct.pack("<HHI", PREDICTOR, 3, 2))
    assert two != data
    path.write_bytes(two)  # libtiff would ignore them
    with pytest.raises(problems.NotAPicture):
        decode(path)


@pytest.mark.parametrize("layout", ["plain", "tiles", "lzma"])
@pytest.mark.parametrize("compression", [4, 5, 7, 999, 50000, 50001])
def test_other_compressions_are_refused(tmp_path: Path, layout: str, compression: int) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(changed(written(photo(), **LAYOUTS[layout]), COMPRESSION, to=compression))
    with pytest.raises(problems.DioptreError):
        decode(path)


def test_predictors_that_a_compression_does_not_use_are_ignored_as_by_libtiff(tmp_path: Path) -> None:
    for dtype in ("u1", "f2"):  # of libvips and the other decoder
        values = typed(photo(), dtype)
        path = tmp_path / f"{dtype}.tif"
        path.write_bytes(written(values, extratags=[(PREDICTOR, "H", 1, 2, True)]))
        assert np.allclose(decode(path).codes, values)


@pytest.mark.parametrize("compression", TIFF_COMPRESSIONS)
def test_damaged_tiles_are_never_black(tmp_path: Path, compression: str) -> None:
    """Pillow writes each tile as a strip of its own; the tags make tiles of them."""
    path = tmp_path / "a.tif"
    data = in_tiles(photo(64, 32), compression)
    path.write_bytes(data)
    whole = own(decode(path))
    assert np.abs(whole - photo(64, 32)).mean() < (3.0 if compression == "jpeg" else 0.001)
    rng = np.random.default_rng(7)
    for trial in range(60):
        at, some = int(rng.integers(8, len(data))), int(rng.choice([1, 4, 40]))
        path.write_bytes(data[:at] + rng.bytes(some) + data[at + some :])
        try:
            found = decode(path)
        except problems.DioptreError:
            continue
        if found.messages or alike(own(found), whole, 0.001):
            continue
        other = independent(path)
        assert other is not None, f"trial {trial} at {at}: Pillow does not read it"
        assert alike(own(found), other, 4.0 if compression == "jpeg" else 0.01), f"trial {trial} at {at}"


@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
def test_strips_with_more_rows_than_the_tags_promise_are_damage(tmp_path: Path, compression: str | None) -> None:
    """They would be read as noise."""
    path, codes = tmp_path / "a.tif", photo().astype(np.uint16) * 257
    data = written(codes, rowsperstrip=8, compression=compression)
    path.write_bytes(changed(data, BITS, renamed=BITS - 1))
    with pytest.raises(problems.DamagedPicture):
        decode(path)
    data = written(photo()[..., 0].astype(np.float16), photometric="minisblack", compression=compression)
    path.write_bytes(changed(data, HEIGHT, to=40))
    with pytest.raises(problems.DamagedPicture):
        decode(path)


@pytest.mark.parametrize("size", [(64, 16), (32, 32), (48, 16)])
def test_a_jpeg_smaller_than_its_tile_is_damage(tmp_path: Path, size: tuple[int, int]) -> None:
    """libvips would leave the rest of the tile empty."""
    path, data = tmp_path / "a.tif", in_tiles(photo(64, 32), "jpeg")
    path.write_bytes(changed(data, SAMPLES, to=4))
    with pytest.raises(problems.DioptreError):
        decode(path)
    for tag, side in zip((322, 323), size, strict=True):
        data = changed(data, tag, to=side)
    path.write_bytes(data)
    with pytest.raises(problems.DamagedPicture):
        decode(path)


def packed(codes: np.ndarray, bits: int) -> np.ndarray:
    """Return rows of samples of some number of bits as bytes."""
    ones = codes.reshape(len(codes), -1, 1) >> np.arange(bits, dtype=codes.dtype)[::-1] & 1
    return np.packbits(ones.reshape(len(codes), -1), axis=1)


def coded(rows: np.ndarray, compression: str) -> bytes:
    """Return bytes (H, W) as Pillow compresses them in one strip."""
    file = io.BytesIO()
    Image.fromarray(rows).save(file, "TIFF", compression=compression, strip_size=1 << 20)
    file.seek(0)
    with tifffile.TiffFile(file) as tif:
        page = tif.pages[0]
        assert len(page.dataoffsets) == 1
        return file.getvalue()[page.dataoffsets[0] :][: page.databytecounts[0]]


def uncommon(
    kind: str, compression: str, *, height: int = 72, tail: bytes = b"", cut: int = 0
) -> tuple[np.ndarray, bytes]:
    """Return codes (H, W, C) and their TIFF of strips of eight rows, of which the last may be filled up."""
    colours = photo().astype(np.uint16)
    codes, tags = {
        "12 bits": (colours[..., :1] * 16 + 5, {BITS: 12}),
        "16 bits": (colours * 256 + colours[..., ::-1], {BITS: 16, SAMPLES: 3, PHOTOMETRIC: 2, PLANES: 2}),
        "alpha planes": (
            np.dstack([colours * 257, colours[..., :1] * 200]),
            {BITS: 16, SAMPLES: 4, PHOTOMETRIC: 2, PLANES: 2, EXTRA_SAMPLES: 2},
        ),
        "common": (colours * 257, {BITS: 16, SAMPLES: 3, PHOTOMETRIC: 2}),  # which libvips reads
    }[kind]
    planes = np.moveaxis(codes, 2, 0) if PLANES in tags else codes[None]
    strips = [plane[top : top + 8] for plane in planes for top in range(0, height, 8)]
    swapped = 1 if tags[BITS] == 12 else -1  # the first byte is the lowest
    pieces = [
        coded(packed(strip, 12) if swapped == 1 else strip.astype("<u2").view(np.uint8).reshape(8, -1), compression)
        for strip in strips
    ]
    pieces = [piece + tail for piece in pieces]
    pieces[1] = pieces[1][: -cut or None]
    return codes[:height], tiff_of_pieces(pieces, tags=tags | {COMPRESSION: CODES[compression]}, size=(96, height))


def is_noticed(path: Path, data: bytes) -> bool:
    """Return whether a file is refused as damaged, or said to be."""
    path.write_bytes(data)
    try:
        return any("is damaged" in message for message in decode(path).messages)
    except problems.DamagedPicture:
        return True


ALTERED: list[tuple[str, dict[int, int]]] = [
    ("12 bits", {BITS: 10}),
    ("12 bits", {BITS: 11}),
    ("12 bits", {WIDTH: 92}),
    ("12 bits", {HEIGHT: 63, ROWS: 7}),
    ("16 bits", {BITS: 12}),
    ("16 bits", {BITS: 8}),
    ("16 bits", {SAMPLES: 1, PHOTOMETRIC: 1}),
    ("alpha planes", {BITS: 12}),
    ("alpha planes", {BITS: 15}),
    ("alpha planes", {SAMPLES: 3}),
    ("alpha planes", {HEIGHT: 54, ROWS: 6}),
    ("common", {BITS: 12}),
    ("common", {BITS: 8}),
    ("common", {SAMPLES: 1, PHOTOMETRIC: 1}),
    ("common", {HEIGHT: 63, ROWS: 7}),
]


@pytest.mark.parametrize("compression", CODES)
@pytest.mark.parametrize(("kind", "altered"), ALTERED, ids=str)
def test_fields_that_promise_fewer_bytes_are_damage(
    tmp_path: Path, compression: str, kind: str, altered: dict[int, int]
) -> None:
    """The rows would be noise, and a plane would be lost."""
    path = tmp_path / "a.tif"
    codes, data = uncommon(kind, compression)
    assert not is_noticed(path, data)
    limit = 65535 / 4095 if kind == "12 bits" else 1
    assert np.array_equal(decode(path).codes, np.round(codes * limit).astype(np.uint16))
    for tag, value in altered.items():
        data = changed(data, tag, to=value)
    assert is_noticed(path, data)


@pytest.mark.parametrize("compression", CODES)
@pytest.mark.parametrize("kind", ["12 bits", "alpha planes", "common"])
def test_a_last_strip_that_is_filled_up_is_whole(tmp_path: Path, compression: str, kind: str) -> None:
    path = tmp_path / "a.tif"
    codes, data = uncommon(kind, compression, height=68)
    assert not is_noticed(path, data)
    assert decode(path).codes.shape == codes.shape
    _, data = uncommon(kind, compression, tail=b"\0")  # strips may begin at even places
    assert not is_noticed(path, data)


@pytest.mark.parametrize("compression", CODES)
@pytest.mark.parametrize("kind", ["12 bits", "alpha planes", "common"])
def test_strips_that_end_early_are_damage(tmp_path: Path, compression: str, kind: str) -> None:
    path = tmp_path / "a.tif"
    _, data = uncommon(kind, compression)
    for tag, more in ((WIDTH, 4), (HEIGHT, 8), (ROWS, 1)):
        assert is_noticed(path, changed(data, tag, to={WIDTH: 96, HEIGHT: 72, ROWS: 8}[tag] + more)), tag
    assert is_noticed(path, uncommon(kind, compression, cut=100)[1])
