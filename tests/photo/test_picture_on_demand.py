"""A picture read again from its file, row by row, has the same pixels as long as the file is unchanged."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dioptre.photo import Format, PictureOnDemand, load, matrix_profile
from dioptre.photo.encode.encoding import Extras, encode
from dioptre.photo.problems import MissingFile, UnreadableFile

RNG = np.random.default_rng(0)


def _written(path: Path, codes: np.ndarray, icc: bytes | None = None) -> Path:
    path.write_bytes(encode(codes, Format.TIFF, extras=Extras(icc=icc)))
    return path


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_its_pixels_and_rows_are_those_that_were_loaded(tmp_path: Path, dtype: type, bands: int) -> None:
    values = RNG.uniform(0, 1, (300, 21, bands))
    codes = values.astype(dtype) if dtype is np.float32 else (values * np.iinfo(dtype).max).astype(dtype)
    icc = matrix_profile.adobe_rgb() if bands >= 3 else None
    loaded = load(_written(tmp_path / "in.tif", codes, icc))
    again = PictureOnDemand(loaded)
    assert (again.shape, again.width, again.height) == (loaded.pixels.shape, 21, 300)
    assert (again.source, again.path, again.messages) == (loaded.source, loaded.path, loaded.messages)
    np.testing.assert_array_equal(again.pixels, loaded.pixels)
    read = again.reader()
    for rows in (slice(0, 1), slice(100, 260), slice(299, 300)):
        np.testing.assert_array_equal(read(rows), loaded.pixels[rows])


def test_a_file_that_changed_or_went_is_told(tmp_path: Path) -> None:
    path = _written(tmp_path / "in.tif", RNG.integers(0, 256, (9, 8, 3)).astype(np.uint8))
    again = PictureOnDemand(load(path))
    os.utime(path, ns=(1, 1))
    with pytest.raises(UnreadableFile, match="changed"):
        again.reader()
    path.unlink()
    with pytest.raises(MissingFile):
        again.reader()
