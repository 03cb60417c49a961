"""Put EXIF, XMP and a colour profile into a JPEG XL file (ISO/IEC 18181-2).

pyjpegxl compresses EXIF and XMP with Brotli, which many programs cannot read, and puts the profile into a
separate box, which no other program reads.
"""

from __future__ import annotations

from collections.abc import Iterator

from .jpegxl_profile import with_profile
from .picture import JPEGXL_CODESTREAM, JPEGXL_CONTAINER

_FILE_TYPE = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "


def with_metadata(jxl: bytes, *, icc: bytes | None, exif: bytes | None, xmp: bytes | None) -> bytes:
    """Add metadata to a file written by libjxl, and return the new file.

    Args:
        jxl: the file, without metadata; must be lossless if `icc` is given.
        icc: ICC profile of the pixel values; None for sRGB.
        exif: EXIF blob, starting with its TIFF header.
        xmp: XMP packet.
    """
    boxes = [] if jxl[:2] == JPEGXL_CODESTREAM else list(_jpegxl_boxes(jxl))
    parts = [content if kind == b"jxlc" else content[4:] for kind, content in boxes if kind in (b"jxlc", b"jxlp")]
    codestream = b"".join(parts) if boxes else jxl
    if icc is not None:
        codestream = with_profile(codestream, icc)
    levels = [_large_box(kind, content) for kind, content in boxes if kind == b"jxll"]
    if exif is None and xmp is None and not levels:
        return codestream
    result = [JPEGXL_CONTAINER, _FILE_TYPE, *levels, _large_box(b"jxlc", codestream)]
    if exif is not None:
        result.append(_large_box(b"Exif", bytes(4) + exif))  # an offset of 0: the TIFF header follows immediately
    if xmp is not None:
        result.append(_large_box(b"xml ", xmp))
    return b"".join(result)


def _jpegxl_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and content of each box."""
    at = 0
    while at < len(data):
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = at + size if size >= head else len(data)
        yield data[at + 4 : at + 8], data[at + head : end]
        at = end


def _large_box(kind: bytes, content: bytes) -> bytes:
    size = len(content) + 8
    if size < 1 << 32:
        return size.to_bytes(4, "big") + kind + content
    return b"\0\0\0\1" + kind + (size + 8).to_bytes(8, "big") + content
