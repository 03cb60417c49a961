"""Write gain maps whose channels differ, as Adobe's programs do and Dioptre does not."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
from PIL import Image

from dioptre.photo.formats.gain_maps import HDRGM, ISO_HEADER
from dioptre.photo.gain_map import GainMap
from dioptre.photo.metadata import containers
from dioptre.photo.metadata import xmp as notes

_DENOMINATOR = 1 << 20


def map_jpeg(gains: GainMap) -> bytes:
    """Return a JPEG of a gain map with three channels, with its properties as XMP and in a binary segment."""
    values = {
        "GainMapMin": gains.stops_min,
        "GainMapMax": gains.stops_max,
        "Gamma": gains.gamma,
        "OffsetSDR": gains.offset_base,
        "OffsetHDR": gains.offset_bright,
    }
    lists = ""
    for name, each in values.items():
        items = "".join(f"<rdf:li>{value:.6g}</rdf:li>" for value in each)
        lists += f"<hdrgm:{name}><rdf:Seq>{items}</rdf:Seq></hdrgm:{name}>"
    description = (
        f'<rdf:Description rdf:about="" xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0" hdrgm:BaseRenditionIsHDR="False"'
        f' hdrgm:HDRCapacityMin="{gains.headroom[0]}" hdrgm:HDRCapacityMax="{gains.headroom[1]}">{lists}'
        "</rdf:Description>"
    )
    numbers = [*gains.headroom, *(value[channel] for channel in range(3) for value in values.values())]
    binary = struct.pack(">HHB", 0, 0, 128 | 64)
    binary += b"".join(struct.pack(">iI", round(number * _DENOMINATOR), _DENOMINATOR) for number in numbers)
    file = BytesIO()
    Image.fromarray(np.squeeze(gains.codes)).save(file, "JPEG", quality=97, subsampling=0)
    jpeg = containers.into_jpeg(file.getvalue(), xmp=notes.with_descriptions(None, description.encode()))
    return jpeg[:2] + containers.segment(containers.APP2, ISO_HEADER + binary) + jpeg[2:]
