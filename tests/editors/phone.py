"""A photograph like those of phones in portrait mode, with the camera's depth in the file."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

from dioptre.photo.encode.encoding import encode
from dioptre.photo.metadata import containers
from dioptre.photo.picture import Format

WIDTH, HEIGHT = 48, 32
_SPACES = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'


def write_phone_photo(path: Path) -> Path:
    """Write a JPEG of noise with depth in Google's format, from 1 m on the left to 4 m on the right."""
    wedge = np.repeat(np.linspace(0, 255, WIDTH).round().astype(np.uint8)[None], HEIGHT, 0)
    data = base64.b64encode(encode(wedge[..., None], Format.PNG)).decode()
    told = f'GDepth:Format="RangeInverse" GDepth:Near="1" GDepth:Far="4" GDepth:Units="m" GDepth:Data="{data}"'
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {_SPACES}><rdf:Description {told}/></rdf:RDF></x:xmpmeta>'
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    path.write_bytes(containers.into_jpeg(encode(pixels, Format.JPEG), exif=None, xmp=xmp.encode(), photoshop=None))
    return path
