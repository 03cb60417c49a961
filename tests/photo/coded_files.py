"""Files for the tests of loading and saving, and what other readers find in them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import Format
from dioptre.photo.encode.encoding import encode
from dioptre.photo.picture import Extras


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def write_coded(path: Path, codes: np.ndarray, kind: Format, **extras: object) -> Path:
    path.write_bytes(encode(codes, kind, extras=Extras(**extras)))  # type: ignore[arg-type]
    return path


def codes_of(path: Path) -> np.ndarray:
    from dioptre.photo.decode.decoding import decode

    return decode(path, max_megapixels=1000).codes


def camera_exif(width: int, height: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x0112] = "Maker", "Model 7", 6
    camera = tags.get_ifd(0x8769)
    camera[0x829D], camera[0xA002], camera[0xA003] = 2.8, width, height
    camera[0x927C] = b"private maker note"
    tags.get_ifd(0x8825)[1] = "N"
    return tags


def heic_with_auxiliary(photo: np.ndarray, codes: np.ndarray, urn: str) -> bytes:
    """Return a HEIC file whose second picture is an auxiliary image of the first (ISO/IEC 23008-12, 6.6.2, B.2.4).

    Args:
        photo: uint8 (h, w, 3).
        codes: uint8 (h, w), the auxiliary image.
        urn: its type.
    """
    pillow_heif = pytest.importorskip("pillow_heif")
    heif = pillow_heif.from_bytes(mode="RGB", size=photo.shape[1::-1], data=photo.tobytes())
    heif.add_frombytes(mode="L", size=codes.shape[::-1], data=codes.tobytes())
    file = io.BytesIO()
    heif.save(file, quality=-1)
    data = bytearray(file.getvalue())

    def find(name: bytes) -> int:
        at = data.index(name) - 4
        assert data.count(name) == 1
        return at

    def grow(outer: tuple[bytes, ...], at: int, added: bytes) -> None:
        data[at:at] = added
        for name in outer:
            box = find(name)
            size = struct.unpack_from(">I", data, box)[0]
            struct.pack_into(">I", data, box, size + len(added))

    before = len(data)
    properties = find(b"ipco")
    count, at = 0, properties + 8
    end = properties + struct.unpack_from(">I", data, properties)[0]
    while at < end:
        count, at = count + 1, at + struct.unpack_from(">I", data, at)[0]
    kind = urn.encode() + b"\0"
    auxiliary = struct.pack(">I4sI", 12 + len(kind), b"auxC", 0) + kind
    associations = find(b"ipma")
    second = associations + 16
    second += 3 + data[second + 2]  # Skip the list of the first picture's properties.
    length = data[second + 2]
    data[second + 2] = length + 1
    grow((b"ipma", b"iprp", b"meta"), second + 3 + length, bytes([count + 1]))
    grow((b"ipco", b"iprp", b"meta"), end, auxiliary)
    reference = struct.pack(">I4sI", 26, b"iref", 0) + struct.pack(">I4sHHH", 14, b"auxl", 2, 1, 1)
    grow((b"meta",), find(b"iprp"), reference)
    locations = find(b"iloc")
    for item in range(2):
        place = locations + 16 + 18 * item + 4
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(data) - before)
    return bytes(data)
