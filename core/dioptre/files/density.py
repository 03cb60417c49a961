"""The printed size stays: a picture with more pixels gets as many more of them per inch, wherever a file says so.

EXIF 2.32 section 4.6.5 (XResolution, FocalPlaneXResolution), XMP part 2 (the same under tiff: and exif:), Adobe
Photoshop file formats (resource 1005, ResolutionInfo). JFIF, PNG and TIFF headers are the encoders' work.
"""

from __future__ import annotations

import re
import struct
from fractions import Fraction

from .exif import EXIF_IFD, Data, Directory, Entry, Header, directory, header, orientation, pointed
from .picture import Picture

_PAIRS = ((0x011A, 0x011B), (0xA20E, 0xA20F))  # XResolution, YResolution; the same on the focal plane
_RATIONAL = 5
_LARGEST = 2**32 - 1
_RESOLUTION_INFO = 1005
_NUMBER = re.compile(r"[0-9]{1,10}(?:[./][0-9]{1,10})?")  # of an exponent, Fraction would make all the digits

Factors = tuple[float, float]
"""By how much a picture became wider and higher."""

UNCHANGED: Factors = (1.0, 1.0)


def factors(original: Picture, *, width: int, height: int) -> Factors:
    """How much larger a result of that size is than the picture it was made from."""
    return width / original.width, height / original.height


def scaled(resolution_dpi: tuple[float, float] | None, by: Factors) -> tuple[float, float] | None:
    """Pixels per inch that keep the printed size."""
    return None if resolution_dpi is None else (resolution_dpi[0] * by[0], resolution_dpi[1] * by[1])


def dpi_at(original: Picture, shape: tuple[int, ...]) -> tuple[float, float] | None:
    """Pixels per inch of a result of that shape (H, W, ...) that is to print at its original's size."""
    height, width = shape[:2]
    return scaled(original.source.resolution_dpi, factors(original, width=width, height=height))


def in_exif(blob: bytes, by: Factors) -> bytes:
    """`blob` with its densities multiplied, in place. Must see the orientation that was found, not yet set to 1.

    A picture that was turned by 90 degrees also exchanges across and along.
    """
    data = bytearray(blob)
    head = header(data)
    if head is None:
        return blob
    first = directory(data, head, head.first)
    below = pointed(data, head, first, EXIF_IFD)
    places = [first] if below is None else [first, below]
    turned = orientation(blob) >= 5
    for place in places:
        for across, along in _PAIRS:
            _multiply(data, head, place, (across, along), by, turned=turned)
    return bytes(data)


def in_photoshop(resources: bytes, by: Factors) -> bytes:
    """Photoshop image resources with the density in ResolutionInfo multiplied."""
    data = bytearray(resources)
    at = 0
    while at + 12 <= len(data) and data[at : at + 4] == b"8BIM":
        (kind,) = struct.unpack_from(">H", data, at + 4)
        name = (data[at + 6] + 2) // 2 * 2  # length byte and text, padded to be even
        body = at + 6 + name + 4
        if body > len(data):
            break
        (size,) = struct.unpack_from(">I", data, body - 4)
        if kind == _RESOLUTION_INFO and size >= 16 and body + 16 <= len(data):
            for place, factor in zip((body, body + 8), by, strict=True):  # 16.16 fixed point, per inch
                (value,) = struct.unpack_from(">I", data, place)
                struct.pack_into(">I", data, place, min(round(value * factor), _LARGEST))
        at = body + size + size % 2
    return bytes(data)


def in_text(rational: str, factor: float) -> str:
    """A density as XMP writes it ("300/1"), multiplied; as it was where it is not such a number."""
    if not _NUMBER.fullmatch(rational):
        return rational
    try:
        value = Fraction(rational)
    except ZeroDivisionError:
        return rational
    made = (value * Fraction(factor)).limit_denominator(1000)
    return f"{made.numerator}/{made.denominator}"


def _multiply(
    data: bytearray, head: Header, place: Directory, tags: tuple[int, int], by: Factors, *, turned: bool
) -> None:
    found = [_fraction(data, head, place.entries.get(tag)) for tag in tags]
    if turned and None not in found:
        found.reverse()
    for tag, value, factor in zip(tags, found, by, strict=True):
        if value is None:
            continue
        made = (value * Fraction(factor)).limit_denominator(10_000)
        if 0 < made.numerator <= _LARGEST:
            struct.pack_into(head.order + "II", data, place.entries[tag].at, made.numerator, made.denominator)


def _fraction(data: Data, head: Header, entry: Entry | None) -> Fraction | None:
    if entry is None or entry.type != _RATIONAL or entry.count != 1:
        return None
    numerator, denominator = struct.unpack_from(head.order + "II", data, entry.at)
    return Fraction(numerator, denominator) if numerator and denominator else None
