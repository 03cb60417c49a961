"""Keep the printed size: scale the resolution (pixels per inch) in a file's metadata when a picture is enlarged.

EXIF 2.32 section 4.6.5 (XResolution, FocalPlaneXResolution), XMP part 2 (the same fields under tiff: and exif:),
Adobe Photoshop file formats (resource 1005, ResolutionInfo). The encoders write the headers of JFIF, PNG and TIFF.
"""

from __future__ import annotations

import re
import struct
from fractions import Fraction

from ..picture import Picture
from .containers import resources_in
from .exif import EXIF_IFD, UNCHANGED, Directory, Factors, Frame, Header, directory, fraction, header, pointed

_PAIRS = ((0x011A, 0x011B), (0xA20E, 0xA20F))  # tags of the x and y resolution: of the picture, of the focal plane
_LARGEST = 2**32 - 1
_RESOLUTION_INFO = 1005
_NUMBER = re.compile(r"[0-9]{1,10}(?:[./][0-9]{1,10})?")  # no exponents: Fraction would expand them in full


def factors(original: Picture, *, width: int, height: int) -> Factors:
    """Return the factors by which a result of `width` x `height` pixels is larger than the original picture."""
    return UNCHANGED if original.source.reframed else (width / original.width, height / original.height)


def scaled(resolution_dpi: tuple[float, float] | None, by: Factors) -> tuple[float, float] | None:
    """Multiply a resolution, x and y in pixels per inch, by the factors, which keeps the printed size."""
    return None if resolution_dpi is None else (resolution_dpi[0] * by[0], resolution_dpi[1] * by[1])


def dpi_at(original: Picture, shape: tuple[int, ...]) -> tuple[float, float] | None:
    """Return the pixels per inch, x and y, at which a result of `shape` (H, W, ...) keeps the printed size."""
    height, width = shape[:2]
    return scaled(original.source.resolution_dpi, factors(original, width=width, height=height))


def in_exif(blob: bytes, frame: Frame) -> bytes:
    """Return an EXIF blob with its resolutions scaled; nothing else changes or moves.

    If the picture was rotated by 90 degrees, the horizontal and vertical resolutions are also exchanged.
    """
    data = bytearray(blob)
    head = header(data)
    if head is None:
        return blob
    first = directory(data, head, head.first)
    below = pointed(data, head, first, EXIF_IFD)
    places = [first] if below is None else [first, below]
    for place in places:
        for across, along in _PAIRS:
            _multiply(data, head, place, (across, along), frame.enlarged, turned=frame.turned)
    return bytes(data)


def in_photoshop(resources: bytes, by: Factors) -> bytes | None:
    """Return Photoshop image resources with the resolution in ResolutionInfo scaled; None if there are none."""
    data = bytearray(resources)
    for kind, _, body, end in resources_in(resources):
        if kind == _RESOLUTION_INFO and end - body >= 16:
            for place, factor in zip((body, body + 8), by, strict=True):  # pixels per inch in 16.16 fixed point
                (value,) = struct.unpack_from(">I", data, place)
                struct.pack_into(">I", data, place, min(round(value * factor), _LARGEST))
    return bytes(data) or None


def in_text(rational: str, factor: float) -> str:
    """Scale a resolution in XMP's notation ("300/1"); return text that is not such a number unchanged."""
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
    found = [fraction(data, head, place.entries.get(tag)) or None for tag in tags]
    if turned and None not in found:
        found.reverse()
    for tag, value, factor in zip(tags, found, by, strict=True):
        if value is None:
            continue
        made = (value * Fraction(factor)).limit_denominator(10_000)
        if 0 < made.numerator <= _LARGEST:
            struct.pack_into(head.order + "II", data, place.entries[tag].at, made.numerator, made.denominator)
