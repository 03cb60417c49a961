"""HEIC, by pillow-heif (the extra `heic`), because libvips' wheel has no HEVC codec."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np

from .. import problems
from ..budget import Budget
from ..metadata import exif, xmp
from ..picture import Colour, Extras, Format, Source
from . import embedded_depth, gain_maps
from .decoded import (
    PYTHON_DECODER_ERRORS,
    Decoded,
    OpenFile,
    coloured,
    damaged,
    expanded,
    full_range,
    note_further,
    note_lost_gain_map,
    packed_bits,
)
from .entry import FileFormat
from .stated_colours import CodePoints, apply_code_points

COLOUR = b"colrnclx"
_UNSPECIFIED, _SPECIFIED = (COLOUR + points + b"\x80" for points in (b"\0\2\0\2\0\2", b"\0\2\0\x0d\0\2"))
_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_QUALITY = 92


def brands(start: bytes) -> set[bytes]:
    """Return the brands of a file of boxes with these first bytes; empty for other files."""
    size = min(int.from_bytes(start[:4], "big"), 256) if start[4:8] == b"ftyp" else 0
    return {start[at : at + 4] for at in (8, *range(16, size, 4)) if size}


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


def _read(opened: OpenFile) -> Decoded:
    path, budget = opened.path, opened.budget
    try:
        import pillow_heif
    except ImportError as error:
        raise problems.NotAPicture(
            "{file} is a HEIC picture, and support for it is not installed.",
            hint="Install Dioptre with the extra 'heic', or export the picture as JPEG.",
            file=problems.shown(path),
        ) from error
    try:
        heif = pillow_heif.open_heif(content(opened.file), convert_hdr_to_8bit=False)
        if budget is None:
            codes = np.empty((0, 0, len(heif.mode.split(";")[0])), np.uint8)
        else:
            budget.check_picture(heif.size[0], heif.size[1], bytes_per_pixel=40)
            codes = np.asarray(heif)
    except PYTHON_DECODER_ERRORS as error:
        if is_sequence(opened.start) or "nsupported" in str(error):
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
        size=heif.size[::-1],
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


def _write(codes: np.ndarray, extras: Extras) -> bytes:
    import pillow_heif

    if codes.shape[2] == 2:  # libheif has no grey with alpha
        codes = coloured(codes)
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[codes.shape[2]] + (";16" if codes.dtype == np.uint16 else "")
    heif = pillow_heif.from_bytes(mode=mode, size=(codes.shape[1], codes.shape[0]), data=codes.tobytes())
    options: dict[str, Any] = {"quality": _QUALITY, "chroma": 444, "exif": extras.exif, "xmp": extras.xmp}
    if extras.icc:
        options |= {"icc_profile": extras.icc, "icc_profile_type": "prof"}
    file = BytesIO()
    heif.save(file, **options)
    return file.getvalue()


FORMAT = FileFormat(
    starts=lambda start: brands(start) & _BRANDS and not brands(start) & {b"avif", b"avis"},
    suffixes=(".heic", ".heif"),
    read_suffixes=(".hif",),
    read=_read,
    read_depth=embedded_depth.of_heic,
    write=_write,
    depths=(8, 16),
    packed_bits=10,
    holds_grey=lambda bits, alpha: not alpha,
    largest_side=16_384,
    largest_area=142_606_336,  # H.265's for its highest ordinary levels, which x265 keeps to
    extra=("heic", "pillow_heif"),
)
