"""Recognise RAW photos from cameras, which Dioptre does not develop.

Most of them are TIFF files whose first picture is a small preview, so a TIFF decoder would read the preview.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import BinaryIO

from . import exif, problems, tiff_tags

_SIGNATURES = {  # bytes that identify RAF, X3F, ORF, RW2, CR3 and CR2 files, by their offset in the file
    0: (b"FUJIFILMCCD-RAW", b"FOVb", b"IIRO", b"IIRS", b"MMOR", b"IIU\0"),
    4: (b"ftypcrx ",),
    8: (b"CR\2\0",),
}
_TIFF = (b"II*\0", b"MM\0*")
_SUBFILE_TYPE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 0x00FE, 0x0106, 0x014A, 0xC612
_SENSOR = ((32803,), (34892,))  # PhotometricInterpretation values: colour filter array, linear raw


def refuse_raw(file: BinaryIO, start: bytes, path: Path) -> None:
    """Raise NotAPicture if an open file is a RAW photo.

    Args:
        file: the open file.
        start: the first bytes of the file.
        path: the file's path, for the message.

    Raises:
        NotAPicture: the file is a RAW photo.
    """
    if _has_signature(start) or (start[:4] in _TIFF and _holds_sensor_data(file)):
        raise problems.NotAPicture(
            "{file} is a RAW photo, which Dioptre cannot develop.",
            hint="Develop it in your RAW converter, export a 16-bit TIFF, and open that file.",
            file=problems.shown(path),
        )


def _has_signature(start: bytes) -> bool:
    return any(start.startswith(each, at) for at, signatures in _SIGNATURES.items() for each in signatures)


def _holds_sensor_data(file: BinaryIO) -> bool:
    """Return whether a TIFF file is a DNG, holds sensor data, or starts with a preview of another picture."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        read = tiff_tags.first_directory(data)
        if read is None:
            return False
        head, first = read
        is_preview = exif.integers(data, head, first.entries.get(_SUBFILE_TYPE)) == (1,)
        return (
            _DNG_VERSION in first.entries
            or exif.integers(data, head, first.entries.get(_PHOTOMETRIC)) in _SENSOR
            or (is_preview and _SUB_DIRECTORIES in first.entries)
        )
