"""Encode results as picture files that keep what the original's file had."""

from __future__ import annotations

from .depth_in_jpeg import DepthInFile
from .films import require_unmixed, save_film
from .openexr import SUFFIX as EXR
from .openexr import require_openexr
from .saving import save

__all__ = [
    "EXR",
    "DepthInFile",
    "require_openexr",
    "require_unmixed",
    "save",
    "save_film",
]
