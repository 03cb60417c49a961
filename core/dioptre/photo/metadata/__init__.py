"""Metadata of photos: EXIF, XMP, IPTC and the containers that hold them."""

from __future__ import annotations

from .density import dpi_at
from .exif import field_of_view
from .xmp import Note, make_note

__all__ = ["Note", "dpi_at", "field_of_view", "make_note"]
