"""Join JPEGs into one file, with the directory that lists them. CIPA DC-007 (Multi-Picture Format)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ..formats.gain_maps import MPF_HEADER
from ..metadata import containers

PRIMARY, UNDEFINED, DISPARITY = 0x00030000, 0, 0x00020002
"""Types of pictures: the main one, one that is described elsewhere, and one of several views."""
_REPRESENTATIVE = 1 << 29  # flag of the view that programs without 3D show
_HEADER = MPF_HEADER + struct.pack(">2sHI", b"MM", 42, 8)
_VERSION = (0xB000, 7, 4, b"0100")
_ENTRIES_AT = 8 + 2 + 3 * 12 + 4  # counted, like all offsets, from the TIFF header


def joined(pictures: Sequence[bytes], kind: int, *, others: int) -> bytes:
    """Join JPEGs with complete metadata into one file.

    Args:
        pictures: the files.
        kind: type of the first one.
        others: type of the other ones. Views (`DISPARITY`) stand from left to right.
    """
    first, *following = pictures
    entries_end = _ENTRIES_AT + 16 * len(pictures)
    numbers = b""
    if others == DISPARITY:
        numbers, kind = _attributes(1), kind | _REPRESENTATIVE
        following = [
            with_segment(each, containers.APP2, _HEADER + _attributes(number, _VERSION))
            for number, each in enumerate(following, start=2)
        ]
    listed = (0xB001, 4, 1, _number(len(pictures))), (0xB002, 7, 16 * len(pictures), _number(_ENTRIES_AT))
    index = _HEADER + _directory(_VERSION, *listed, following=entries_end if numbers else 0)
    at = 4 + len(index) + 16 * len(pictures) + len(numbers) + len(first)  # of the second picture
    entries = struct.pack(">IIIHH", kind, at, 0, 0, 0)
    at -= _after_metadata(first) + 4 + len(MPF_HEADER)
    for each in following:
        entries += struct.pack(">IIIHH", others, len(each), at, 0, 0)
        at += len(each)
    return b"".join((with_segment(first, containers.APP2, index + entries + numbers), *following))


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    """Return a JPEG with a segment after its metadata."""
    at = _after_metadata(jpeg)
    return jpeg[:at] + containers.segment(marker, payload) + jpeg[at:]


def _after_metadata(jpeg: bytes) -> int:
    """Return the position for a new segment, after the APP0, APP1 and APP13 segments at the start."""
    at = 2
    while jpeg[at] == 0xFF and jpeg[at + 1] in (0xE0, containers.APP1, containers.APP13):
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return at


def _attributes(number: int, *before: tuple[int, int, int, bytes]) -> bytes:
    """Return the directory of a view: its number, and that of the view at the left, from which they are counted."""
    return _directory(*before, (0xB101, 4, 1, _number(number)), (0xB204, 4, 1, _number(1)))


def _directory(*fields: tuple[int, int, int, bytes], following: int = 0) -> bytes:
    """Return a TIFF directory of fields (tag, type, count, value) and the offset of the next one."""
    packed = (struct.pack(">HHI4s", *field) for field in fields)
    return struct.pack(">H", len(fields)) + b"".join(packed) + _number(following)


def _number(value: int) -> bytes:
    return struct.pack(">I", value)
