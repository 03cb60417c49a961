"""Read what the first directory of a TIFF file says about its content, which libvips does not report."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from . import exif, tiff_tags
from .decoded import Decoded, damaged
from .picture import Colour, Format, recognise
from .tiff_layout import PALETTE, TiffLayout, layout_of

_SUBFILE_TYPE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 0x00FE, 0x0106, 0x014A, 0xC612
_SENSOR = ((32803,), (34892,))  # PhotometricInterpretation values: colour filter array, linear raw
_COMPRESSION = {1: "none", 5: "lzw", 8: "deflate", 32946: "deflate"}


@dataclass(frozen=True, kw_only=True)
class TiffProperties:
    """The properties of a TIFF file's first picture.

    Attributes:
        holds_sensor_data: whether the file is a RAW photo: a DNG, sensor data, or a preview of another picture.
        layout: how the pixels are stored; None if their size is missing.
        is_whole: whether all pixel data lies within the file, and no two parts of it overlap.
        several: whether more pictures follow.
        orientation: EXIF orientation, 1 to 8.
        exif: descriptive fields as an EXIF blob; None if there are none.
        xmp: XMP packet; None if there is none.
        photoshop: Photoshop image resources, including IPTC; None if there are none.
    """

    holds_sensor_data: bool
    layout: TiffLayout | None
    is_whole: bool
    several: bool
    orientation: int
    exif: bytes | None
    xmp: bytes | None
    photoshop: bytes | None


def read_tiff(file: BinaryIO, start: bytes) -> TiffProperties | None:
    """Return the properties of an open TIFF file, or of a RAW photo that starts as one; None for other files.

    Args:
        file: the open file.
        start: the first bytes of the file.
    """
    if recognise(start) is not Format.TIFF:
        return None
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        read = tiff_tags.first_directory(data)
        if read is None:
            return None
        head, first = read

        def values(tag: int) -> tuple[int, ...]:
            return exif.integers(data, head, first.entries.get(tag))

        xmp, photoshop = tiff_tags.xmp_and_photoshop(data)
        is_preview = values(_SUBFILE_TYPE) == (1,)
        orientation = (*values(exif.ORIENTATION), 1)[0]
        layout = layout_of(data, head, first)
        return TiffProperties(
            holds_sensor_data=_DNG_VERSION in first.entries
            or values(_PHOTOMETRIC) in _SENSOR
            or (is_preview and _SUB_DIRECTORIES in first.entries),
            layout=layout,
            is_whole=layout is None or layout.is_whole(len(data)),
            several=first.next != 0,
            orientation=orientation if 1 <= orientation <= 8 else 1,
            exif=tiff_tags.to_exif(data),
            xmp=xmp,
            photoshop=photoshop,
        )


def describe_tiff(found: Decoded, tiff: TiffProperties | None, path: Path) -> None:
    """Fill in the metadata, compression, palette and orientation of a TIFF file.

    Raises:
        DamagedPicture: the pixel data lies beyond the file's end, or parts of it overlap.
    """
    if tiff is None:
        return
    if not tiff.is_whole:
        raise damaged(path)
    compression, palette = "deflate", False
    if tiff.layout is not None:
        compression = _COMPRESSION.get(tiff.layout.compression, compression)
        palette = tiff.layout.photometric == PALETTE and found.source.colour is Colour.RGB
    found.source = replace(
        found.source,
        exif=tiff.exif,
        xmp=found.source.xmp or tiff.xmp,
        photoshop=tiff.photoshop,
        compression=compression,
        colour=Colour.PALETTE if palette else found.source.colour,
        orientation=tiff.orientation,
    )
