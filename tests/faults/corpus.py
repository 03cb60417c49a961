"""Small valid files of every format that Dioptre reads, to be damaged by tests."""

from __future__ import annotations

import json
import struct
import zipfile
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pillow_heif
import tifffile
from PIL import Image

from dioptre.contract import Layer
from dioptre.photo.encode import ultra_hdr
from dioptre.photo.encode.encoding import encode
from dioptre.photo.gain_map import GainMap
from dioptre.photo.matrix_profile import adobe_rgb
from dioptre.photo.metadata import xmp as notes
from dioptre.photo.metadata.exif import Frame
from dioptre.photo.picture import Extras, Format
from dioptre_link.operation import Role
from dioptre_link.recipe import Recipe, Step
from tests.photo.layered import write_layers
from tests.photo.three_gains import map_jpeg

SIZE = (20, 28)
RECIPE = Recipe(steps=(Step(operation="portrait"),), models={"a": "0" * 64}, input_sha256="1" * 64)


def exif() -> bytes:
    """Return EXIF data with orientation, density, thumbnail position and a maker note."""
    found = Image.Exif()
    found[0x0112] = 6
    found[0x011A] = found[0x011B] = 300.0
    found[0x010F] = "Maker"
    found.get_ifd(0x8769).update({0x9003: "2026:11:20 10:00:00", 0x927C: b"note" * 20, 0xA001: 65535})
    found.get_ifd(0x8825).update({1: "N", 2: (50.0, 0.0, 0.0)})
    return found.tobytes()


def xmp() -> bytes:
    note = notes.make_note(operation="portrait", models={"a": "0" * 64}, recipe=RECIPE.to_dict())
    packet = notes.updated(None, note=note, frame=Frame(width=SIZE[1], height=SIZE[0]))
    assert packet is not None
    return packet


@cache
def pictures() -> dict[str, bytes]:
    """Return files by name; the suffix determines the format."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    codes = np.stack([x * 9, y * 12, (x * y) % 256], -1).astype(np.uint8)
    deep = codes.astype(np.uint16) * 257
    alpha = np.dstack([codes, (x * 8).astype(np.uint8)])
    extras = Extras(
        icc=adobe_rgb(), exif=exif().removeprefix(b"Exif\0\0"), xmp=xmp(), resolution_dpi=(300.0, 300.0)
    )
    made = {
        "plain.jpg": encode(codes, Format.JPEG),
        "full.jpg": encode(codes, Format.JPEG, extras=extras),
        "deep.png": encode(deep, Format.PNG, extras=extras),
        "alpha.png": encode(alpha, Format.PNG),
        "deep.tif": encode(deep, Format.TIFF, extras=extras),
        "float.tif": encode(codes.astype(np.float32) / 255, Format.TIFF),
        "full.webp": encode(alpha, Format.WEBP, extras=extras),
        "full.avif": encode(alpha, Format.AVIF, extras=extras),
        "deep.avif": encode(deep, Format.AVIF),
        "gains.jpg": _with_gains(codes),
    }
    picture = Image.fromarray(codes)
    for name, mode, options in (
        ("progressive.jpg", "RGB", {"progressive": True, "exif": exif()}),
        ("grey.jpg", "L", {}),
        ("cmyk.jpg", "CMYK", {}),
        ("palette.png", "P", {}),
        ("palette.gif", "P", {}),
        ("lzw.tif", "RGB", {"compression": "tiff_lzw"}),
        ("cmyk.tif", "CMYK", {}),
        ("lossless.webp", "RGB", {"lossless": True}),
        ("plain.avif", "RGB", {}),
    ):
        buffer = BytesIO()
        kinds = {"jpg": "JPEG", "tif": "TIFF"}
        kind = name.rpartition(".")[2]
        picture.convert(mode).save(buffer, kinds.get(kind, kind.upper()), **options)
        made[name] = buffer.getvalue()
    made |= _uncommon_tiffs(codes)
    buffer = BytesIO()
    pillow_heif.from_pillow(picture).save(buffer, exif=exif(), quality=60)
    made["plain.heic"] = buffer.getvalue()
    if find_spec("pyjpegxl"):  # pyjpegxl has no wheels for some systems.
        made["plain.jxl"] = encode(codes, Format.JPEGXL)
        made["full.jxl"] = encode(alpha, Format.JPEGXL, extras=replace(extras, lossless=True))
        made["deep.jxl"] = encode(deep, Format.JPEGXL)
    return made


def _uncommon_tiffs(codes: np.ndarray) -> dict[str, bytes]:
    """Return TIFF files that libvips does not read, and a RAW photo."""
    from . import hostile

    made = {"lab.tif": hostile.lab_tiff(20, strips=1)}
    for name, values, options in (
        ("half.tif", codes.astype(np.float16) / 255, {"photometric": "rgb", "compression": "zlib"}),
        (
            "planes.tif",
            codes.transpose(2, 0, 1),
            {"photometric": "rgb", "planarconfig": "separate", "tile": (16, 16)},
        ),
        (
            "raw.dng",
            np.tile(codes[..., 0].astype(np.uint16) * 60, (4, 4)),
            {"photometric": 32803, "extratags": _CAMERA},
        ),
    ):
        buffer = BytesIO()
        tifffile.imwrite(buffer, values, metadata=None, **options)
        made[name] = buffer.getvalue()
    for name, mode, compression in (("zstd.tif", "RGB", "zstd"), ("ycbcr.tif", "YCbCr", "tiff_adobe_deflate")):
        buffer = BytesIO()
        Image.fromarray(codes).convert(mode).save(buffer, "TIFF", compression=compression)
        made[name] = buffer.getvalue()
    return made


@cache
def tiled_tiffs() -> dict[str, bytes]:
    """Return TIFF files with tiles, and one with strips, of all compressions and predictors, and pyramids."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    codes = np.stack([x * 7 + 60, y * 9 + 60, (x * y) % 190 + 60], -1).astype(np.uint8)
    deep, tiles = codes.astype(np.uint16) * 257, {"photometric": "rgb", "tile": (16, 16)}
    made = {f"{kind}.tif": in_tiles(codes[:16, :16], kind) for kind in TIFF_COMPRESSIONS}
    for name, values, options in (
        ("plain", codes, tiles),
        ("differences", codes, tiles | {"compression": "zlib", "predictor": 2}),
        ("strips", codes, {"photometric": "rgb", "rowsperstrip": 8, "compression": "zlib", "predictor": 2}),
        ("lzma", deep, tiles | {"compression": "lzma", "predictor": 2}),
        ("float", codes.astype(np.float32) / 255, tiles | {"compression": "zlib"}),
        ("selection", np.dstack([codes, codes[..., :2]]), tiles | {"extrasamples": (2, 0)}),
    ):
        buffer = BytesIO()
        tifffile.imwrite(buffer, values, metadata=None, **options)
        made[f"tiled-{name}.tif"] = buffer.getvalue()
    for below in (0, 2):
        buffer = BytesIO()
        with tifffile.TiffWriter(buffer) as writer:
            writer.write(codes, subifds=below, metadata=None, compression="zlib", **tiles)
            for step in (2, 4):
                writer.write(codes[::step, ::step], subfiletype=1, metadata=None, compression="zlib", **tiles)
        made[f"pyramid-{below}.tif"] = buffer.getvalue()
    return made


TIFF_COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")


def in_tiles(codes: np.ndarray, compression: str) -> bytes:
    """Return a TIFF of one column of tiles, as wide as the picture and 16 pixels high, which Pillow has coded."""
    pieces = []
    for top in range(0, len(codes), 16):
        file = BytesIO()
        options = {"compression": compression} | ({"quality": 95} if compression == "jpeg" else {})
        Image.fromarray(codes[top : top + 16]).save(file, "TIFF", strip_size=1 << 20, **options)
        file.seek(0)
        with tifffile.TiffFile(file) as tif:
            page = tif.pages[0]
            pieces.append(file.getvalue()[page.dataoffsets[0] :][: page.databytecounts[0]])
            tags = {tag.code: tag.value for tag in page.tags if tag.code in (259, 262, 317, 347, 530)}
    starts = np.cumsum([8, *map(len, pieces)])
    blob = b"".join(pieces)
    fields: list[tuple[int, int, bytes]] = [
        (256, 4, struct.pack("<I", codes.shape[1])),
        (257, 4, struct.pack("<I", len(codes))),
    ]
    fields += [(258, 3, struct.pack("<3H", 8, 8, 8)), (277, 3, struct.pack("<H", 3))]
    fields += [(322, 4, struct.pack("<I", codes.shape[1])), (323, 4, struct.pack("<I", 16))]
    fields += [
        (324, 4, np.array(starts[:-1], "<u4").tobytes()),
        (325, 4, np.array([*map(len, pieces)], "<u4").tobytes()),
    ]
    for tag, value in tags.items():
        fields.append((tag, 7, value) if tag == 347 else (tag, 3, np.array(np.atleast_1d(value), "<u2").tobytes()))
    at = len(blob) + 8
    rows, values = b"", b""
    for tag, kind, value in sorted(fields):
        count = len(value) // {3: 2, 4: 4, 7: 1}[kind]
        place = struct.pack("<I", at + len(values)) if len(value) > 4 else value.ljust(4, b"\0")
        values += value + bytes(len(value) % 2) if len(value) > 4 else b""
        rows += struct.pack("<HHI", tag, kind, count) + place
    head = b"II*\0" + struct.pack("<I", at + len(values))
    return head + blob + values + struct.pack("<H", len(fields)) + rows + bytes(4)


_CAMERA = [
    (33421, "H", 2, (2, 2), True),
    (33422, "B", 4, (0, 1, 1, 2), True),
    (50706, "B", 4, (1, 4, 0, 0), True),
    (50708, "s", 0, "Dioptre Test", True),
    (50721, "2i", 9, [number for value in (1, 0, 0, 0, 1, 0, 0, 0, 1) for number in (value, 1)], True),
    (271, "s", 0, "Dioptre", True),
    (272, "s", 0, "Test", True),
]


def _with_gains(codes: np.ndarray) -> bytes:
    """Return an Ultra HDR JPEG whose gain map has three channels, which exercises all of its fields."""
    gains = GainMap(codes=codes[::2, ::2], stops_max=(1.0, 2.0, 3.0), headroom=(0.0, 3.0))
    behind = map_jpeg(gains)
    xmp = ultra_hdr.with_directory(None, map_bytes=len(behind))
    return ultra_hdr.joined(encode(codes, Format.JPEG, extras=Extras(xmp=xmp)), behind)


@cache
def layered() -> bytes:
    """Return a small .ora file with two layers and a recipe."""
    pixels = np.full((*SIZE, 4), 0.5, np.float32)
    layers = [Layer(name=name, role=Role.RESULT, pixels=pixels) for name in ("One", "Two")]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.ora"
        write_layers(layers, path, recipe=RECIPE.to_dict())
        return path.read_bytes()


def ora(entries: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP archive of these entries that begins like an .ora file, with the `mimetype` entry."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), "image/openraster")
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def recipe_text() -> bytes:
    return json.dumps(RECIPE.to_dict()).encode()
