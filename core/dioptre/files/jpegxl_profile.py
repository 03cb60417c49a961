"""Embed a colour profile in a JPEG XL codestream; pyjpegxl puts it into a box that no other program reads.

The profile is inserted into the header of a losslessly compressed codestream, whose samples are from then on
interpreted in that profile. ISO/IEC 18181-1 defines the format in annexes C (entropy coding) and E (ICC stream).
"""

from __future__ import annotations

from .jpegxl_header import BadHeader, Bits, read_bits
from .picture import JPEGXL_CODESTREAM

_ICC_HEADER = 128
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_HEADER_BYTES = 4096


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
