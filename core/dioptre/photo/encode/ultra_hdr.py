"""Write Ultra HDR JPEGs: the ordinary picture followed by the gain map.

The properties are written both as XMP for readers of Google's format and as binary segments for readers of the ISO
standard. Google, "Ultra HDR Image Format" 1.1; ISO 21496-1:2025; CIPA DC-007.
"""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np

from ..decode.gain_maps import HDRGM, ISO_HEADER, MPF_HEADER
from ..gain_map import GainMap
from ..metadata import containers
from ..metadata import xmp as notes

_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_QUALITY = 97
_VERSIONS = struct.pack(">HH", 0, 0)
_MPF_BYTES = len(MPF_HEADER) + 8 + 2 + 3 * 12 + 4 + 2 * 16
_PRIMARY = 0x00030000  # type of the first picture in CIPA DC-007: baseline MP primary image
_DENOMINATOR = 1 << 20


def map_jpeg(gains: GainMap) -> bytes:
    """Encode a gain map of one channel as the second JPEG of the file, with its properties."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(gains.codes[..., 0])).save(file, "JPEG", quality=_QUALITY, subsampling=0)
    jpeg = containers.into_jpeg(file.getvalue(), xmp=_properties(gains))
    return _with_segment(jpeg, containers.APP2, ISO_HEADER + _binary(gains))


def with_directory(xmp: bytes | None, *, map_bytes: int) -> bytes:
    """Add a directory that lists the gain map, with its size in bytes, to the picture's XMP packet."""
    item = "http://ns.google.com/photos/1.0/container/item/"
    added = (
        f'<rdf:Description rdf:about="" xmlns:hdrgm="{HDRGM}" xmlns:Container="{_CONTAINER}" xmlns:Item="{item}"'
        ' hdrgm:Version="1.0"><Container:Directory><rdf:Seq>'
        '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
        '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg"'
        f' Item:Length="{map_bytes}"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>'
    )
    return notes.with_descriptions(xmp, added.encode())


def joined(picture: bytes, gains: bytes) -> bytes:
    """Join a JPEG with complete metadata and the JPEG of its gain map into one file."""
    picture = _with_segment(picture, containers.APP2, ISO_HEADER + _VERSIONS)
    size = len(picture) + 4 + _MPF_BYTES
    header_at = _after_metadata(picture) + 4 + len(MPF_HEADER)
    return _with_segment(picture, containers.APP2, _mpf(size, len(gains), size - header_at)) + gains


def _mpf(size: int, map_size: int, map_offset: int) -> bytes:
    """Return the MPF segment that lists both pictures; offsets count from its TIFF header."""
    entries_at = 8 + 2 + 3 * 12 + 4
    return b"".join(
        (
            MPF_HEADER,
            struct.pack(">2sHI", b"MM", 42, 8),
            struct.pack(">H", 3),
            struct.pack(">HHI4s", 0xB000, 7, 4, b"0100"),
            struct.pack(">HHII", 0xB001, 4, 1, 2),
            struct.pack(">HHII", 0xB002, 7, 32, entries_at),
            struct.pack(">I", 0),
            struct.pack(">IIIHH", _PRIMARY, size, 0, 0, 0),
            struct.pack(">IIIHH", 0, map_size, map_offset, 0, 0),
        )
    )


def _after_metadata(jpeg: bytes) -> int:
    """Return the position for a new segment, after the APP0, APP1 and APP13 segments at the start."""
    at = 2
    while jpeg[at] == 0xFF and jpeg[at + 1] in (0xE0, containers.APP1, containers.APP13):
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return at


def _with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    at = _after_metadata(jpeg)
    return jpeg[:at] + containers.segment(marker, payload) + jpeg[at:]


def _properties(gains: GainMap) -> bytes:
    values = {
        "GainMapMin": gains.stops_min[0],
        "GainMapMax": gains.stops_max[0],
        "Gamma": gains.gamma[0],
        "OffsetSDR": gains.offset_base[0],
        "OffsetHDR": gains.offset_bright[0],
        "HDRCapacityMin": gains.headroom[0],
        "HDRCapacityMax": gains.headroom[1],
    }
    attributes = "".join(f' hdrgm:{name}="{value:.6g}"' for name, value in values.items())
    description = (
        f'<rdf:Description rdf:about="" xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0"'
        f'{attributes} hdrgm:BaseRenditionIsHDR="False"/>'
    )
    return notes.with_descriptions(None, description.encode())


def _binary(gains: GainMap) -> bytes:
    flags = bytes([64])  # one channel, whose gains are for the picture's primaries
    channel = (gains.stops_min, gains.stops_max, gains.gamma, gains.offset_base, gains.offset_bright)
    numbers = (*gains.headroom, *(values[0] for values in channel))
    fractions = (struct.pack(">iI", round(number * _DENOMINATOR), _DENOMINATOR) for number in numbers)
    return _VERSIONS + flags + b"".join(fractions)
