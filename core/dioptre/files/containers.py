"""Find and insert metadata in the segments of JPEG files and the chunks of PNG files.

The encoders write files without metadata. The camera's metadata is then inserted byte by byte, because no encoder
passes on EXIF maker notes, Photoshop resources and XMP unchanged.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterable, Iterator

from .exif import strip_prefix

XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
_EXIF_HEADER = b"Exif\0\0"
_PHOTOSHOP_HEADER = b"Photoshop 3.0\0"
_THUMBNAILS = (1033, 1036)  # ids of Photoshop image resources that hold a thumbnail of the unedited picture
_MAX_SEGMENT = 65533
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp"

APP1, APP2, APP13, DQT = 0xE1, 0xE2, 0xED, 0xDB

# Order of the values in a JPEG's quantization tables: along the diagonals (ITU-T T.81 figure A.6).
ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))


def jpeg_segments(data: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, payload) of the segments before the image data; stop without an error if they are damaged."""
    for marker, start, end in jpeg_segment_places(data):
        yield marker, bytes(data[start:end])


def jpeg_segment_places(data: bytes | memoryview) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of the payloads that `jpeg_segments` yields."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xDA:
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, at + 4, min(at + 2 + length, len(data))
        at += 2 + length


def exif_of(segments: Iterable[tuple[int, bytes]]) -> bytes | None:
    """Return the EXIF blob in the segments of a JPEG, without its prefix; None if there is no valid one."""
    blobs = (strip_prefix(payload) for marker, payload in segments if marker == APP1)
    return next((blob for blob in blobs if blob is not None), None)


def quantisation_tables(segments: list[tuple[int, bytes]]) -> tuple[tuple[int, ...], ...]:
    """Return the tables of the DQT segments in row-major order, sorted by their number."""
    tables: dict[int, tuple[int, ...]] = {}
    for marker, payload in segments:
        at = 0
        while marker == DQT and at < len(payload):
            wide, number = payload[at] >> 4, payload[at] & 15
            size = 128 if wide else 64
            if at + 1 + size > len(payload):
                return ()
            values = struct.unpack_from(">64H" if wide else ">64B", payload, at + 1)
            natural = [0] * 64
            for position, value in zip(ZIGZAG, values, strict=True):
                natural[position] = value
            tables[number] = tuple(natural)
            at += 1 + size
    return tuple(tables[number] for number in sorted(tables))


def photoshop_resources(segments: list[tuple[int, bytes]]) -> bytes | None:
    """Return the Photoshop image resources, which include IPTC, without thumbnails; None if there are none."""
    parts = [p[len(_PHOTOSHOP_HEADER) :] for m, p in segments if m == APP13 and p.startswith(_PHOTOSHOP_HEADER)]
    kept = b"".join(raw for number, raw in _resources(b"".join(parts)) if number not in _THUMBNAILS)
    return kept or None


def _resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 12 <= len(data) and data[at : at + 4] == b"8BIM":
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        name = 1 + data[at + 6]
        start = at + 6 + name + name % 2
        size = int.from_bytes(data[start : start + 4], "big")
        end = start + 4 + size + size % 2
        if end > len(data):
            return
        yield number, data[at:end]
        at = end


def photoshop_segments(resources: bytes) -> bytes:
    """Return the resources as APP13 segments for a JPEG."""
    room = _MAX_SEGMENT - len(_PHOTOSHOP_HEADER)
    pieces = [resources[at : at + room] for at in range(0, len(resources), room)]
    return b"".join(segment(APP13, _PHOTOSHOP_HEADER + piece) for piece in pieces)


def into_jpeg(jpeg: bytes, *, exif: bytes | None, xmp: bytes | None, photoshop: bytes | None) -> bytes:
    """Return `jpeg` with metadata inserted after its JFIF header.

    EXIF or XMP that does not fit in a segment (64 KiB) is omitted; use `fits_jpeg` to check this in advance.

    Args:
        jpeg: the file.
        exif: EXIF blob, starting with its TIFF header.
        xmp: XMP packet.
        photoshop: Photoshop image resources.
    """
    start = 2
    if jpeg[2:4] == b"\xff\xe0":
        start += 2 + int.from_bytes(jpeg[4:6], "big")
    added = b""
    if exif is not None and fits_jpeg(exif):
        added += segment(APP1, _EXIF_HEADER + exif)
    if xmp is not None and fits_jpeg(xmp):
        added += segment(APP1, XMP_HEADER + xmp)
    if photoshop is not None:
        added += photoshop_segments(photoshop)
    return jpeg[:start] + added + jpeg[start:]


def fits_jpeg(blob: bytes) -> bool:
    """Return whether an EXIF or XMP block fits in one segment."""
    return len(blob) + len(XMP_HEADER) <= _MAX_SEGMENT


def segment(marker: int, payload: bytes) -> bytes:
    """Return a JPEG segment with its marker and length."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def into_png(png: bytes, *, exif: bytes | None, xmp: bytes | None) -> bytes:
    """Return `png` with an eXIf chunk and an XMP text chunk after its header."""
    after_header = len(_PNG_SIGNATURE) + 25
    chunks = b""
    if exif is not None:
        chunks += png_chunk(b"eXIf", exif)
    if xmp is not None:
        chunks += png_chunk(b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + xmp)
    return png[:after_header] + chunks + png[after_header:]


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    """Return a PNG chunk with its length and checksum."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png_is_animated(start: bytes) -> bool:
    """Return whether the first bytes of a PNG file declare an animation."""
    return any(kind == b"acTL" for kind, _ in _png_chunks_before_pixels(start))


def png_colour_chunks(data: bytes | mmap.mmap) -> dict[bytes, bytes]:
    """Return the content of the chunks of a PNG file that state its colours by numbers, by their names."""
    found: dict[bytes, bytes] = {}
    for kind, payload in _png_chunks_before_pixels(data):
        if kind in (b"cICP", b"sRGB", b"gAMA", b"cHRM"):
            found.setdefault(kind, payload)
    return found


def _png_chunks_before_pixels(start: bytes | mmap.mmap) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG_SIGNATURE)
    while at + 8 <= len(start) and (kind := start[at + 4 : at + 8]) != b"IDAT":
        size = int.from_bytes(start[at : at + 4], "big")
        yield kind, start[at + 8 : at + 8 + size]
        at += 12 + size
