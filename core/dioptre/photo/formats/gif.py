"""GIF, which libvips reads."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np

from ..picture import Format
from . import by_libvips
from .decoded import PYTHON_DECODER_ERRORS, Decoded, OpenFile, any_size, note_damage
from .entry import FileFormat


def _read(opened: OpenFile) -> Decoded:
    def values(image: Any, found: Decoded) -> np.ndarray:
        codes, whole = by_libvips.checked_values(image, found, opened.path)
        if whole and _is_damaged(opened):
            note_damage(found.messages, opened.path)
        return codes

    describe = partial(by_libvips.note_frames, opened)
    return by_libvips.read(opened, Format.GIF, "gifload_source", describe=describe, values=values)


def _is_damaged(opened: OpenFile) -> bool:
    """Return whether Pillow cannot read the first frame, whose missing part libvips leaves empty."""
    from PIL import Image

    opened.file.seek(0)
    try:
        with any_size(), Image.open(opened.file) as image:
            image.load()
    except PYTHON_DECODER_ERRORS:
        return True
    return False


FORMAT = FileFormat(starts=re.compile(rb"GIF8[79]a").match, suffixes=(".gif",), read=_read)
