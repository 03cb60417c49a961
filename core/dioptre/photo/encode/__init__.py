"""Encode results as picture files that keep what the original's file had."""

from __future__ import annotations

from .depth_in_jpeg import DepthInFile, require_jpeg
from .openexr import SUFFIX as EXR
from .openexr import require_openexr
from .openraster import write_openraster
from .saving import encoded_picture, format_of, require_size, save, suffix_like
from .sheet import Panel, sheet

__all__ = [
    "EXR",
    "DepthInFile",
    "Panel",
    "encoded_picture",
    "format_of",
    "require_jpeg",
    "require_openexr",
    "require_size",
    "save",
    "sheet",
    "suffix_like",
    "write_openraster",
]
