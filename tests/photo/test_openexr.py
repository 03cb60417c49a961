"""Planes and layers for compositing: OpenEXR (read by its own library), PFM (by Pillow) and NumPy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import FieldOfView, Layer, Result
from dioptre.photo import load, problems
from dioptre.photo.curves import srgb_curve
from dioptre.photo.results import exr_of
from dioptre_link.operation import Role

from .planes import write_depth, write_metres

OpenEXR = pytest.importorskip("OpenEXR")
RAMP = np.linspace(0, 1, 40, dtype=np.float32)[None].repeat(24, 0)
HALF = 2**-11  # relative precision of half floats


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], tuple[dict[str, np.ndarray], dict[str, object]]]:
    """Return a function that returns the channels and the header of a file."""

    def of(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, object]]:
        (tmp_path / "a.exr").write_bytes(content)
        with OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True) as file:
            return {name: channel.pixels for name, channel in file.channels().items()}, dict(file.header())

    return of


@pytest.mark.parametrize("limits", [None, (0.0, 0.5), (0.25, 2.0)])
def test_layers_distances_and_normals_are_in_one_file(
    limits: tuple[float, float] | None, read: Callable[..., tuple[dict, dict]], photo: np.ndarray, tmp_path: Path
) -> None:
    tags = Image.Exif()
    tags[0x010F] = "Camera"
    tags.get_ifd(0x8769)[0xA405] = 28
    Image.fromarray(photo).save(tmp_path / "photo.png", exif=tags)
    picture = load(tmp_path / "photo.png")
    blurred = picture.pixels * np.float32(3)  # light above white
    cut = np.concatenate([picture.pixels, RAMP[..., None]], -1)
    layers = (
        Layer(name="Blur", role=Role.RESULT, pixels=blurred),
        Layer(name="Subject", role=Role.SUBJECT, pixels=cut),
        Layer(name="Plate", role=Role.BACKGROUND, pixels=picture.pixels[::-1]),
        Layer(name="Depth", role=Role.DEPTH, pixels=RAMP),
        Layer(name="Other", role=Role.FOREGROUND, pixels=np.ones((2, 2, 3), np.float32)),
    )
    values = {} if limits is None else {"depth_range_per_m": limits}
    normals = np.dstack([RAMP, -RAMP, 1 - RAMP])
    channels, header = read(exr_of(Result(layers=layers, values=values), picture, normals=normals))
    light = srgb_curve().decode(picture.pixels)
    for name, expected in {
        "R": srgb_curve().decode(blurred)[..., 0],
        "original.G": light[..., 1],
        "plate.B": light[::-1, :, 2],
        "subject.R": light[..., 0] * RAMP,
        "subject.A": RAMP,
        "N.Y": -RAMP,
        "Z": 1 / np.maximum(RAMP, 1 / 510) if limits is None else inverse(limits),
    }.items():
        assert channels[name].dtype == (np.float32 if name == "Z" else np.float16), name
        np.testing.assert_allclose(channels[name], expected, rtol=HALF, atol=1e-6, err_msg=name)
    assert not any(name.startswith("foreground") for name in channels), "it has another size"
    assert header["depthUnit"] == ("relative" if limits is None else "m")
    assert header["focalLengthPx"] == pytest.approx(
        FieldOfView.of_equivalent(28, source="").focal_px((24, 40)), rel=1e-5
    )


def inverse(limits: tuple[float, float]) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return 1 / (limits[0] + RAMP * (limits[1] - limits[0]))


def test_a_mask_has_a_file_too(read: Callable[..., tuple[dict, dict]], photo: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    mask = Layer(name="Selection", role=Role.SELECTION, pixels=RAMP)
    channels, header = read(exr_of(Result(layers=(mask,)), load(tmp_path / "photo.png")))
    assert set(channels) == {"R", "G", "B", "matte.A"}
    assert "depthUnit" not in header
    assert "focalLengthPx" not in header


def test_an_enlarged_result_leaves_out_the_original(
    read: Callable[..., tuple[dict, dict]], photo: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    picture = load(tmp_path / "photo.png")
    large = Layer(name="Large", role=Role.RESULT, pixels=picture.pixels.repeat(2, 0).repeat(2, 1))
    channels, _ = read(exr_of(Result(layers=(large, replace(large, role=Role.DEPTH, pixels=RAMP))), picture))
    assert set(channels) == {"R", "G", "B"}


def test_without_the_package_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from dioptre.photo.encode import require_openexr

    require_openexr()
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(problems.UnwritableFile, match="OpenEXR is not installed"):
        require_openexr()


def test_pfm_and_numpy_hold_exact_values(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    for name in ("a.pfm", "a.npy", "a.tif"):
        write_depth(values, tmp_path / name)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.pfm")), values)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), values)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.tif")), values)


def test_they_hold_metres(tmp_path: Path) -> None:
    near = np.array([[0, 0.5, 0.25]], np.float32)
    for name in ("a.pfm", "a.npy"):
        write_metres(near, tmp_path / name)
    expected = np.array([[np.inf, 2, 4]], np.float32)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.pfm")), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), expected)
