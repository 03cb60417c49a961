"""Profiles with lookup tables, and the ends of tone curves."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import colour_profile, load, matrix_profile, save
from dioptre.photo.curves import Curve, srgb_curve

_CLUT_POINTS = 17


def _table_profile() -> bytes:
    """Return a version-2 RGB display profile with a 16-bit table to Lab: gamma 2 with sRGB's primaries."""
    gamma = matrix_profile.rgb_profile(
        "tables", primaries_xy=matrix_profile.SRGB_XY, white_xy=matrix_profile.D65_XY, curve=2.0
    )
    grid = np.linspace(0, 1, _CLUT_POINTS)
    to_xyz = matrix_profile.rgb_to_xyz_d50(primaries_xy=matrix_profile.SRGB_XY, white_xy=matrix_profile.D65_XY)
    rgb = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), -1).reshape(-1, 3)
    t = (rgb**2 @ to_xyz.T) / matrix_profile.D50_XYZ
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * 841 / 108 + 4 / 29)
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], -1)
    forward = _lut16(np.add(lab, [0, 128, 128]) * [652.8, 256, 256])  # 16-bit Lab as in ICC.1:2001-04, table 11.
    tags = {b"desc": None, b"cprt": None, b"wtpt": None}
    count = struct.unpack_from(">I", gamma, 128)[0]
    for index in range(count):
        name, offset, size = struct.unpack_from(">4sII", gamma, 132 + 12 * index)
        if name in tags:
            tags[name] = gamma[offset : offset + size]
    made = matrix_profile._profile("tables", b"RGB ", {b"A2B0": forward, b"wtpt": tags[b"wtpt"]})
    return made[:20] + b"Lab " + made[24:]


def _lut16(values: np.ndarray) -> bytes:
    head = struct.pack(
        ">4s4x3Bx9i2H", b"mft2", 3, 3, _CLUT_POINTS, *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)), 2, 2
    )
    straight = struct.pack(">6H", 0, 65535, 0, 65535, 0, 65535)
    return head + straight + np.clip(np.round(values), 0, 65535).astype(">u2").tobytes() + straight


def test_a_profile_with_tables_is_read_by_littlecms() -> None:
    model = colour_profile.model(_table_profile(), bands=3)
    assert not isinstance(model, colour_profile.ColourModel)
    codes = np.random.default_rng(0).integers(40, 220, (20, 20, 3)).astype(np.uint8)
    seen = np.empty(codes.shape, np.float32)
    model.to_srgb(codes, out=seen)
    linear = (codes / 255.0) ** 2
    expected = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(seen - expected).max() < 0.01  # A grid of 17 points per side allows no better accuracy.


def test_a_result_of_a_profile_with_tables_is_in_srgb(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(40, 220, (20, 20, 3)).astype(np.uint8)
    Image.fromarray(codes).save(tmp_path / "a.png", icc_profile=_table_profile())
    picture = load(tmp_path / "a.png")
    (message,) = save(picture, tmp_path / "b.png")
    assert "sRGB" in message
    again = load(tmp_path / "b.png")
    np.testing.assert_allclose(again.pixels, picture.pixels, atol=1.01 / 255)  # dithered


@pytest.mark.parametrize("power", [1.0, 1.8, 2.2, 2.6])
def test_curves_undo_themselves_beyond_their_ends(power: float) -> None:
    curve = Curve(np.linspace(0, 1, 65536) ** power)
    x = np.linspace(-0.5, 4, 999, dtype=np.float32)
    linear = curve.decode(x)
    np.testing.assert_allclose(linear, np.sign(x) * np.abs(x) ** power, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(curve.encode(linear), x, atol=2e-4)


def test_srgb_curve_is_the_standards() -> None:
    x = np.linspace(-0.5, 3, 5001)
    expected = np.sign(x) * np.where(np.abs(x) <= 0.04045, np.abs(x) / 12.92, ((np.abs(x) + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(srgb_curve().decode(x.astype(np.float32)), expected, atol=2e-6, rtol=1e-5)
    np.testing.assert_allclose(srgb_curve().encode(expected.astype(np.float32)), x, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", range(5))
def test_parametric_curves(kind: int) -> None:
    """Check each of the five functions of ICC.1:2022 table 68, with parameters for sRGB or a power curve."""
    g, a, b, c, d = 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045
    values = {
        0: (2.2,),
        1: (2.0, 0.8, 0.2),
        2: (2.0, 0.8, 0.2, 0.1),
        3: (g, a, b, c, d),
        4: (g, a, b, c, d, 0.0, 0.0),
    }
    tag = struct.pack(f">4s4xH2x{len(values[kind])}i", b"para", kind, *(round(v * 65536) for v in values[kind]))
    x = np.linspace(0, 1, 65536)
    srgb = np.where(x <= d, x * c, (np.maximum(a * x + b, 0)) ** g)
    expected = {0: x**2.2, 1: (0.8 * x + 0.2) ** 2, 2: (0.8 * x + 0.2) ** 2 + 0.1, 3: srgb, 4: srgb}[kind]
    np.testing.assert_allclose(matrix_profile._curve(tag), expected, atol=3e-5)
