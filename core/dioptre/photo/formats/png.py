"""PNG, with the colours and the texts in its chunks. libvips reads and writes the pixels."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from ..metadata import containers, exif, png_texts
from ..picture import Extras, Format
from ..vips import vips
from . import by_libvips, stated_colours
from .decoded import Decoded, OpenFile, note_several
from .entry import FileFormat

_COMPRESSION = 3  # level 3 of 9 is within a few percent of level 6 on photos, in a third of the time
_FILTER = "up"  # a fifth smaller than without on photographs, half on depth maps, and no slower


def _read(opened: OpenFile) -> Decoded:
    def describe(found: Decoded, _: Any) -> None:
        if b"acTL" in dict(containers.png_chunks(opened.start, after_pixels=False)):
            note_several(found.messages, opened.path, "frames")
        with opened.mapped() as data:
            texts = png_texts.read_texts(data)
        source = found.source
        blob = source.exif or texts.exif
        orientation, dpi = exif.orientation(blob), source.resolution_dpi
        found.source = replace(
            source,
            exif=blob,
            orientation=orientation,
            resolution_dpi=dpi[::-1] if dpi and (orientation >= 5) != (source.orientation >= 5) else dpi,
            xmp=source.xmp or texts.xmp,
            photoshop=texts.photoshop,
            texts=tuple(texts.texts),
        )

    found = by_libvips.read(opened, Format.PNG, "pngload_source", describe=describe)
    with opened.mapped() as data:
        stated_colours.apply_png(found, data, opened.path)
    return found


def _write(codes: np.ndarray, extras: Extras) -> bytes:
    png: bytes = by_libvips.image_of(codes, extras).pngsave_buffer(
        compression=_COMPRESSION,
        filter=_FILTER,
        bitdepth=8 * codes.dtype.itemsize,
        keep=vips().enums.ForeignKeep.ICC,
    )
    chunks = png_texts.chunks(exif=extras.exif, xmp=extras.xmp, photoshop=extras.photoshop, texts=extras.texts)
    return containers.into_png(png, chunks)


FORMAT = FileFormat(
    starts=re.compile(rb"\x89PNG\r\n\x1a\n").match,
    suffixes=(".png",),
    read=_read,
    write=_write,
    depths=(8, 16),
    holds_iptc=None,  # in ImageMagick's way
    holds_text=lambda keyword: True,
)
