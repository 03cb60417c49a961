"""Decode HEIC with pillow-heif (the extra `heic`), and correct what libheif gets wrong in AVIF.

libvips' wheel has no HEVC decoder. It decodes AVIF with libheif, which stretches the limited range of video (16
to 235) only in colours, and makes three channels of grey. Pillow's decoder, libavif, is right, but returns 8 bits
only. Its result therefore serves to tell which planes have the limited range.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .. import problems
from ..budget import Budget
from ..metadata import exif, xmp
from ..picture import Colour, Format, Source
from . import gain_maps
from .decoded import (
    PYTHON_DECODER_ERRORS,
    Decoded,
    any_size,
    damaged,
    expanded,
    full_range,
    note_further,
    note_lost_gain_map,
    packed_bits,
)
from .stated_colours import CodePoints, apply_code_points

_COLOUR = b"colrnclx"
_UNSPECIFIED, _SPECIFIED = (_COLOUR + points + b"\x80" for points in (b"\0\2\0\2\0\2", b"\0\2\0\x0d\0\2"))
_QUANTILES = np.linspace(0.0, 1.0, 33)
_SAMPLES = 1 << 20
_START = 1 << 16  # number of bytes that hold the boxes before the picture data


def code_points(start: bytes) -> CodePoints | None:
    """Return the code points in the first bytes of a HEIF file; None if there are none."""
    at = start.find(_COLOUR) + len(_COLOUR)
    if at < len(_COLOUR) or len(start) < at + 7:
        return None
    primaries, transfer, _, flags = struct.unpack_from(">HHHB", start, at)
    return CodePoints(primaries=primaries, transfer=transfer, full_range=flags >= 128)


def content(file: BinaryIO) -> bytes:
    """Return a HEIF file whose full range libheif obeys.

    The container's range takes precedence over the stream's (ISO/IEC 23000-22). Without specified code
    points, libheif takes the container to state nothing, so here it states the usual transfer function.
    """
    file.seek(0)
    return file.read().replace(_UNSPECIFIED, _SPECIFIED)


def is_sequence(start: bytes) -> bool:
    """Return whether a HEIF file with these first bytes holds a sequence of frames and no still picture."""
    return re.search(b"avis|hevc|hevx|msf1", start[8:64]) is not None and b"pitm" not in start


def correct(found: Decoded, file: BinaryIO) -> None:
    """Reduce a grey picture to one channel, and stretch grey and alpha to the full range.

    Args:
        found: the picture with full-range codes as libheif decoded it, changed in place; its codes may be empty.
        file: the open file.
    """
    from PIL import Image

    file.seek(0)
    try:
        with any_size(), Image.open(file, formats=("AVIF",)) as image:
            _correct(found, image)
    except PYTHON_DECODER_ERRORS:
        return  # the platform's Pillow has no AVIF, or libavif is stricter than libheif


def _correct(found: Decoded, image: Any) -> None:
    grey, alpha = image.getbands()[0] == "L", found.source.alpha and image.getbands()[-1] == "A"
    if grey:
        found.source = replace(found.source, colour=Colour.GREY)
        found.codes = found.codes[..., [0, 3] if found.source.alpha else [0]] if found.codes.size else found.codes
    if not found.codes.size:
        return
    bits = found.source.packed_bits or 8
    for band, channel in (("L", 0),) * grey + (("A", found.codes.shape[2] - 1),) * alpha:
        plane = found.codes[..., channel : channel + 1]
        if _is_limited(plane, np.asarray(image.getchannel(band)), bits=bits):
            found.codes[..., channel : channel + 1] = expanded(plane, bits=bits)


def _is_limited(plane: np.ndarray, reference: np.ndarray, *, bits: int) -> bool:
    """Return whether the values of a plane are those of the reference, uint8 (H, W), only after stretching."""
    step = max(1, round((reference.size / _SAMPLES) ** 0.5))
    codes = plane[::step, ::step]
    own, stretched, right = (
        np.quantile(values, _QUANTILES) / np.iinfo(values.dtype).max
        for values in (codes, expanded(codes, bits=bits), reference[::step, ::step])
    )
    return bool(np.abs(stretched - right).sum() < np.abs(own - right).sum())


def decode_heic(file: BinaryIO, path: Path, budget: Budget | None) -> Decoded:
    """Decode a HEIC picture within a budget; without a budget, read only its properties."""
    try:
        import pillow_heif
    except ImportError as error:
        raise problems.NotAPicture(
            "{file} is a HEIC picture, and support for it is not installed.",
            hint="Install Dioptre with the extra 'heic', or export the picture as JPEG.",
            file=problems.shown(path),
        ) from error
    try:
        heif = pillow_heif.open_heif(content(file), convert_hdr_to_8bit=False)
        if budget is None:
            codes = np.empty((0, 0, len(heif.mode.split(";")[0])), np.uint8)
        else:
            budget.check_picture(heif.size[0], heif.size[1], bytes_per_pixel=40)
            codes = np.asarray(heif)
    except PYTHON_DECODER_ERRORS as error:
        file.seek(0)
        if is_sequence(file.read(_START)) or "nsupported" in str(error):
            raise problems.unsupported_heif(path, Format.HEIC.value) from error
        raise damaged(path) from error
    if codes.ndim == 2:
        codes = codes[..., None]
    info = heif.info
    bits = packed_bits(info.get("bit_depth", 8)) if codes.dtype == np.uint16 else 0
    if bits:
        codes = full_range(codes, bits)
    points = _code_points(info)
    bands = codes.shape[2]
    if bands == 1 and points is not None and not points.full_range:  # libheif converts the range of colours only
        codes = expanded(codes, bits=bits or 8)
    messages: list[str] = []
    if len(heif) > 1:
        note_further(messages, path)
    source = Source(
        format=Format.HEIC,
        bits=8 * codes.dtype.itemsize,
        packed_bits=bits,
        colour=Colour.GREY if bands < 3 else Colour.RGB,
        alpha=bands in (2, 4),
        icc=info.get("icc_profile") or None,
        exif=exif.strip_prefix(info.get("exif")),
        xmp=info.get("xmp") or None,
        orientation=1,  # libheif has already rotated the picture
    )
    found = Decoded(codes=codes, source=source, premultiplied=heif.premultiplied_alpha, messages=messages)
    apply_code_points(found, points, path)
    if budget is None or found.source.hdr_transfer:
        return found
    if maps := info.get("aux", {}).get(gain_maps.AUXILIARY_TYPE):
        headroom = gain_maps.recorded_headroom(source.exif, xmp.parsed(source.xmp, budget=budget))
        map_codes = _auxiliary(heif, maps[0], budget)
        if headroom is None or map_codes is None:
            note_lost_gain_map(messages, path)
        else:
            found.gain_map = gain_maps.of_apple(map_codes, headroom)
    return found


def _code_points(info: dict[str, Any]) -> CodePoints | None:
    nclx = info.get("nclx_profile")
    if not nclx:
        return None
    return CodePoints(
        primaries=nclx["color_primaries"],
        transfer=nclx["transfer_characteristics"],
        full_range=bool(nclx["full_range_flag"]),
    )


def _auxiliary(heif: Any, number: int, budget: Budget) -> np.ndarray | None:
    """Decode an auxiliary image of 8 bits; None if it is damaged, too large or has more bits."""
    try:
        image = heif.get_aux_image(number)
        budget.check_picture(*image.size)
        codes = np.asarray(image)
    except (*PYTHON_DECODER_ERRORS, problems.PictureTooLarge):
        return None
    return codes if codes.dtype == np.uint8 else None
