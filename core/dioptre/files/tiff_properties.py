"""Read those properties of a TIFF file that libvips does not report."""

from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from . import exif, tiff_tags
from .decoded import Decoded, damaged
from .picture import Colour

_COMPRESSION = {1: "none", 5: "lzw", 8: "deflate", 32946: "deflate"}


def describe_tiff(found: Decoded, file: BinaryIO, path: Path) -> None:
    """Fill in the metadata, compression, palette and orientation of a TIFF file.

    Raises:
        DamagedPicture: the pixel data lies beyond the file's end, or parts of it overlap.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if tiff_tags.pixels_end(data) > len(data) or tiff_tags.pixels_overlap(data):
            raise damaged(path)
        read = tiff_tags.first_directory(data)
        if read is None:
            return
        head, first = read

        def number(tag: int, otherwise: int) -> int:
            return (*exif.integers(data, head, first.entries.get(tag)), otherwise)[0]

        found.source = replace(
            found.source,
            exif=tiff_tags.to_exif(data),
            compression=_COMPRESSION.get(number(0x0103, 8), "deflate"),
            colour=Colour.PALETTE if number(0x0106, 2) == 3 else found.source.colour,
            orientation=orientation if 1 <= (orientation := number(exif.ORIENTATION, 1)) <= 8 else 1,
        )
