"""Read the gain map of an Ultra HDR JPEG, and that of an iPhone's JPEG or HEIC.

In a JPEG, the map is a second JPEG after the first, listed in the first one's MPF segment (CIPA DC-007). The
properties of Ultra HDR are stored as XMP or in a binary segment: Google, "Ultra HDR Image Format" 1.1; ISO
21496-1:2025, annex C. libultrahdr reads no maps with three channels whose properties are in XMP, as Adobe's
programs write them, so the properties are read here.

Apple's map holds codes with the transfer function of Rec. 709. A pixel's linear light is multiplied by 1 +
(headroom - 1) g, where g is the decoded code. The headroom stands in the map's XMP or follows from two values
of the maker note. Apple, "Applying Apple HDR effect to your photos".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np

from .. import problems
from ..budget import Budget
from ..gain_map import GainMap, Three
from ..metadata import containers, exif
from ..metadata import xmp as notes
from . import damage

AUXILIARY_TYPE = "urn:com:apple:photo:2020:aux:hdrgainmap"
"""Type of the auxiliary image that holds the map in a HEIC file."""
NAMESPACE = "http://ns.apple.com/HDRGainMap/1.0/"
_MAKER_NOTE = 0x927C
_MAKER_HEADER, _MAKER_DIRECTORY_AT = b"Apple iOS\0\0\1MM", 14
_HDR_HEADROOM, _HDR_GAIN = 33, 48
_MOST_HEADROOM = 2.0**16
HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
ISO_HEADER = b"urn:iso:std:iso:ts:21496:-1\0"
MPF_HEADER = b"MPF\0"
_MARKS_OF_MAPS = (HDRGM.encode(), ISO_HEADER, NAMESPACE.encode())
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_PREVIEW, _SEVERAL = 1, 2  # classes of types: large thumbnails; panoramas, stereo pairs and several angles
_MP_ENTRIES, _ENTRY_BYTES, _MOST_PICTURES = 0xB002, 16, 16
_MOST_STOPS = 16.0  # largest gain in stops: a factor of 65536, about the range of a half float
_NO_CODES = np.zeros((1, 1, 1), np.uint8)


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
    if (found := exif.camera_of(blob)) is None or (entry := found[2].entries.get(_MAKER_NOTE)) is None:
        return b""
    return found[0][entry.at : entry.at + entry.size]


def _of_maker_note(note: bytes) -> float | None:
    """Compute the headroom from the maker note's values 33 and 48, with the lines that Apple's article gives."""
    if not note.startswith(_MAKER_HEADER):
        return None
    head = exif.Header(order=">", big=False, first=_MAKER_DIRECTORY_AT)
    entries = exif.directory(note, head, head.first).entries
    bright, gain = (exif.fraction(note, head, entries.get(tag), signed=True) for tag in (_HDR_HEADROOM, _HDR_GAIN))
    if bright is None or gain is None:
        return None
    if bright < 1:
        stops = float(1.8 - 20 * gain if gain <= 0.01 else 1.601 - 0.101 * gain)
    else:
        stops = float(3 - 70 * gain if gain <= 0.01 else 2.303 - 0.303 * gain)
    return float(2 ** min(max(stops, 0.0), np.log2(_MOST_HEADROOM)))


def of_jpeg(data: memoryview, budget: Budget) -> GainMap | None:
    """Read the gain map of a JPEG, without applying the orientation.

    Maps that would darken an HDR picture are not read, nor are maps that exceed the size limit for pictures.

    Returns:
        The map; None if there is none or it is damaged.

    Raises:
        NotEnoughMemory: too little memory is free.
    """
    for _, picture in _further_pictures(data):
        segments = list(containers.jpeg_segments(picture))
        xmp = next(notes.packets(segments, budget=budget), None)
        found = _binary(segments) or _in_xmp(xmp)
        headroom = None
        if found is None and is_apple(xmp):
            headroom = recorded_headroom(containers.exif_of(containers.jpeg_segments(data)), xmp)
        if found is None and headroom is None:
            continue
        if (codes := _decoded(bytes(picture), budget)) is None:
            continue
        if found is not None:
            return replace(found, codes=codes)
        if headroom is not None:
            return of_apple(codes, headroom)
    return None


def has_further_photo(data: memoryview) -> bool:
    """Return whether a JPEG holds another photo, such as the second one of a stereo pair.

    A preview, or a gain map of any kind, is none. If a picture has no stated type, it is a photo if it has the size
    of the first one.
    """
    for attributes, picture in _further_pictures(data):
        kind = attributes >> 16 & 0xFF
        segments = [payload for _, payload in containers.jpeg_segments(picture)]
        is_map = any(mark in payload for payload in segments for mark in _MARKS_OF_MAPS)
        as_large = containers.jpeg_frame(picture) == containers.jpeg_frame(data)
        if kind == _SEVERAL or (kind != _PREVIEW and as_large and not is_map):
            return True
    return False


def _further_pictures(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the attributes and data of the pictures that follow the first JPEG, as listed in its MPF segment."""
    for marker, start, end in containers.jpeg_segment_places(data):
        if marker != containers.APP2 or bytes(data[start : start + 4]) != MPF_HEADER:
            continue
        base = start + 4
        for attributes, size, offset in _listed(data[base:end]):
            picture = data[base + offset : base + offset + size]
            if offset and len(picture) == size and bytes(picture[:2]) == b"\xff\xd8":
                yield attributes, picture
        return


def _listed(segment: memoryview) -> list[tuple[int, int, int]]:
    """Return the attributes, size and offset of each picture that an MPF segment lists."""
    head = exif.header(segment)
    entry = None if head is None else exif.directory(segment, head, head.first).entries.get(_MP_ENTRIES)
    if head is None or entry is None:
        return []
    count = min(entry.size // _ENTRY_BYTES, _MOST_PICTURES)
    rows = (struct.unpack_from(head.order + "III", segment, entry.at + _ENTRY_BYTES * i) for i in range(count))
    return list(rows)


def _decoded(jpeg: bytes, budget: Budget) -> np.ndarray | None:
    try:
        codes = damage.whole_picture(jpeg, budget=budget)
    except problems.PictureTooLarge:
        return None
    return codes if codes is not None and codes.shape[2] in (1, 3) else None


def _binary(segments: list[tuple[int, bytes]]) -> GainMap | None:
    """Parse the binary parameters of ISO 21496-1; None if there are none."""
    for marker, payload in segments:
        if marker == containers.APP2 and payload.startswith(ISO_HEADER) and len(payload) > len(ISO_HEADER) + 4:
            try:
                return _parse_binary(payload[len(ISO_HEADER) :])
            except (struct.error, ZeroDivisionError):
                return None
    return None


def _parse_binary(data: bytes) -> GainMap | None:
    least_version, _, flags = struct.unpack_from(">HHB", data)
    if least_version or flags & 4:  # a later version of the standard, or a map for an HDR picture
        return None
    at, common = 5, 0
    if flags & 8:
        (common,), at = struct.unpack_from(">I", data, at), at + 4

    def number(signed: bool) -> float:
        nonlocal at
        (above,), at = struct.unpack_from(">i" if signed else ">I", data, at), at + 4
        below = common
        if not common:
            (below,), at = struct.unpack_from(">I", data, at), at + 4
        return float(above / below)

    headroom = number(False), number(False)
    channels = [
        [number(signed) for signed in (True, True, False, True, True)] for _ in range(3 if flags & 128 else 1)
    ]
    low, high, gamma, base, bright = (_three(list(values)) for values in zip(*channels, strict=True))
    return _checked((low, high, gamma, base, bright), headroom)


def _in_xmp(xmp: ElementTree.Element | None) -> GainMap | None:
    for description in () if xmp is None else xmp.iter(f"{_RDF}Description"):
        try:
            return _parse_description(description)
        except (KeyError, ValueError):
            continue
    return None


def _parse_description(description: ElementTree.Element) -> GainMap | None:
    """Parse the parameters in an XMP description; raise KeyError or ValueError if they are missing or invalid."""

    def values(name: str, otherwise: float | None = None) -> list[float]:
        tag = f"{{{HDRGM}}}{name}"
        element = description.find(tag)
        items = [] if element is None else [item.text or "" for item in element.iter(f"{_RDF}li")]
        text = description.get(tag) or (None if element is None else element.text)
        texts = items or ([text] if text is not None and text.strip() else [])
        if not texts and otherwise is None:
            raise KeyError(name)
        return [float(each) for each in texts[:3]] or [otherwise or 0.0]

    if description.get(f"{{{HDRGM}}}BaseRenditionIsHDR", "False").strip() == "True":
        return None
    low, high, gamma = values("GainMapMin", 0.0), values("GainMapMax"), values("Gamma", 1.0)
    base, bright = values("OffsetSDR", 1 / 64), values("OffsetHDR", 1 / 64)
    headroom = values("HDRCapacityMin", 0.0)[0], values("HDRCapacityMax")[0]
    return _checked((_three(low), _three(high), _three(gamma), _three(base), _three(bright)), headroom)


def _three(values: list[float]) -> Three:
    one, two, three = (values * 3)[:3] if len(values) == 1 else (values * 2)[:3]
    return one, two, three


def _checked(values: tuple[Three, Three, Three, Three, Three], headroom: tuple[float, float]) -> GainMap | None:
    """Return a gain map with these parameters and a placeholder for the codes; None if they are implausible."""
    low, high, gamma, base, bright = values
    everything = np.array([*low, *high, *gamma, *base, *bright, *headroom])
    sane = np.isfinite(everything).all() and np.abs(everything).max() <= _MOST_STOPS
    ordered = all(a <= b for a, b in zip(low, high, strict=True)) and headroom[0] <= headroom[1]
    if not (sane and ordered and min(gamma) >= 1 / _MOST_STOPS and min(*base, *bright) >= 0):
        return None
    return GainMap(
        codes=_NO_CODES,
        stops_min=low,
        stops_max=high,
        gamma=gamma,
        offset_base=base,
        offset_bright=bright,
        headroom=headroom,
    )
