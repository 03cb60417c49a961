"""Files for the tests of loading and saving, and what other readers find in them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from dioptre.files import Format
from dioptre.files.encode import Extras, encode


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def write_coded(path: Path, codes: np.ndarray, kind: Format, **extras: object) -> Path:
    path.write_bytes(encode(codes, kind, extras=Extras(**extras)))  # type: ignore[arg-type]
    return path


def codes_of(path: Path) -> np.ndarray:
    from dioptre.files.decode import decode

    return decode(path, max_megapixels=1000).codes


def camera_exif(width: int, height: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x0112] = "Maker", "Model 7", 6
    camera = tags.get_ifd(0x8769)
    camera[0x829D], camera[0xA002], camera[0xA003] = 2.8, width, height
    camera[0x927C] = b"private maker note"
    tags.get_ifd(0x8825)[1] = "N"
    return tags
