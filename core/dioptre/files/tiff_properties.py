"""Read what the first directory of a TIFF file says about its content, which libvips does not report."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from . import exif, tiff_tags
from .decoded import Decoded, damaged
from .picture import Colour, Format, recognise

_SUBFILE_TYPE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 0x00FE, 0x0106, 0x014A, 0xC612
_BITS_PER_SAMPLE, _COMPRESSION_TAG = 0x0102, 0x0103
_SENSOR = ((32803,), (34892,))  # PhotometricInterpretation values: colour filter array, linear raw
_LAB, _PALETTE = (8,), (3,)  # PhotometricInterpretation values
_COMPRESSION = {1: "none", 5: "lzw", 8: "deflate", 32946: "deflate"}


@dataclass(frozen=True, kw_only=True)
class TiffProperties:
    """The properties of a TIFF file's first picture.

    Attributes:
        holds_sensor_data: whether the file is a RAW photo: a DNG, sensor data, or a preview of another picture.
        is_8_bit_lab: whether the picture is Lab with 8 bits per channel.
        is_palette: whether the pixels are indices into a palette.
        is_whole: whether all pixel data lies within the file, and no two parts of it overlap.
        compression: name of the compression.
        orientation: EXIF orientation, 1 to 8.
        exif: descriptive fields as an EXIF blob; None if there are none.
        xmp: XMP packet; None if there is none.
        photoshop: Photoshop image resources, including IPTC; None if there are none.
    """

    holds_sensor_data: bool
    is_8_bit_lab: bool
    is_palette: bool
    is_whole: bool
    compression: str
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
        return TiffProperties(
            holds_sensor_data=_DNG_VERSION in first.entries
            or values(_PHOTOMETRIC) in _SENSOR
            or (is_preview and _SUB_DIRECTORIES in first.entries),
            is_8_bit_lab=(values(_PHOTOMETRIC), values(_BITS_PER_SAMPLE)) == (_LAB, (8, 8, 8)),
            is_palette=values(_PHOTOMETRIC)[:1] == _PALETTE,
            is_whole=tiff_tags.pixels_end(data) <= len(data) and not tiff_tags.pixels_overlap(data),
            compression=_COMPRESSION.get((*values(_COMPRESSION_TAG), 8)[0], "deflate"),
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
    found.source = replace(
        found.source,
        exif=tiff.exif,
        xmp=found.source.xmp or tiff.xmp,
        photoshop=tiff.photoshop,
        compression=tiff.compression,
        colour=Colour.PALETTE if tiff.is_palette else found.source.colour,
        orientation=tiff.orientation,
    )
