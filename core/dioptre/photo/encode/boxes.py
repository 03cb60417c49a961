"""Put EXIF, XMP and a colour profile into finished files of boxes: AVIF and JPEG XL.

libvips parses and rewrites EXIF blobs, which breaks the offsets inside a camera's maker note. Here the blob is
added unchanged. ISO/IEC 14496-12 (boxes, meta, iloc, iinf, iref), ISO/IEC 23008-12 annex A (Exif items).

pyjpegxl compresses EXIF and XMP with Brotli, which many programs cannot read, and puts the profile into a box
that no other program reads. Here the profile is inserted into the header of a losslessly compressed codestream,
whose samples are from then on interpreted in that profile. ISO/IEC 18181-1, annexes C (entropy coding) and E
(ICC stream), and ISO/IEC 18181-2 (boxes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..decode.jpegxl import BadHeader, Bits, read_bits
from ..picture import JPEGXL_CODESTREAM, JPEGXL_CONTAINER

_ICC_HEADER = 128
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_HEADER_BYTES = 4096
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


def with_profile(codestream: bytes, icc: bytes) -> bytes:
    """Embed an ICC profile in a lossless codestream written by libjxl, and return the result.

    Raises:
        BadHeader: the header is not one that libjxl writes for a lossless picture without a profile.
    """
    bits = Bits(codestream[2 : 2 + _HEADER_BYTES])
    header, start, end = read_bits(bits, repacked=False)
    tail = (bits.take(2), bits.take(1))  # expected: no extensions, default transform
    if header.xyb or header.profile or not start or tail != (0, 1):
        raise BadHeader("not a lossless picture without a profile")
    frames = 2 + (end + 3 + 7) // 8
    kept = int.from_bytes(codestream[2 : 2 + _HEADER_BYTES], "little") & ((1 << start) - 1)
    out = _Writer(kept, start)
    out.put(0, 1)  # not all fields have their default values
    out.put(1, 1)  # has a profile
    out.put(int(header.grey), 2)
    out.put(0, 2)
    out.put(1, 1)
    _put_profile(out, icc)
    return JPEGXL_CODESTREAM + out.bytes() + codestream[frames:]


def _put_profile(out: _Writer, icc: bytes) -> None:
    """Write a profile as 8-bit symbols, with one prefix code of constant length for all contexts."""
    content = _icc_stream(icc)
    _put_u64(out, len(content))
    out.put(0, 1)  # no LZ77
    out.put(1, 1)  # simple clustering
    out.put(0, 2)  # all contexts share one cluster
    out.put(1, 1)  # prefix codes
    out.put(8, 4)  # values below 2^8 are coded as symbols
    out.put(0, 8)
    out.put(1, 1)  # 256 = 1 + 2^7 + 127 symbols
    out.put(7, 4)
    out.put(127, 7)
    out.put(0, 2)  # a complex prefix code (RFC 7932, section 3.5)
    for length in (1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15):
        out.put(0b01 if length == 8 else 0, 2)  # all code lengths are 8
    for value in content:
        out.put(_REVERSED[value], 8)


def _icc_stream(icc: bytes) -> bytes:
    """Return the profile before entropy coding: the header minus its prediction, then the rest unchanged."""
    predicted = bytearray(_ICC_HEADER)
    predicted[0:4] = len(icc).to_bytes(4, "big")
    predicted[8] = 4
    predicted[12:24] = b"mntrRGB XYZ "
    predicted[36:40] = b"acsp"
    predicted[68:80] = bytes((0, 0, 246, 214, 0, 1, 0, 0, 0, 0, 211, 45))
    predicted[80:84] = icc[4:8]
    platforms = {b"A": b"APPL", b"M": b"MSFT"}
    if icc[40:41] in platforms:
        predicted[41:44] = platforms[icc[40:41]][1:]
    elif icc[40:42] in (b"SG", b"SU"):
        predicted[42:44] = b"I " if icc[41:42] == b"G" else b"NW"
    commands = b"\0\1" + _varint(len(icc) - _ICC_HEADER)  # 0: no tag list; 1: insert the bytes that follow
    residuals = bytes((own - guess) & 255 for own, guess in zip(icc[:_ICC_HEADER], predicted, strict=True))
    return _varint(len(icc)) + _varint(len(commands)) + commands + residuals + icc[_ICC_HEADER:]


def _varint(value: int) -> bytes:
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes((*result, value))


def _put_u64(out: _Writer, value: int) -> None:
    """Write a number above 272 in the variable-length code U64."""
    out.put(3, 2)
    out.put(value & 4095, 12)
    value >>= 12
    while value:
        out.put(1, 1)
        out.put(value & 255, 8)
        value >>= 8
    out.put(0, 1)


class _Writer:
    """Collects bits into bytes, the lowest bit of each byte first."""

    def __init__(self, value: int, count: int) -> None:
        self._value = value
        self._count = count
        self._bytes = bytearray()

    def put(self, value: int, count: int) -> None:
        self._value |= value << self._count
        self._count += count
        while self._count >= 8:
            self._bytes.append(self._value & 255)
            self._value >>= 8
            self._count -= 8

    def bytes(self) -> bytes:
        return bytes(self._bytes) + (bytes((self._value,)) if self._count else b"")


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
