"""Files with depth in metres follow other programs' conventions, so that these can read them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.photo.decode.loading import load
from dioptre.photo.depth_files import encoded_normals

from .planes import write_metres

DEPTH_M = np.array([[0.5, 2.0, 65.0], [100.0, math.inf, 4.0]], np.float32)


@pytest.fixture
def inverse() -> np.ndarray:
    return (1 / DEPTH_M).astype(np.float32)


def test_tiff_holds_metres(tmp_path: Path, inverse: np.ndarray) -> None:
    write_metres(inverse, tmp_path / "d.tif")
    np.testing.assert_allclose(np.asarray(Image.open(tmp_path / "d.tif")), DEPTH_M, rtol=1e-6)


def test_png_holds_millimetres(tmp_path: Path, inverse: np.ndarray) -> None:
    write_metres(inverse, tmp_path / "d.png")
    codes = np.asarray(Image.open(tmp_path / "d.png"))
    assert codes.tolist() == [[500, 2000, 65000], [65535, 65535, 4000]]


def test_normals_become_a_normal_map(tmp_path: Path) -> None:
    vectors = np.array([[[0, 0, 1], [1, 0, 0]], [[0, -1, 0], [0.6, 0, 0.8]]], np.float32)
    (tmp_path / "n.png").write_bytes(encoded_normals(vectors))
    written = load(tmp_path / "n.png")
    np.testing.assert_allclose(written.pixels * 2 - 1, vectors, atol=2 / 65535)
    assert written.source.bits == 16
