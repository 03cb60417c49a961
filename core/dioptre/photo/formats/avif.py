"""AVIF. libvips reads it with libheif, and writes it, except grey, which Pillow writes.

libheif stretches the limited range of video (16 to 235) only in colours, and makes three channels of grey. Pillow's
decoder, libavif, is right, but returns 8 bits only. Its result therefore serves to tell which planes have the
limited range.

libvips parses and rewrites EXIF blobs, which breaks the offsets inside a camera's maker note. Here the blob is
added unchanged. ISO/IEC 14496-12 (boxes, meta, iloc, iinf, iref), ISO/IEC 23008-12 annex A (Exif items).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np

from .. import problems
from ..picture import Colour, Extras, Format
from ..vips import vips
from . import by_libvips
from .decoded import (
    PYTHON_DECODER_ERRORS,
    Decoded,
    OpenFile,
    any_size,
    expanded,
    full_range,
    packed_bits,
    pillow_image,
)
from .entry import FileFormat
from .heic import COLOUR, brands, content, is_sequence
from .stated_colours import CodePoints, apply_code_points

_QUANTILES = np.linspace(0.0, 1.0, 33)
_SAMPLES = 1 << 20
_QUALITY = 93  # about as faithful as a JPEG of quality 95, in half the bytes
# Effort 1 of 9 takes 0.5 s per megapixel on one core; 4 takes twelve times as long and saves a tenth of the bytes.
_EFFORT = 1
_SPEED = 10 - _EFFORT  # the same, as libavif counts it
_MOST_BITS = 12


def _read(opened: OpenFile) -> Decoded:
    def describe(found: Decoded, image: Any) -> None:
        by_libvips.note_frames(opened, found, image)
        depth = image.get("bits-per-sample") if "bits-per-sample" in image.get_fields() else 8
        found.source = replace(found.source, orientation=1, packed_bits=packed_bits(depth))  # rotated by libheif

    try:
        found = by_libvips.read(
            opened, Format.AVIF, "heifload_buffer", blob=content(opened.file), describe=describe
        )
    except vips().Error as error:
        if is_sequence(opened.start):
            raise problems.unsupported_heif(opened.path, Format.AVIF.value) from error
        raise
    if found.source.packed_bits and found.codes.size:
        found.codes = full_range(found.codes, found.source.packed_bits)
    _correct_by_pillow(found, opened.file)
    apply_code_points(found, _code_points(opened.start), opened.path)
    return found


def _code_points(start: bytes) -> CodePoints | None:
    """Return the code points in the first bytes of a HEIF file; None if there are none."""
    at = start.find(COLOUR) + len(COLOUR)
    if at < len(COLOUR) or len(start) < at + 7:
        return None
    primaries, transfer, _, flags = struct.unpack_from(">HHHB", start, at)
    return CodePoints(primaries=primaries, transfer=transfer, full_range=flags >= 128)


def _correct_by_pillow(found: Decoded, file: BinaryIO) -> None:
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


def _holds_grey(bits: int, alpha: bool) -> bool:
    return bits == 8 and not alpha  # libvips writes three channels, and Pillow no more than 8 bits


def _write(codes: np.ndarray, extras: Extras) -> bytes:
    bits = 8 if codes.dtype == np.uint8 else extras.packed_bits or _MOST_BITS
    if bits > 8:  # libvips expects the value in the top bits
        codes = _packed(codes, bits=bits) << np.uint16(16 - bits)
    if _holds_grey(bits, codes.shape[2] != 1):
        file = BytesIO()
        metadata = {"icc_profile": extras.icc or b"", "xmp": extras.xmp or b""}
        pillow_image(codes).save(file, "AVIF", quality=_QUALITY, speed=_SPEED, **metadata)
        avif = file.getvalue()
    else:
        keep = vips().enums.ForeignKeep
        avif = by_libvips.image_of(codes, extras).heifsave_buffer(
            compression="av1",
            bitdepth=bits,
            Q=_QUALITY,
            effort=_EFFORT,
            subsample_mode="off",
            keep=keep.ICC | keep.XMP,
        )
    return avif if extras.exif is None else with_exif(avif, extras.exif)


def _packed(codes: np.ndarray, *, bits: int) -> np.ndarray:
    """Convert full-range uint16 values to `bits` bits, with rounding."""
    top = np.float32((1 << bits) - 1)
    return (codes * (top / np.float32(65535.0)) + np.float32(0.5)).astype(np.uint16)


@dataclass(frozen=True, kw_only=True)
class _Item:
    """The location of an item: offsets and lengths, which with `in_file` count from the start of the file."""

    number: int
    in_file: bool
    construction: int
    extents: tuple[tuple[int, int], ...]


def with_exif(heif: bytes, exif: bytes) -> bytes:
    """Add an EXIF blob (starting with its TIFF header) for the picture in a file that libheif wrote."""
    top = {kind: (start, end) for kind, start, end in _boxes(heif, 0, len(heif))}
    start, end = top[b"meta"]
    children = {kind: heif[a:b] for kind, a, b in _boxes(heif, start + 12, end)}
    items = list(_locations(children[b"iloc"]))
    number = 1 + max(item.number for item in items)
    primary = int.from_bytes(children[b"pitm"][12:14], "big")
    children[b"iinf"] = _with_entry(children[b"iinf"], number)
    children[b"iref"] = _with_reference(children.get(b"iref", _box(b"iref", bytes(4))), number, primary)
    payload = bytes(4) + exif  # an offset of 0: the TIFF header follows immediately
    new = _Item(number=number, in_file=True, construction=0, extents=((len(heif) + 8, len(payload)),))
    grown = sum(map(len, children.values())) + 12 - (end - start)
    grown += len(_iloc([*items, new], by=0)) - len(children[b"iloc"])
    children[b"iloc"] = _iloc([*items, new], by=grown)
    meta = _box(b"meta", bytes(4) + b"".join(children.values()))
    return heif[:start] + meta + heif[end:] + _box(b"mdat", payload)


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the boxes in data[at:end]."""
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big") or end - at
        yield data[at + 4 : at + 8], at, at + size
        at += size


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def _locations(iloc: bytes) -> Iterator[_Item]:
    """Yield the items in an item location box of version 0 or 1."""
    version, (sizes,) = iloc[8], struct.unpack_from(">H", iloc, 12)
    offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, (sizes & 15) * version
    at = 14

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(iloc[at - size : at], "big")

    for _ in range(number(2)):
        item, construction = number(2), number(2) & 15 if version else 0
        number(2)  # data reference: items are always in this file
        first = number(base)
        extents = []
        for _ in range(number(2)):
            number(index)
            extents.append((first + number(offset), number(length)))
        yield _Item(number=item, in_file=not construction, construction=construction, extents=tuple(extents))


def _iloc(items: list[_Item], *, by: int) -> bytes:
    """Return an item location box of version 1, with the offsets of items in the file increased by `by` bytes."""
    rows = [bytes((1, 0, 0, 0, 0x44, 0)), struct.pack(">H", len(items))]
    for item in items:
        rows.append(struct.pack(">HHHH", item.number, item.construction, 0, len(item.extents)))
        rows += [struct.pack(">II", start + by * item.in_file, size) for start, size in item.extents]
    return _box(b"iloc", b"".join(rows))


def _with_entry(iinf: bytes, number: int) -> bytes:
    count = 2 if iinf[8] == 0 else 4
    entries = int.from_bytes(iinf[12 : 12 + count], "big") + 1
    added = _box(b"infe", bytes((2, 0, 0, 1)) + struct.pack(">HH", number, 0) + b"Exif\0")  # flag 1 hides the item
    return _box(b"iinf", iinf[8:12] + entries.to_bytes(count, "big") + iinf[12 + count :] + added)


def _with_reference(iref: bytes, number: int, primary: int) -> bytes:
    return _box(b"iref", iref[8:] + _box(b"cdsc", struct.pack(">HHH", number, 1, primary)))


FORMAT = FileFormat(
    starts=lambda start: bool(brands(start) & {b"avif", b"avis"}),
    suffixes=(".avif",),
    read=_read,
    write=_write,
    depths=(8, 16),
    packed_bits=_MOST_BITS,
    holds_grey=_holds_grey,
    largest_side=16_384,
)
