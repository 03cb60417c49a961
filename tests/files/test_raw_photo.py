"""RAW photos are refused, so that their embedded preview is never processed instead of the photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from dioptre import files
from dioptre.files.problems import NotAPicture

PREVIEW = np.full((32, 48, 3), 90, np.uint8)
SENSOR = np.full((320, 480), 900, np.uint16)


def write_raw(path: Path, *, version: bool) -> None:
    """Write a small preview, followed by sensor data as a sub-image, as DNG, NEF and ARW files do."""
    extra = [(50706, "B", 4, (1, 4, 0, 0), True)] if version else []
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(PREVIEW, photometric="rgb", subfiletype=1, subifds=1, extratags=extra)
        tiff.write(SENSOR, photometric=32803, extratags=[(33421, "H", 2, (2, 2), True)])


@pytest.mark.parametrize("version", [True, False])
def test_a_preview_is_not_the_picture(tmp_path: Path, version: bool) -> None:
    path = tmp_path / "photo.dng"
    write_raw(path, version=version)
    with pytest.raises(NotAPicture, match="RAW photo") as caught:
        files.load(path)
    assert "16-bit TIFF" in caught.value.hint


@pytest.mark.parametrize(
    "start",
    [
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x08\0\0\0",
        b"\0\0\0\x18ftypcrx \0\0\0\1",
        b"II*\0\x10\0\0\0CR\2\0",
    ],
)
def test_signatures(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "photo.raw"
    path.write_bytes(start + bytes(64))
    with pytest.raises(NotAPicture, match="RAW photo"):
        files.load(path)


def test_ordinary_tiff_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    with tifffile.TiffWriter(path) as tiff:  # A picture with a reduced copy as a sub-image is not a RAW photo.
        tiff.write(np.full((64, 96, 3), 90, np.uint8), photometric="rgb", subifds=1)
        tiff.write(PREVIEW, photometric="rgb", subfiletype=1)
    assert files.load(path).pixels.shape == (64, 96, 3)
