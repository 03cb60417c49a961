"""Metadata of photos: EXIF, XMP, IPTC and the containers that hold them."""

from __future__ import annotations

from .exif import field_of_view
from .xmp import Note

__all__ = ["Note", "field_of_view"]
