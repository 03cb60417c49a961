"""Decode HEIC with pillow-heif (the extra `heic`), because libvips' wheel has no HEVC decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from . import apple_gain_map, exif, heif_boxes, notes, problems
from .budget import Budget
from .code_points import CodePoints
from .decoded import PYTHON_DECODER_ERRORS, Decoded, damaged, expanded, full_range, note_lost_gain_map, packed_bits
from .picture import Colour, Format, Source
from .stated_colours import apply_code_points

_START = 1 << 16  # number of bytes that hold the boxes before the picture data


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
        heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
        if budget is None:
            codes = np.empty((0, 0, len(heif.mode.split(";")[0])), np.uint8)
        else:
            budget.check_picture(heif.size[0], heif.size[1], bytes_per_pixel=40)
            codes = np.asarray(heif)
    except PYTHON_DECODER_ERRORS as error:
        file.seek(0)
        if heif_boxes.is_sequence(file.read(_START)) or "nsupported" in str(error):
            raise problems.unsupported_heic(path) from error
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
    if maps := info.get("aux", {}).get(apple_gain_map.AUXILIARY_TYPE):
        headroom = apple_gain_map.recorded_headroom(source.exif, notes.parsed(source.xmp, budget=budget))
        map_codes = _auxiliary(heif, maps[0], budget)
        if headroom is None or map_codes is None:
            note_lost_gain_map(messages, path)
        else:
            found.gain_map = apple_gain_map.of_apple(map_codes, headroom)
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
