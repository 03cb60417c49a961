"""Apple's gain maps in HEIC and JPEG files, built from the specifications."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import load, save
from dioptre.photo.curves import srgb_curve
from dioptre.photo.decode import decoding
from dioptre.photo.encode import ultra_hdr
from dioptre.photo.formats import avif, gain_maps
from dioptre.photo.metadata import containers

from .coded_files import heic_with_auxiliary

GREY = 118
LAMP = (slice(16, 48), slice(16, 48))


def maker_exif(bright: float, gain: float) -> bytes:
    """Return an EXIF blob whose maker note has Apple's values 33 and 48."""
    note = bytearray(b"Apple iOS\0\0\1MM" + struct.pack(">H", 2))
    values = b"".join(struct.pack(">ii", round(value * 10000), 10000) for value in (bright, gain))
    after = len(note) + 2 * 12 + 4
    for index, tag in enumerate((33, 48)):
        note += struct.pack(">HHII", tag, 10, 1, after + 8 * index)
    note += bytes(4) + values
    head = struct.pack(">2sHI", b"MM", 42, 8) + struct.pack(">HHHII", 1, 0x8769, 4, 1, 26) + bytes(4)
    return head + struct.pack(">HHHIII", 1, 0x927C, 7, len(note), 44, 0) + bytes(note)


def codes_with_lamp() -> np.ndarray:
    codes = np.zeros((64, 64), np.uint8)
    codes[LAMP] = 255
    return codes


def photo() -> np.ndarray:
    pixels = np.full((64, 64, 3), GREY, np.uint8)
    pixels[LAMP] = 255
    return pixels


def heic(tmp_path: Path, exif: bytes | None) -> Path:
    data = heic_with_auxiliary(photo(), codes_with_lamp(), gain_maps.AUXILIARY_TYPE)
    path = tmp_path / "iphone.heic"
    path.write_bytes(data if exif is None else avif.with_exif(data, exif))
    return path


def light_of(path: Path) -> np.ndarray:
    return srgb_curve().decode(load(path).pixels)


@pytest.mark.parametrize(
    ("bright", "gain", "stops"),
    [(0.5, 0.005, 1.7), (0.5, 1.01, 1.499), (1.2, 0.0, 3.0), (1.2, 1.0, 2.0), (0.9, 100.0, 0.0)],
)
def test_the_headroom_follows_from_the_maker_note(bright: float, gain: float, stops: float) -> None:
    headroom = gain_maps.recorded_headroom(maker_exif(bright, gain), None)
    assert headroom == pytest.approx(2**stops, rel=1e-3)


def test_a_headroom_in_xmp_goes_before_the_maker_note() -> None:
    from xml.etree import ElementTree

    xmp = ElementTree.fromstring(f'<a xmlns:g="{gain_maps.NAMESPACE}" g:HDRGainMapHeadroom="3.5"/>')
    assert gain_maps.recorded_headroom(maker_exif(1.2, 0.0), xmp) == 3.5


@pytest.mark.parametrize("blob", [None, b"", b"MM\0\x2a\0\0\0\x08", maker_exif(1.2, 0.0)[:-12]])
def test_without_both_values_there_is_no_headroom(blob: bytes | None) -> None:
    assert gain_maps.recorded_headroom(blob, None) is None


def test_the_gain_is_linear_in_the_decoded_code() -> None:
    codes = np.arange(256, dtype=np.uint8)[None]
    found = gain_maps.of_apple(codes, 8.0)
    assert found is not None
    encoded = codes[0] / 255
    linear = np.where(encoded < 0.081, encoded / 4.5, ((encoded + 0.099) / 1.099) ** (1 / 0.45))
    gains = np.exp2(found.small_stops()[0, :, 0])
    np.testing.assert_allclose(gains, 1 + 7 * linear, rtol=0.0042, err_msg="half a code of 3 stops")
    assert found.brightened(np.zeros((1, 256, 3), np.float32), found.small_stops()).max() == 0


@pytest.mark.parametrize("headroom", [0.0, 1.0, float("nan"), float("inf"), 1e9])
def test_an_implausible_headroom_gives_no_map(headroom: float) -> None:
    assert gain_maps.of_apple(codes_with_lamp(), headroom) is None


def test_a_heic_from_a_phone_keeps_its_light(tmp_path: Path) -> None:
    path = heic(tmp_path, maker_exif(1.2, 0.0))
    assert load(path).messages == ()
    light = light_of(path)
    assert light[32, 32] == pytest.approx(8, rel=0.03)
    assert light[4, 4] == pytest.approx(srgb_curve().decode(np.float32([GREY / 255]))[0], rel=0.05)
    save(load(path), tmp_path / "out.jpg")
    again = light_of(tmp_path / "out.jpg")
    assert again[32, 32] == pytest.approx(8, rel=0.05)
    with Image.open(io.BytesIO((tmp_path / "out.jpg").read_bytes())) as shown:
        assert np.abs(np.asarray(shown)[4, 4].astype(int) - GREY).max() <= 3


def test_a_heic_without_its_headroom_says_that_light_is_lost(tmp_path: Path) -> None:
    found = load(heic(tmp_path, None))
    assert found.gain_map is None
    assert found.messages == ("The gain map of iphone.heic cannot be read; highlights above white are lost.",)


def test_a_heic_whose_headroom_is_one_has_nothing_to_lose(tmp_path: Path) -> None:
    found = load(heic(tmp_path, maker_exif(0.9, 100.0)))
    assert found.gain_map is None
    assert found.messages == ()


def test_other_auxiliary_images_are_no_gain_maps(tmp_path: Path) -> None:
    data = heic_with_auxiliary(photo(), codes_with_lamp(), "urn:com:apple:photo:2018:aux:portraiteffectsmatte")
    (tmp_path / "a.heic").write_bytes(data)
    found = load(tmp_path / "a.heic")
    assert found.gain_map is None
    assert found.messages == ()


def test_a_jpeg_from_a_phone_keeps_its_light(tmp_path: Path) -> None:
    path = tmp_path / "iphone.jpg"
    path.write_bytes(ultra_hdr.joined(_jpeg(photo(), exif=maker_exif(1.2, 1.0)), _map_jpeg()))
    assert light_of(path)[32, 32] == pytest.approx(4, rel=0.03)
    assert decoding.decode(path).messages == []


def _jpeg(pixels: np.ndarray, exif: bytes | None = None, xmp: bytes | None = None) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=97)
    return containers.into_jpeg(file.getvalue(), exif=exif, xmp=xmp, photoshop=None)


def _map_jpeg() -> bytes:
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:g="{gain_maps.NAMESPACE}" g:HDRGainMapVersion="65536"/>'
        "</rdf:RDF></x:xmpmeta>"
    )
    return _jpeg(codes_with_lamp(), xmp=xmp.encode())
