"""WebP. libvips reads it, and Pillow writes it with unchanged metadata."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np

from ..picture import Extras, Format
from . import by_libvips
from .decoded import Decoded, OpenFile, coloured, pillow_image
from .entry import FileFormat

_QUALITY = 95


def _read(opened: OpenFile) -> Decoded:
    def describe(found: Decoded, image: Any) -> None:
        by_libvips.note_frames(opened, found, image)
        found.source = replace(found.source, lossless=b"VP8L" in opened.start)

    return by_libvips.read(opened, Format.WEBP, "webpload_source", describe=describe)


def _write(codes: np.ndarray, extras: Extras) -> bytes:
    metadata = {"icc_profile": extras.icc or b"", "exif": extras.exif or b"", "xmp": extras.xmp or b""}
    image, file = pillow_image(coloured(codes) if codes.shape[2] < 3 else codes), BytesIO()
    image.save(file, "WEBP", lossless=extras.lossless, exact=True, quality=_QUALITY, method=4, **metadata)
    return file.getvalue()


FORMAT = FileFormat(
    starts=re.compile(rb"RIFF.{4}WEBP", re.DOTALL).match,
    suffixes=(".webp",),
    read=_read,
    write=_write,
    depths=(8,),
    holds_grey=lambda bits, alpha: False,
    largest_side=16_383,
)
