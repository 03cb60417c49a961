"""Encode results as picture files that keep what the original's file had."""

from __future__ import annotations

from .depth_in_jpeg import DepthInFile, require_jpeg
from .films import FIRST_FRAME, films_of, require_film_suffix, save_film, write_frames
from .openexr import SUFFIX as EXR
from .openexr import require_openexr
from .openraster import write_openraster
from .saving import encoded_picture, format_of, require_size, save, suffix_like
from .sheet import Panel, sheet

__all__ = [
    "EXR",
    "FIRST_FRAME",
    "DepthInFile",
    "Panel",
    "encoded_picture",
    "films_of",
    "format_of",
    "require_film_suffix",
    "require_jpeg",
    "require_openexr",
    "require_size",
    "save",
    "save_film",
    "sheet",
    "suffix_like",
    "write_frames",
    "write_openraster",
]
