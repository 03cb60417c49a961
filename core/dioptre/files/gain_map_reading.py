"""Read the gain map of an Ultra HDR JPEG or of an iPhone's JPEG.

The map is a second JPEG after the first, listed in the first one's MPF segment. Its properties are stored as XMP or
in a binary segment. Google, "Ultra HDR Image Format" 1.1; ISO 21496-1:2025 (annex C, binary metadata); CIPA DC-007.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np

from . import apple_gain_map, containers, exif, notes, problems
from .budget import Budget
from .damage import jpeg_has_surplus
from .gain_map import GainMap, Three
from .vips import vips, warned

HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
ISO_HEADER = b"urn:iso:std:iso:ts:21496:-1\0"
MPF_HEADER = b"MPF\0"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_MP_ENTRIES, _ENTRY_BYTES, _MOST_PICTURES = 0xB002, 16, 16
_MOST_STOPS = 16.0  # largest gain in stops: a factor of 65536, about the range of a half float
_NO_CODES = np.zeros((1, 1, 1), np.uint8)


def of_jpeg(data: memoryview, budget: Budget) -> GainMap | None:
    """Read the gain map of a JPEG, without applying the orientation.

    Maps that would darken an HDR picture are not read, nor are maps that exceed the size limit for pictures.

    Returns:
        The map; None if there is none or it is damaged.

    Raises:
        NotEnoughMemory: too little memory is free.
    """
    for picture in _further_pictures(data):
        segments = list(containers.jpeg_segments(picture))
        xmp = _xmp(segments, budget)
        found = _binary(segments) or _in_xmp(xmp)
        headroom = None
        if found is None and apple_gain_map.is_apple(xmp):
            headroom = apple_gain_map.recorded_headroom(containers.exif_of(containers.jpeg_segments(data)), xmp)
        if found is None and headroom is None:
            continue
        if (codes := _decoded(bytes(picture), budget)) is None:
            continue
        if found is not None:
            return replace(found, codes=codes)
        if headroom is not None:
            return apple_gain_map.of_apple(codes, headroom)
    return None


def _further_pictures(data: memoryview) -> Iterator[memoryview]:
    """Yield the pictures that follow the first JPEG, as listed in its MPF segment."""
    for marker, start, end in containers.jpeg_segment_places(data):
        if marker != containers.APP2 or bytes(data[start : start + 4]) != MPF_HEADER:
            continue
        base = start + 4
        for size, offset in _listed(data[base:end]):
            picture = data[base + offset : base + offset + size]
            if offset and len(picture) == size and bytes(picture[:2]) == b"\xff\xd8":
                yield picture
        return


def _listed(segment: memoryview) -> list[tuple[int, int]]:
    """Return the size and offset of each picture that an MPF segment lists."""
    head = exif.header(segment)
    entry = None if head is None else exif.directory(segment, head, head.first).entries.get(_MP_ENTRIES)
    if head is None or entry is None:
        return []
    count = min(entry.size // _ENTRY_BYTES, _MOST_PICTURES)
    rows = (struct.unpack_from(head.order + "III", segment, entry.at + _ENTRY_BYTES * i) for i in range(count))
    return [(size, offset) for _, size, offset in rows]


def _decoded(jpeg: bytes, budget: Budget) -> np.ndarray | None:
    try:
        image = vips().Image.jpegload_buffer(jpeg, fail_on="error")
        budget.check_picture(image.width, image.height)
        with warned() as warnings:
            codes = image.numpy()
    except (vips().Error, problems.PictureTooLarge):
        return None
    if warnings or jpeg_has_surplus(jpeg):
        return None
    codes = codes[..., None] if codes.ndim == 2 else codes
    return codes if codes.shape[2] in (1, 3) else None


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


def _xmp(segments: list[tuple[int, bytes]], budget: Budget) -> ElementTree.Element | None:
    for marker, payload in segments:
        if marker == containers.APP1 and payload.startswith(containers.XMP_HEADER):
            return notes.parsed(payload[len(containers.XMP_HEADER) :], budget=budget)
    return None


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
