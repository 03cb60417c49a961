"""RAW photos, developed by rawpy (the extra `raw`), a wrapper of LibRaw, which supports nearly every camera.

The development is neutral: the camera's white balance and colour matrix, no brightening and no tone curve. Most RAW
files are TIFF files whose first picture is a small preview; `tiff` passes them on.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np

from dioptre.contract import row_slices

from .. import problems
from ..matrix_profile import ADOBE_RGB_GAMMA, adobe_rgb
from ..picture import Format, Source
from .decoded import Decoded, OpenFile, damaged
from .entry import FileFormat

_BYTES_PER_PIXEL = 48  # LibRaw's copies of the sensor data and of the picture, and float32 RGB
_OPTIONS = {"use_camera_wb": True, "no_auto_bright": True, "output_bps": 16, "gamma": (1, 1)}


def develop(opened: OpenFile, *, exif: bytes | None = None, photoshop: bytes | None = None) -> Decoded:
    """Develop a RAW photo to 16-bit Adobe RGB.

    Args:
        opened: the file.
        exif: its metadata, if it is a TIFF file.
        photoshop: its Photoshop image resources. Its XMP is left out: its settings are for the RAW photo.

    Raises:
        NotAPicture: rawpy is not installed, or LibRaw does not support the camera.
        DamagedPicture: the file is damaged or incomplete.
        PictureTooLarge: the picture exceeds a limit.
        NotEnoughMemory: too little memory is free.
    """
    path, budget = opened.path, opened.budget
    try:
        import rawpy
    except ImportError as error:
        raise problems.NotAPicture(
            "{file} is a RAW photo, and support for it is not installed.",
            hint="Install Dioptre with the extra 'raw', or export a 16-bit TIFF from your RAW converter.",
            file=problems.shown(path),
        ) from error
    found = Decoded(
        codes=np.empty((0, 0, 3), np.uint16),
        source=Source(format=Format.RAW, bits=16, icc=adobe_rgb(), exif=exif, photoshop=photoshop),
    )
    found.messages.append(
        "The RAW photo was developed without a tone curve, so it can look darker than the camera's own JPEG."
    )
    try:
        with rawpy.RawPy() as photo:
            photo.open_buffer(opened.file)
            if budget is None:
                return found
            width, height = photo.sizes.width, photo.sizes.height
            budget.check_picture(width, height, bytes_per_pixel=_BYTES_PER_PIXEL, from_sensor=True)
            photo.unpack()
            linear = _developed(photo, rawpy.ColorSpace.Adobe)
    except (rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError) as error:
        raise problems.NotAPicture(
            "{file} is a RAW photo of a kind that Dioptre cannot develop.",
            hint="Develop it in your RAW converter, export a 16-bit TIFF, and open that file.",
            file=problems.shown(path),
        ) from error
    except rawpy.LibRawError as error:
        raise damaged(path) from error
    for rows in row_slices(len(linear)):  # in place, because a copy would take as much memory as the picture
        linear[rows] = _encoding()[linear[rows]]
    found.codes = linear
    return found


def _developed(photo: Any, space: Any) -> np.ndarray:
    """Return an unpacked RAW photo in a linear colour space, upright, uint16 (H, W, 3)."""
    linear = np.asarray(photo.postprocess(output_color=space, **_OPTIONS))
    return np.repeat(linear, 3, axis=2) if linear.shape[2] == 1 else linear


@cache
def _encoding() -> np.ndarray:
    """Return the Adobe RGB value of each linear 16-bit value, uint16 (65536,)."""
    return np.round(65535 * np.linspace(0.0, 1.0, 65536) ** (1 / ADOBE_RGB_GAMMA)).astype(np.uint16)


FORMAT = FileFormat(
    # RAF, X3F, ORF, RW2 and CR3
    starts=re.compile(rb"FUJIFILMCCD-RAW|FOVb|IIR[OS]|MMOR|IIU\0|.{4}ftypcrx ", re.DOTALL).match,
    suffixes=(
        *(".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".raf", ".rw2", ".orf", ".pef", ".srw", ".x3f", ".iiq"),
        *(".3fr", ".crw", ".dcr", ".erf", ".fff", ".gpr", ".kdc", ".mef", ".mos", ".mrw", ".rwl", ".sr2", ".srf"),
    ),
    read=develop,
)
