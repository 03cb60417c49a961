"""Write Ultra HDR JPEGs: the ordinary picture followed by the gain map.

The properties are written both as XMP for readers of Google's format and as binary segments for readers of the ISO
standard. Google, "Ultra HDR Image Format" 1.1; ISO 21496-1:2025.
"""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np

from ..formats.gain_maps import HDRGM, ISO_HEADER
from ..gain_map import GainMap
from ..metadata import containers
from ..metadata import xmp as notes
from . import multi_picture
from .multi_picture import with_segment

_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_QUALITY = 97
_VERSIONS = struct.pack(">HH", 0, 0)
_DENOMINATOR = 1 << 20


def map_jpeg(gains: GainMap) -> bytes:
    """Encode a gain map of one channel as the second JPEG of the file, with its properties."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(gains.codes[..., 0])).save(file, "JPEG", quality=_QUALITY, subsampling=0)
    jpeg = containers.into_jpeg(file.getvalue(), xmp=_properties(gains))
    return with_segment(jpeg, containers.APP2, ISO_HEADER + _binary(gains))


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
    picture = with_segment(picture, containers.APP2, ISO_HEADER + _VERSIONS)
    return multi_picture.joined([picture, gains], multi_picture.PRIMARY, others=multi_picture.UNDEFINED)


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
