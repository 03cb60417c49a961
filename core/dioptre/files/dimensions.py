"""A picture's size without its pixels, for planning."""

from __future__ import annotations

from pathlib import Path

from .vips import vips


def size_of(path: Path) -> tuple[int, int]:
    """Height and width as the file's header says; (0, 0) where that is not quickly known (HEIC, damaged files)."""
    try:
        image = vips().Image.new_from_file(str(path), access="sequential")
        return int(image.height), int(image.width)
    except (vips().Error, ValueError):
        return 0, 0
