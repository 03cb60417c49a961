"""Decode picture files: their pixels, colours and properties."""

from __future__ import annotations

from .decoding import opened, size_of
from .inspection import bounded, inspect, opened_archive
from .loading import Decoding, PictureOnDemand, load

__all__ = [
    "Decoding",
    "PictureOnDemand",
    "bounded",
    "inspect",
    "load",
    "opened",
    "opened_archive",
    "size_of",
]
