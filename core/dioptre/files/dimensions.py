"""A picture's size without its pixels, for planning."""

from __future__ import annotations

from pathlib import Path

from dioptre_link.errors import DioptreError

from .decode import opened
from .vips import vips


def size_of(path: Path) -> tuple[int, int]:
    """Height and width as the file's header says; (0, 0) where that is not quickly known (HEIC, damaged files)."""
    try:
        with opened(path) as file:  # a FIFO or a device is not waited for
            source = vips().Source.new_from_descriptor(file.fileno())
            image = vips().Image.new_from_source(source, "", access="sequential")
            return int(image.height), int(image.width)
    except (vips().Error, ValueError, DioptreError):
        return 0, 0
