"""Files with depth in metres follow other programs' conventions, so that these can read them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.files.load import load
from dioptre.files.metric_depth import write_metric_depth, write_normals
from dioptre.files.problems import UnwritableFile
from dioptre.imaging.field_of_view import FieldOfView

DEPTH_M = np.array([[0.5, 2.0, 65.0], [100.0, math.inf, 4.0]], np.float32)
VERTEX = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]


@pytest.fixture
def inverse() -> np.ndarray:
    return (1 / DEPTH_M).astype(np.float32)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).random((2, 3, 3)).astype(np.float32)


def test_tiff_holds_metres(tmp_path: Path, inverse: np.ndarray, picture: np.ndarray) -> None:
    write_metric_depth(inverse, picture, tmp_path / "d.tif")
    np.testing.assert_allclose(np.asarray(Image.open(tmp_path / "d.tif")), DEPTH_M, rtol=1e-6)


def test_png_holds_millimetres(tmp_path: Path, inverse: np.ndarray, picture: np.ndarray) -> None:
    write_metric_depth(inverse, picture, tmp_path / "d.png")
    codes = np.asarray(Image.open(tmp_path / "d.png"))
    assert codes.tolist() == [[500, 2000, 65000], [65535, 65535, 4000]]


def read_points(path: Path) -> np.ndarray:
    content = path.read_bytes()
    head, _, body = content.partition(b"end_header\n")
    assert head.startswith(b"ply\nformat binary_little_endian 1.0\n")
    points = np.frombuffer(body, VERTEX)
    assert f"element vertex {len(points)}\n".encode() in head
    return points


def test_points_project_to_their_pixels(tmp_path: Path) -> None:
    height, width = 20, 30
    view = FieldOfView.of_equivalent(35, source="test")
    depth = np.full((height, width), 3.0, np.float32)
    picture = np.zeros((height, width, 3), np.float32)
    picture[0, 0] = (1, 0.5, 0)
    write_metric_depth(1 / depth, picture, tmp_path / "p.ply", field_of_view=view)
    points = read_points(tmp_path / "p.ply")
    assert len(points) == height * width
    np.testing.assert_allclose(points["z"], -3.0, rtol=1e-6)
    focal = view.focal_px((height, width))
    columns = points["x"] / -points["z"] * focal + width / 2
    rows = -points["y"] / -points["z"] * focal + height / 2
    np.testing.assert_allclose(columns.reshape(height, width)[0], np.arange(width) + 0.5, atol=1e-3)
    np.testing.assert_allclose(rows.reshape(height, width)[:, 0], np.arange(height) + 0.5, atol=1e-3)
    assert (points["red"][0], points["green"][0], points["blue"][0]) == (255, 128, 0)


def test_what_is_infinitely_far_or_between_two_things_has_no_point(tmp_path: Path) -> None:
    inverse = np.full((10, 12), 0.5, np.float32)
    inverse[:, 6:] = 0.1
    inverse[:, 6] = 0.3  # These pixels lie between the two surfaces.
    inverse[:3] = 0
    view = FieldOfView.of_equivalent(35, source="test")
    write_metric_depth(inverse, np.zeros((10, 12, 3), np.float32), tmp_path / "p.ply", field_of_view=view)
    points = read_points(tmp_path / "p.ply")
    np.testing.assert_allclose(np.unique(points["z"].round(3)), [-10, -2])


def test_what_cannot_be_written_is_said(tmp_path: Path, inverse: np.ndarray, picture: np.ndarray) -> None:
    with pytest.raises(UnwritableFile, match="angle of view"):
        write_metric_depth(inverse, picture, tmp_path / "p.ply")
    with pytest.raises(UnwritableFile, match=r"cannot be saved as \.jpg"):
        write_metric_depth(inverse, picture, tmp_path / "p.jpg")
    assert not list(tmp_path.iterdir())


def test_normals_become_a_normal_map(tmp_path: Path) -> None:
    vectors = np.array([[[0, 0, 1], [1, 0, 0]], [[0, -1, 0], [0.6, 0, 0.8]]], np.float32)
    write_normals(vectors, tmp_path / "n.png")
    written = load(tmp_path / "n.png")
    np.testing.assert_allclose(written.pixels * 2 - 1, vectors, atol=2 / 65535)
    assert written.source.bits == 16
    with pytest.raises(UnwritableFile, match=r"cannot be saved as \.jpg"):
        write_normals(vectors, tmp_path / "n.jpg")
