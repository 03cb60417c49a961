"""HDR pictures (PQ, HLG) are read with all their light and saved with a gain map."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import Format, load, save
from dioptre.photo.curves import srgb_curve
from dioptre.photo.decode.hdr_signal import light
from dioptre.photo.encode.encoding import encode
from dioptre.photo.formats.stated_colours import HLG, PQ
from dioptre.photo.metadata.containers import png_chunk
from dioptre.photo.picture import Extras

REC_2020 = 9
TO_SRGB = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
"""Linear Rec. 2020 to linear sRGB (ITU-R BT.2087, annex 2)."""


def pq(nits: np.ndarray) -> np.ndarray:
    """Return the signal of a luminance in cd/m² (SMPTE ST 2084, inverse EOTF)."""
    power = (nits / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(scene: np.ndarray) -> np.ndarray:
    """Return the signal of a scene's light, 0 to 1 (ITU-R BT.2100, OETF)."""
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


def scene() -> np.ndarray:
    """Return light in cd/m², Rec. 2020, (64, 96, 3): grey from 0 to 203, colours, a lamp of 1,000."""
    light = np.repeat(np.linspace(0, 203, 96)[None, :, None], 64, 0).repeat(3, 2)
    light[32:48] = np.array([180.0, 40.0, 20.0])
    light[8:20, 60:80] = np.array([1000.0, 700.0, 300.0])
    return light


def codes_of(signal: np.ndarray) -> np.ndarray:
    return np.round(signal * 65535).astype(np.uint16)


def with_png_codes(png: bytes, transfer: int) -> bytes:
    after_header = 8 + 25
    return png[:after_header] + png_chunk(b"cICP", bytes((REC_2020, transfer, 0, 1))) + png[after_header:]


def with_heif_codes(heif: bytes, transfer: int) -> bytes:
    at = heif.index(b"colrnclx") + 8
    return heif[:at] + struct.pack(">HH", REC_2020, transfer) + heif[at + 4 :]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[np.ndarray, int, Format], Path]:
    def write(signal: np.ndarray, transfer: int, kind: Format) -> Path:
        if kind is Format.AVIF:  # libvips declares no codes in an AVIF file; Pillow does, but writes only 8 bits
            buffer = io.BytesIO()
            picture = Image.fromarray(np.round(signal * 255).astype(np.uint8))
            picture.save(buffer, "AVIF", quality=100, subsampling="4:4:4")
            data = buffer.getvalue()
        else:
            packed_bits = 10 if kind is Format.HEIC else 0
            data = encode(codes_of(signal), kind, extras=Extras(packed_bits=packed_bits))
        marked = with_png_codes if kind is Format.PNG else with_heif_codes
        path = tmp_path / f"hdr.{kind.value.lower()}"
        path.write_bytes(marked(data, transfer))
        return path

    return write


def light_of(path: Path) -> np.ndarray:
    return srgb_curve().decode(load(path).pixels[..., :3])


@pytest.mark.parametrize(
    ("kind", "tolerance"), [(Format.PNG, 0.003), (Format.AVIF, 0.15), (Format.HEIC, 0.06)], ids=lambda v: str(v)
)
def test_pq_is_read_in_absolute_light(written: Callable[..., Path], kind: Format, tolerance: float) -> None:
    path = written(pq(scene()), PQ, kind)
    picture = load(path)
    assert picture.messages == ()
    expected = scene() / 203 @ TO_SRGB.T
    for row, column in ((14, 70), (40, 10), (56, 94), (56, 48)):
        np.testing.assert_allclose(
            light_of(path)[row, column], expected[row, column], rtol=tolerance, atol=tolerance / 4
        )


def test_hlg_is_read_for_a_screen_of_1000_nits(written: Callable[..., Path]) -> None:
    path = written(np.full((64, 96, 3), 0.75), HLG, Format.PNG)
    assert light_of(path)[0, 0] == pytest.approx(1.0, abs=0.02)  # 75 % of the signal is white (BT.2408, table 1)
    colour = np.array([0.5, 0.2, 0.1])
    path = written(np.broadcast_to(hlg(colour), (64, 96, 3)), HLG, Format.PNG)
    luminance = float(colour @ [0.2627, 0.6780, 0.0593])
    np.testing.assert_allclose(
        light_of(path)[5, 5], TO_SRGB @ colour * luminance**0.2 * 1000 / 203, rtol=0.003, atol=0.003
    )


def test_the_ordinary_picture_keeps_order_and_white(written: Callable[..., Path], tmp_path: Path) -> None:
    path = written(pq(scene()), PQ, Format.PNG)
    picture = load(path)
    assert not any("clipped" in message for message in save(picture, tmp_path / "out.jpg"))
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.info["icc_profile"] == picture.source.icc
        shown = np.asarray(image.convert("RGB")).astype(int)
    grey = shown[60, :, 1]
    assert (np.diff(grey) >= -1).all()
    assert grey[2] < 60
    assert 215 <= grey[-1] <= 240, "white leaves room for what is brighter"
    assert shown[14, 70, 0] >= 250
    again = light_of(tmp_path / "out.jpg")
    np.testing.assert_allclose(again[14, 70], light_of(path)[14, 70], rtol=0.05)
    assert again[60, 90].mean() == pytest.approx(light_of(path)[60, 90].mean(), rel=0.05)


def test_dark_pictures_have_no_gain_map(written: Callable[..., Path]) -> None:
    path = written(pq(np.full((64, 96, 3), 100.0)), PQ, Format.PNG)
    picture = load(path)
    assert picture.gain_map is None
    assert light_of(path)[0, 0] == pytest.approx(100 / 203, abs=0.002)


def test_transparency_is_kept(tmp_path: Path) -> None:
    signal = np.dstack([pq(scene()), np.full((64, 96), 0.25)])
    path = tmp_path / "a.png"
    path.write_bytes(with_png_codes(encode(codes_of(signal), Format.PNG, extras=Extras()), PQ))
    picture = load(path)
    np.testing.assert_allclose(picture.pixels[..., 3], 0.25, atol=1e-4)
    assert picture.pixels[14, 70, 0] > 1.5


def test_eight_bits_are_read_too(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.round(pq(scene()) * 255).astype(np.uint8)).save(buffer, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(with_png_codes(buffer.getvalue(), PQ))
    assert light_of(path)[14, 70].max() == pytest.approx((scene()[14, 70] / 203 @ TO_SRGB.T).max(), rel=0.05)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_grey_hdr_pictures_are_read_as_grey_colours_are(tmp_path: Path, transfer: int) -> None:
    signal = pq(scene()) if transfer == PQ else hlg(scene() / 1000)
    grey = codes_of(signal)[..., :1]
    lights = []
    for codes in (grey, np.repeat(grey, 3, 2)):
        path = tmp_path / f"{codes.shape[2]}.png"
        path.write_bytes(with_png_codes(encode(codes, Format.PNG, extras=Extras()), transfer))
        lights.append(light_of(path))
    np.testing.assert_allclose(*lights, rtol=1e-3, atol=1e-4)
    save(load(tmp_path / "1.png"), tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.mode == "L"
    np.testing.assert_allclose(light_of(tmp_path / "out.jpg")[14, 70], lights[0][14, 70], rtol=0.05)


def test_peaks_do_not_depend_on_bands() -> None:
    codes = codes_of(pq(scene()))
    whole = light(codes, PQ)
    assert whole.max() == pytest.approx(1000 / 203, rel=1e-3)
