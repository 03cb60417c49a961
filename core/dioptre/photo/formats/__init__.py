"""File formats, each a module with its `FORMAT`: how files are recognised, what they hold, reader and writer."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from ..picture import Format
from .entry import FileFormat

FORMATS: Mapping[Format, FileFormat] = {
    kind: import_module(f"{__name__}.{kind.name.lower()}").FORMAT for kind in Format
}
SUFFIXES = {suffix: kind for kind, form in FORMATS.items() if form.write for suffix in form.suffixes}
"""The format that is written for each suffix."""
PICTURE_SUFFIXES = {
    suffix for form in FORMATS.values() for suffix in form.suffixes + form.read_suffixes + form.several
}
"""Suffixes of files that are pictures even if their content does not show it, so that an error names them."""


def recognise(start: bytes) -> Format | None:
    """Recognise the format from the first bytes of a file; None if it is unknown.

    RAW photos that start as TIFF files do are recognised only by `tiff.is_raw`.
    """
    return next((kind for kind, form in FORMATS.items() if form.starts(start)), None)
