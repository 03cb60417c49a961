"""Put EXIF and XMP into finished files of boxes: AVIF and JPEG XL.

libvips parses and rewrites EXIF blobs, which breaks the offsets inside a camera's maker note. Here the blob is
added unchanged. ISO/IEC 14496-12 (boxes, meta, iloc, iinf, iref), ISO/IEC 23008-12 annex A (Exif items).

pyjpegxl compresses EXIF and XMP with Brotli, which many programs cannot read. ISO/IEC 18181-2 (boxes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..picture import JPEGXL_CODESTREAM, JPEGXL_CONTAINER

_FILE_TYPE = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "


@dataclass(frozen=True, kw_only=True)
class _Item:
    """The location of an item: offsets and lengths, which with `in_file` count from the start of the file."""

    number: int
    in_file: bool
    construction: int
    extents: tuple[tuple[int, int], ...]


def with_exif(heif: bytes, exif: bytes) -> bytes:
    """Add an EXIF blob (starting with its TIFF header) for the picture in a file that libheif wrote."""
    top = {kind: (start, end) for kind, start, end in _boxes(heif, 0, len(heif))}
    start, end = top[b"meta"]
    children = {kind: heif[a:b] for kind, a, b in _boxes(heif, start + 12, end)}
    items = list(_locations(children[b"iloc"]))
    number = 1 + max(item.number for item in items)
    primary = int.from_bytes(children[b"pitm"][12:14], "big")
    children[b"iinf"] = _with_entry(children[b"iinf"], number)
    children[b"iref"] = _with_reference(children.get(b"iref", _box(b"iref", bytes(4))), number, primary)
    payload = bytes(4) + exif  # an offset of 0: the TIFF header follows immediately
    new = _Item(number=number, in_file=True, construction=0, extents=((len(heif) + 8, len(payload)),))
    grown = sum(map(len, children.values())) + 12 - (end - start)
    grown += len(_iloc([*items, new], by=0)) - len(children[b"iloc"])
    children[b"iloc"] = _iloc([*items, new], by=grown)
    meta = _box(b"meta", bytes(4) + b"".join(children.values()))
    return heif[:start] + meta + heif[end:] + _box(b"mdat", payload)


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the boxes in data[at:end]."""
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big") or end - at
        yield data[at + 4 : at + 8], at, at + size
        at += size


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def _locations(iloc: bytes) -> Iterator[_Item]:
    """Yield the items in an item location box of version 0 or 1."""
    version, (sizes,) = iloc[8], struct.unpack_from(">H", iloc, 12)
    offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, (sizes & 15) * version
    at = 14

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(iloc[at - size : at], "big")

    for _ in range(number(2)):
        item, construction = number(2), number(2) & 15 if version else 0
        number(2)  # data reference: items are always in this file
        first = number(base)
        extents = []
        for _ in range(number(2)):
            number(index)
            extents.append((first + number(offset), number(length)))
        yield _Item(number=item, in_file=not construction, construction=construction, extents=tuple(extents))


def _iloc(items: list[_Item], *, by: int) -> bytes:
    """Return an item location box of version 1, with the offsets of items in the file increased by `by` bytes."""
    rows = [bytes((1, 0, 0, 0, 0x44, 0)), struct.pack(">H", len(items))]
    for item in items:
        rows.append(struct.pack(">HHHH", item.number, item.construction, 0, len(item.extents)))
        rows += [struct.pack(">II", start + by * item.in_file, size) for start, size in item.extents]
    return _box(b"iloc", b"".join(rows))


def _with_entry(iinf: bytes, number: int) -> bytes:
    count = 2 if iinf[8] == 0 else 4
    entries = int.from_bytes(iinf[12 : 12 + count], "big") + 1
    added = _box(b"infe", bytes((2, 0, 0, 1)) + struct.pack(">HH", number, 0) + b"Exif\0")  # flag 1 hides the item
    return _box(b"iinf", iinf[8:12] + entries.to_bytes(count, "big") + iinf[12 + count :] + added)


def _with_reference(iref: bytes, number: int, primary: int) -> bytes:
    return _box(b"iref", iref[8:] + _box(b"cdsc", struct.pack(">HHH", number, 1, primary)))


def with_metadata(jxl: bytes, *, exif: bytes | None, xmp: bytes | None) -> bytes:
    """Add metadata to a file written by libjxl, and return the new file.

    Args:
        jxl: the file, without metadata.
        exif: EXIF blob, starting with its TIFF header.
        xmp: XMP packet.
    """
    boxes = [] if jxl[:2] == JPEGXL_CODESTREAM else list(_jpegxl_boxes(jxl))
    parts = [content if kind == b"jxlc" else content[4:] for kind, content in boxes if kind in (b"jxlc", b"jxlp")]
    codestream = b"".join(parts) if boxes else jxl
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
