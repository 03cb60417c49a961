"""Apple's gain maps, which iPhones store in HEIC and JPEG files.

A map holds codes with the transfer function of Rec. 709. A pixel's linear light is multiplied by 1 + (headroom - 1)
g, where g is the decoded code. The headroom stands in the map's XMP or follows from two values of the maker note.
Apple, "Applying Apple HDR effect to your photos".
"""

from __future__ import annotations

import struct
from xml.etree import ElementTree

import numpy as np

from . import exif
from .gain_map import GainMap

AUXILIARY_TYPE = "urn:com:apple:photo:2020:aux:hdrgainmap"
"""Type of the auxiliary image that holds the map in a HEIC file."""
NAMESPACE = "http://ns.apple.com/HDRGainMap/1.0/"
_MAKER_NOTE = 0x927C
_MAKER_HEADER, _MAKER_DIRECTORY_AT = b"Apple iOS\0\0\1MM", 14
_HDR_HEADROOM, _HDR_GAIN, _SIGNED_RATIONAL = 33, 48, 10
_MOST_HEADROOM = 2.0**16


def of_apple(codes: np.ndarray, headroom: float) -> GainMap | None:
    """Convert Apple's codes to a gain map.

    Args:
        codes: uint8 (h, w) or (h, w, channels); the first channel is used.
        headroom: brightest light relative to white.

    Returns:
        The map; None if the headroom is not above 1, so that nothing is brighter than white, or is implausible.
    """
    if not 1 < headroom <= _MOST_HEADROOM:
        return None
    stops = float(np.log2(headroom))
    encoded = np.arange(256) / 255
    gains = np.where(encoded < 0.081, encoded / 4.5, ((encoded + 0.099) / 1.099) ** (1 / 0.45))
    table = np.round(255 * np.log2(1 + (headroom - 1) * gains) / stops).astype(np.uint8)
    first = codes if codes.ndim == 2 else codes[..., 0]
    return GainMap.of_stops(table[first][..., None], stops)


def recorded_headroom(camera_exif: bytes | None, xmp: ElementTree.Element | None) -> float | None:
    """Return the headroom of a photo's gain map.

    Args:
        camera_exif: the photo's EXIF blob, starting with its TIFF header.
        xmp: the map's or the photo's parsed XMP.
    """
    recorded = None if xmp is None else _recorded(xmp)
    return recorded or _of_maker_note(_maker_note(camera_exif))


def is_apple(xmp: ElementTree.Element | None) -> bool:
    """Return whether a picture's XMP describes it as Apple's gain map."""
    return xmp is not None and _property(xmp, "HDRGainMapVersion") is not None


def _recorded(xmp: ElementTree.Element) -> float | None:
    try:
        return float(_property(xmp, "HDRGainMapHeadroom") or "")
    except ValueError:
        return None


def _property(xmp: ElementTree.Element, name: str) -> str | None:
    tag = f"{{{NAMESPACE}}}{name}"
    for element in xmp.iter():
        value = element.text if element.tag == tag else element.get(tag)
        if value is not None:
            return value.strip()
    return None


def _maker_note(blob: bytes | None) -> bytes:
    head = None if blob is None else exif.header(blob)
    if blob is None or head is None:
        return b""
    camera = exif.pointed(blob, head, exif.directory(blob, head, head.first), exif.EXIF_IFD)
    entry = None if camera is None else camera.entries.get(_MAKER_NOTE)
    return b"" if entry is None else blob[entry.at : entry.at + entry.size]


def _of_maker_note(note: bytes) -> float | None:
    """Compute the headroom from the maker note's values 33 and 48, with the lines that Apple's article gives."""
    if not note.startswith(_MAKER_HEADER):
        return None
    head = exif.Header(order=">", big=False, first=_MAKER_DIRECTORY_AT)
    entries = exif.directory(note, head, head.first).entries
    bright, gain = (_rational(note, entries.get(tag)) for tag in (_HDR_HEADROOM, _HDR_GAIN))
    if bright is None or gain is None:
        return None
    if bright < 1:
        stops = 1.8 - 20 * gain if gain <= 0.01 else 1.601 - 0.101 * gain
    else:
        stops = 3 - 70 * gain if gain <= 0.01 else 2.303 - 0.303 * gain
    return float(2 ** min(max(stops, 0.0), np.log2(_MOST_HEADROOM)))


def _rational(note: bytes, entry: exif.Entry | None) -> float | None:
    if entry is None or entry.type != _SIGNED_RATIONAL or entry.count != 1:
        return None
    above, below = struct.unpack_from(">ii", note, entry.at)
    return above / below if below else None
