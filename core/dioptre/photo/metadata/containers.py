"""Find and insert metadata in the segments of JPEG files, the chunks of PNG files and Photoshop's image resources.

The encoders write files without metadata. The camera's metadata is then inserted byte by byte, because no encoder
passes on EXIF maker notes, Photoshop resources and XMP unchanged. Image resources, among them the IPTC records:
Adobe Photoshop file formats.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from .exif import Data, strip_prefix

IPTC = 1028
_DIGEST = 1061  # of the IPTC records
_THUMBNAILS = (1033, 1036)  # of the unedited picture
_RECORD = 0x1C  # first byte of each IPTC record
XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
_EXIF_HEADER = b"Exif\0\0"
_PHOTOSHOP_HEADER = b"Photoshop 3.0\0"
_MAX_SEGMENT = 65533
MAX_XMP = _MAX_SEGMENT - len(XMP_HEADER)  # bytes of an XMP packet, or of EXIF, in one segment
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EXTENDED_PART = 65_000  # bytes of extended XMP in a segment
_CREDENTIALS = (
    b"jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71",  # a manifest store, in a file of any format
    b"uuid\xd8\xfe\xc3\xd6\x1b\x0e\x48\x3c\x92\x97\x58\x28\x87\x7e\xc4\x81",  # its box in HEIF files
)
APP1, APP2, APP13, COM, DQT = 0xE1, 0xE2, 0xED, 0xFE, 0xDB
COMMENT = "Comment"
"""The keyword of a text that is a JPEG's comment."""


def resources_in(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield the id of each resource, and where it starts, its content starts, and ends; stop at damage."""
    at = 0
    while at + 12 <= len(data) and data[at : at + 4] == b"8BIM":
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        name = 1 + data[at + 6]
        start = at + 6 + name + name % 2 + 4
        end = start + int.from_bytes(data[start - 4 : start], "big")
        if end > len(data):
            return
        yield number, at, start, end
        at = end + (end - start) % 2


def without_resources(data: bytes, numbers: tuple[int, ...] = _THUMBNAILS) -> bytes | None:
    """Return the resources except those with the given ids, by default thumbnails; None if none are left."""
    kept = (data[at:end] + bytes((end - start) % 2) for n, at, start, end in resources_in(data) if n not in numbers)
    return b"".join(kept) or None


def iptc(data: bytes | None) -> bytes | None:
    """Return the IPTC records in Photoshop image resources; None if there are none."""
    data = data or b""
    return next((data[start:end] for number, _, start, end in resources_in(data) if number == IPTC), None)


def with_iptc(data: bytes | None, records: bytes | None) -> bytes | None:
    """Return the resources with these IPTC records, where a file stores them apart; None if there are neither.

    ImageMagick 6 and libvips write only the first quarter of them to a TIFF, so records that are cut are used only
    if the resources have none.
    """
    if records and records[0] != _RECORD and records[3:4] == bytes((_RECORD,)):  # a TIFF of swapped 32-bit values
        records = b"".join(records[at : at + 4][::-1] for at in range(0, len(records), 4))
    whole = _whole(records or b"")
    if records is None or not whole or (len(whole) < len(records.rstrip(b"\0")) and iptc(data)):
        return data
    others = without_resources(data or b"", (IPTC, _DIGEST)) or b""
    size = len(whole).to_bytes(4, "big")
    return others + b"8BIM" + IPTC.to_bytes(2, "big") + b"\0\0" + size + whole + bytes(len(whole) % 2)


def _whole(records: bytes) -> bytes:
    """Return the IPTC records without those that are cut, and without padding (IIM 4.2, section 1.6)."""
    at = end = 0
    while end <= len(records):
        at = end
        if len(records) < at + 5 or records[at] != _RECORD:
            break
        size, head = int.from_bytes(records[at + 3 : at + 5], "big"), 5
        if size >> 15:  # the length of a length that needs more bytes
            head += size & 0x7FFF
            size = int.from_bytes(records[at + 5 : at + head], "big")
        end = at + head + size
    return records[:at]


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


def jpeg_frame(data: bytes | memoryview) -> tuple[int, int, int]:
    """Return the height, the width and the number of channels of a JPEG; zeros if it states none."""
    for marker, start, end in jpeg_segment_places(data):
        if 0xC0 <= marker <= 0xC2 and end - start >= 6:
            return struct.unpack_from(">HHB", data, start + 1)
    return 0, 0, 0


def has_credentials(file: BinaryIO) -> bool:
    """Return whether an open file of any format has content credentials (C2PA 2.1, sections 8.2 and A.5)."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(mark) >= 0 for mark in _CREDENTIALS)


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
    return without_resources(b"".join(parts))


def extended_xmp(segments: Iterable[tuple[int, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the digest that names each extended XMP packet of a JPEG, and the packet, assembled from its parts."""
    parts: dict[bytes, list[bytes]] = {}
    for marker, payload in segments:
        if marker == APP1 and payload.startswith(EXTENDED_XMP_HEADER):
            body = payload[len(EXTENDED_XMP_HEADER) :]
            parts.setdefault(body[:36], []).append(body[36:])
    for head, pieces in parts.items():
        whole = _joined(pieces, announced=int.from_bytes(head[32:], "big"))
        if whole is not None:
            yield head[:32], whole


def _joined(pieces: list[bytes], *, announced: int) -> bytes | None:
    """Assemble a packet from its pieces, each an offset followed by bytes; None if they overlap or leave a gap.

    The declared length is used only once that many bytes are present, so a small file cannot claim much memory.
    """
    ordered = sorted((int.from_bytes(piece[:4], "big"), piece[4:]) for piece in set(pieces))
    at = 0
    for offset, data in ordered:
        if offset != at:
            return None
        at += len(data)
    return b"".join(data for _, data in ordered) if at == announced else None


def comments(segments: Iterable[tuple[int, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return the comments of a JPEG as texts; bytes that are not UTF-8 become surrogates."""
    texts = (payload.rstrip(b"\0").decode("utf-8", "surrogateescape") for m, payload in segments if m == COM)
    return tuple((COMMENT, text) for text in texts if text)


def photoshop_segments(resources: bytes) -> bytes:
    """Return the resources as APP13 segments for a JPEG."""
    room = _MAX_SEGMENT - len(_PHOTOSHOP_HEADER)
    pieces = [resources[at : at + room] for at in range(0, len(resources), room)]
    return b"".join(segment(APP13, _PHOTOSHOP_HEADER + piece) for piece in pieces)


def into_jpeg(
    jpeg: bytes,
    *,
    exif: bytes | None = None,
    xmp: bytes | None = None,
    extended_xmp: bytes = b"",
    photoshop: bytes | None = None,
    texts: Iterable[tuple[str, str]] = (),
) -> bytes:
    """Return `jpeg` with metadata inserted after its JFIF header.

    EXIF that does not fit in a segment (64 KiB) is omitted; use `fits_jpeg` to check this in advance.

    Args:
        jpeg: the file.
        exif: EXIF blob, starting with its TIFF header.
        xmp: XMP packet that fits in a segment.
        extended_xmp: extended XMP of any size; see `notes.split`.
        photoshop: Photoshop image resources.
        texts: keywords and texts; those for which `is_comment` is true are written.
    """
    start = 2
    if jpeg[2:4] == b"\xff\xe0":
        start += 2 + int.from_bytes(jpeg[4:6], "big")
    added = b""
    if exif is not None and fits_jpeg(exif):
        added += segment(APP1, _EXIF_HEADER + exif)
    if xmp:
        added += segment(APP1, XMP_HEADER + xmp)
    for at in range(0, len(extended_xmp), _EXTENDED_PART):
        head = EXTENDED_XMP_HEADER + xmp_digest(extended_xmp) + struct.pack(">II", len(extended_xmp), at)
        added += segment(APP1, head + extended_xmp[at : at + _EXTENDED_PART])
    if photoshop is not None:
        added += photoshop_segments(photoshop)
    for keyword, text in texts:
        if is_comment(keyword):
            added += segment(COM, text.encode("utf-8", "surrogateescape")[:_MAX_SEGMENT])
    return jpeg[:start] + added + jpeg[start:]


def is_comment(keyword: str) -> bool:
    """Return whether the text with this keyword is a comment, as a JPEG has it."""
    return keyword.casefold() == COMMENT.casefold()


def xmp_digest(extended: bytes) -> bytes:
    """Return the digest that names an extended XMP packet (XMP specification part 3, section 1.1.3.1)."""
    return hashlib.md5(extended, usedforsecurity=False).hexdigest().upper().encode()


def fits_jpeg(blob: bytes) -> bool:
    """Return whether an EXIF or XMP block fits in one segment."""
    return len(blob) <= MAX_XMP


def segment(marker: int, payload: bytes) -> bytes:
    """Return a JPEG segment with its marker and length."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def into_png(png: bytes, chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return `png` with chunks, each a kind and its content, inserted after its header."""
    after_header = len(_PNG_SIGNATURE) + 25
    return png[:after_header] + b"".join(png_chunk(*chunk) for chunk in chunks) + png[after_header:]


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    """Return a PNG chunk with its length and checksum."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png_chunks(data: Data, *, after_pixels: bool = True) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and content of the chunks of a PNG, except its pixels; stop without an error if damaged."""
    at = len(_PNG_SIGNATURE)
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
        if kind not in (b"IDAT", b"fdAT"):
            yield kind, bytes(data[at + 8 : at + 8 + size])
        elif not after_pixels:
            return
        at += 12 + size
