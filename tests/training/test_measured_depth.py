"""Folders of photographs with measured depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.measured_depth import BORDER_PX, measured_pictures
from dioptre.photo.depth_files.maps import write_metric_depth

SIZE = (30, 40)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "room.jpg")
    return tmp_path


def photograph(path: Path) -> None:
    Image.fromarray(np.full((*SIZE, 3), 99, np.uint8)).save(path)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_our_own_metric_files_are_read(folder: Path, suffix: str) -> None:
    inverse_m = np.full(SIZE, 0.5, np.float32)
    inverse_m[:, 20:] = 0.0
    write_metric_depth(inverse_m, folder / f"room.depth{suffix}")
    (measured,) = measured_pictures(folder)
    assert (measured.name, measured.picture.name, measured.truth.in_metres) == ("room", "room.jpg", True)
    known = measured.truth.inverse_depth[measured.truth.valid]
    if suffix == ".tif":  # A PNG writes 65.5 m for infinity.
        np.testing.assert_allclose(known, 0.5, rtol=1e-3)
        assert not measured.truth.valid[:, 20:].any()
    assert measured.truth.valid[BORDER_PX:-BORDER_PX, BORDER_PX:20].all()
    assert not measured.truth.valid[:BORDER_PX].any()


@pytest.mark.parametrize(
    ("kind", "inverse", "relative", "in_metres"),
    [
        ("depth_m", 0.25, False, True),
        ("disparity_per_m", 4.0, False, True),
        ("disparity_px", 4.0, False, False),
        ("disparity_rel", 4.0, True, False),
    ],
)
def test_arrays_state_their_kind(folder: Path, kind: str, inverse: float, relative: bool, in_metres: bool) -> None:
    np.savez(folder / "room.npz", gt=np.full(SIZE, 4.0), valid=np.ones(SIZE, bool), kind=kind)
    (measured,) = measured_pictures(folder)
    assert set(measured.truth.inverse_depth[measured.truth.valid]) == {inverse}
    assert (measured.truth.relative, measured.truth.in_metres) == (relative, in_metres)


def test_what_cannot_be_used_is_refused_with_the_reason(folder: Path) -> None:
    def refused(words: str) -> None:
        with pytest.raises(ValueError, match=words):
            list(measured_pictures(folder))

    refused("contains no measured depth")
    depth = folder / "room.depth.png"
    Image.fromarray(np.full((*SIZE, 3), 9, np.uint8)).save(depth)
    refused("not a depth map in metres")
    Image.fromarray(np.zeros(SIZE, np.uint16)).save(depth)
    refused("contains no known depth")
    depth.rename(folder / "hall.depth.png")
    refused("has no photograph named hall.jpg")
    (folder / "hall.depth.png").unlink()
    np.savez(folder / "room.npz", gt=np.ones(SIZE), valid=np.ones(SIZE, bool), kind="feet")
    refused("room.npz is not valid: feet")
