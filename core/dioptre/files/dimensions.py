"""Read a picture's size without decoding it."""

from __future__ import annotations

from pathlib import Path

from dioptre_link.errors import DioptreError

from . import jpegxl_header
from .decode import opened
from .decode_raw import is_raw
from .picture import Format, recognise
from .tiff_properties import read_tiff
from .vips import vips

_START = 1 << 16  # number of leading bytes that are enough to recognise the format


def size_of(path: Path) -> tuple[int, int]:
    """Return the height and width in a file's header.

    Returns (0, 0) if reading them would be slow (HEIC, RAW) or the file is bad.
    """
    try:
        with opened(path) as file:  # never blocks on a FIFO or a device
            start = file.read(_START)
            file.seek(0)
            tiff = read_tiff(file, start)
            if is_raw(start, tiff):
                return 0, 0
            if tiff is not None and tiff.layout is not None:
                return tiff.layout.height, tiff.layout.width
            if recognise(start) is Format.JPEGXL:
                header = jpegxl_header.read_header(start)
                return header.height, header.width
            source = vips().Source.new_from_descriptor(file.fileno())
            image = vips().Image.new_from_source(source, "", access="sequential")
            return int(image.height), int(image.width)
    except (vips().Error, ValueError, DioptreError):
        return 0, 0
