"""JPEG, with the pictures and gain maps that follow the first one.

libvips reads it. Pillow writes it with the original's quantization tables, which libvips does not support.
"""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from dioptre_link.language import Message

from .. import problems
from ..metadata import containers
from ..metadata import xmp as notes
from ..picture import Colour, Extras, Format
from ..vips import vips, warned
from . import by_libvips, damage, embedded_depth, gain_maps
from .decoded import Decoded, OpenFile, note_damage, note_further, note_lost_gain_map, pillow_image, turned
from .entry import FileFormat

_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}
_QUALITY = 95
_QUALITY_90_LUMINANCE = 738  # sum of the standard's luminance table at quality 90; a smaller sum means finer steps


def _read(opened: OpenFile) -> Decoded:
    path = opened.path
    with opened.mapped() as data:
        segments = list(containers.jpeg_segments(data))
    _require_common(segments, path)

    def describe(found: Decoded, _: Any) -> None:
        with opened.mapped() as data:
            if gain_maps.has_further_photo(data):
                note_further(found.messages, path)
        xmp = found.source.xmp
        found.source = replace(
            found.source,
            quantisation=containers.quantisation_tables(segments),
            photoshop=containers.photoshop_resources(segments),
            texts=containers.comments(segments),
            xmp=None if xmp is None else notes.joined(xmp, containers.extended_xmp(segments)),
        )

    def values(image: Any, found: Decoded) -> np.ndarray:
        try:
            codes, whole = by_libvips.checked_values(image, found, path)
        except vips().Error as error:
            if "premature end of JPEG" in str(error):
                return _without_end(error, opened, found)
            raise
        with opened.mapped() as data:
            if whole and damage.jpeg_has_surplus(data):
                note_damage(found.messages, path)
            elif whole and damage.jpeg_lacks_end(data):
                _note_end(found.messages, path)
        return codes

    found = by_libvips.read(opened, Format.JPEG, "jpegload_source", describe=describe, values=values)
    if opened.budget is not None and found.source.colour in (Colour.RGB, Colour.GREY):
        with opened.mapped() as data:
            gains = gain_maps.of_jpeg(data, opened.budget)
        if gains is not None:
            found.gain_map = replace(gains, codes=turned(gains.codes, found.source.orientation))
        elif gain_maps.HDRGM.encode() in (found.source.xmp or b""):
            note_lost_gain_map(found.messages, path)
    return found


def _require_common(segments: list[tuple[int, bytes]], path: Path) -> None:
    """Raise NotAPicture for files that are whole but that libjpeg does not read: lossless, or not 8-bit."""
    for marker, payload in segments:
        if marker in _OTHER_FRAMES:
            raise problems.unsupported_compression(path, "lossless JPEG" if marker == 0xC3 else "hierarchical JPEG")
        if marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA) and payload[:1] not in (b"\x08", b""):
            raise problems.unsupported_bits(path, payload[0])


def _without_end(error: Exception, opened: OpenFile, found: Decoded) -> np.ndarray:
    """Decode a file that lacks its end marker; raise `error` if pixels are missing, too."""
    opened.file.seek(0)
    data = opened.file.read() + damage.END_OF_JPEG
    with warned() as warnings:
        image = vips().Image.jpegload_buffer(data, access="sequential", fail_on="error")
        codes = by_libvips.values_of(image, opened.path)
    if warnings:
        raise error
    _note_end(found.messages, opened.path)
    if damage.jpeg_has_surplus(data):
        note_damage(found.messages, opened.path)
    return codes


def _note_end(messages: list[str], path: Path) -> None:
    name = problems.shown(Path(path.name))
    messages.append(Message("{file} lacks its end, but every line of the picture is there.", file=name))


def _write(codes: np.ndarray, extras: Extras) -> bytes:
    tables = extras.quantisation
    options: dict[str, Any] = {"quality": _QUALITY}
    if tables and sum(tables[0]) <= _QUALITY_90_LUMINANCE:
        # With the camera's own fine tables, unedited areas lose almost nothing when they are compressed again.
        options = {"qtables": [list(tables[0]), list(tables[min(1, len(tables) - 1)])]}
    if extras.resolution_dpi is not None:
        options |= {"dpi": extras.resolution_dpi}
    file = BytesIO()
    pillow_image(codes).save(file, "JPEG", icc_profile=extras.icc, subsampling=0, **options)
    xmp, extended_xmp = notes.split(extras.xmp)
    return containers.into_jpeg(
        file.getvalue(),
        exif=extras.exif,
        xmp=xmp,
        extended_xmp=extended_xmp,
        photoshop=extras.photoshop,
        texts=extras.texts,
    )


FORMAT = FileFormat(
    starts=re.compile(rb"\xff\xd8\xff").match,
    suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
    several=(".mpo",),
    read=_read,
    read_depth=embedded_depth.of_jpeg,
    write=_write,
    depths=(8,),
    holds_alpha=False,
    holds_iptc=True,
    holds_text=containers.is_comment,
    largest_side=65_500,
)
