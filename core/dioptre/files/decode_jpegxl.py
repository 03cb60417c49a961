"""Decode JPEG XL with pyjpegxl (the extra `jpegxl`), because libvips' wheel has no decoder for it.

pyjpegxl wraps libjxl, has a BSD licence, and reads 8-bit, 16-bit and float samples, profiles, EXIF and XMP. The
Pillow plug-in for JPEG XL supports only 8-bit colour and has a GPL licence; imagecodecs reads no profiles and no
metadata.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from . import exif, problems
from .budget import Budget
from .code_points import HLG, PQ, CodePoints
from .decoded import Decoded, damaged, packed_bits
from .jpegxl_header import BadHeader, JpegXlHeader, read_header
from .picture import Colour, Format, Source
from .stated_colours import apply_code_points

_BYTES_PER_SAMPLE = 12  # bytes of libjxl's buffers per pixel and channel, in addition to the result


def decode_jpegxl(file: BinaryIO, path: Path, budget: Budget | None) -> Decoded:
    """Decode a JPEG XL picture within a budget; without a budget, read only its properties."""
    try:
        import pyjpegxl
    except ImportError as error:
        raise problems.NotAPicture(
            "{file} is a JPEG XL picture, and support for it is not installed.",
            hint="Install Dioptre with the extra 'jpegxl', or export the picture as TIFF.",
            file=problems.shown(path),
        ) from error
    data = file.read()
    try:
        header = read_header(data)
        dtype = _dtype(header)
        bands = (1 if header.grey else 3) + header.alpha
        if budget is None:
            found, codes = pyjpegxl.probe(data), np.empty((0, 0, bands), dtype)
        else:
            per_pixel = _BYTES_PER_SAMPLE * (3 + header.extra_channels) + 2 * bands * dtype.itemsize + 16
            budget.check_picture(header.width, header.height, bytes_per_pixel=per_pixel)
            found, codes = pyjpegxl.decode_to_numpy(data, dtype=dtype.name)
    except (BadHeader, RuntimeError, ValueError) as error:
        raise damaged(path) from error
    if codes.shape[2] != bands or (budget is not None and codes.shape[:2] != (header.height, header.width)):
        raise damaged(path)
    messages: list[str] = []
    if header.animated:
        messages.append(f"{path.name} contains several frames; the last one is used.")
    hdr = header.transfer in (PQ, HLG)
    source = Source(
        format=Format.JPEGXL,
        bits=8 * dtype.itemsize,
        packed_bits=packed_bits(header.bits) if dtype == np.uint16 else 0,
        floating=dtype == np.float32,
        colour=Colour.GREY if header.grey else Colour.RGB,
        alpha=header.alpha,
        icc=None if header.srgb or hdr else found.icc,
        exif=_exif(found.exif),
        xmp=found.xmp or None,
        orientation=1,  # libjxl has already rotated the picture
        lossless=header.lossless,
    )
    decoded = Decoded(codes=codes, source=source, premultiplied=header.premultiplied, messages=messages)
    if hdr:
        apply_code_points(decoded, CodePoints(primaries=header.primaries, transfer=header.transfer), path)
    return decoded


def _exif(box: bytes | None) -> bytes | None:
    """Return the EXIF blob in an Exif box, which starts with an offset unless pyjpegxl wrote the file."""
    if box is None or len(box) < 4:
        return None
    return exif.strip_prefix(box[4 + int.from_bytes(box[:4], "big") :]) or exif.strip_prefix(box)


def _dtype(header: JpegXlHeader) -> np.dtype[np.uint8] | np.dtype[np.uint16] | np.dtype[np.float32]:
    if header.floating or header.bits > 16 or (header.xyb and header.profile):  # libjxl decodes XYB to linear sRGB
        return np.dtype(np.float32)
    return np.dtype(np.uint8) if header.bits <= 8 else np.dtype(np.uint16)
