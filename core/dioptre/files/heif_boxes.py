"""Read what the first bytes of a HEIF file (AVIF, HEIC) say about its colours and its kind."""

from __future__ import annotations

import re
import struct

from .code_points import CodePoints

_COLOUR = b"colrnclx"


def code_points(start: bytes) -> CodePoints | None:
    """Return the code points in the first bytes of a HEIF file; None if there are none."""
    at = start.find(_COLOUR) + len(_COLOUR)
    if at < len(_COLOUR) or len(start) < at + 7:
        return None
    primaries, transfer, _, flags = struct.unpack_from(">HHHB", start, at)
    return CodePoints(primaries=primaries, transfer=transfer, full_range=flags >= 128)


def is_sequence(start: bytes) -> bool:
    """Return whether a HEIF file with these first bytes holds a sequence of frames and no still picture."""
    return re.search(b"avis|hevc|hevx|msf1", start[8:64]) is not None and b"pitm" not in start
