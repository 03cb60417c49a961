"""Decode picture files: their pixels, colours and properties."""

from __future__ import annotations

from .decoding import opened, size_of
from .inspection import inspect
from .loading import Decoding, PictureOnDemand, load
from .openraster import OpenRaster, bounded, opened_archive, read_openraster

__all__ = [
    "Decoding",
    "OpenRaster",
    "PictureOnDemand",
    "bounded",
    "inspect",
    "load",
    "opened",
    "opened_archive",
    "read_openraster",
    "size_of",
]
