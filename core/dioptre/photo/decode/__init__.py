"""Decode picture files: their pixels, colours and properties."""

from __future__ import annotations

from .decoding import opened, read_embedded_depth
from .inspection import inspect
from .loading import Decoding, load

__all__ = ["Decoding", "inspect", "load", "opened", "read_embedded_depth"]
