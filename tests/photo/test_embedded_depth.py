"""Depth that cameras embed in files, tested with tiny files built from the specifications."""

from __future__ import annotations

import base64
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import problems, read_embedded_depth
from dioptre.photo.encode.encoding import encode
from dioptre.photo.formats.embedded_depth import of_heif_depth
from dioptre.photo.metadata import containers
from dioptre.photo.picture import Format

from .coded_files import heic_with_auxiliary

# A ramp of stored values, from 0 on the left to 255 on the right, the same in every row.
WEDGE = np.repeat(np.linspace(0, 255, 16).round().astype(np.uint8)[None], 8, 0)
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def _packet(attributes: str, body: str = "") -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" '
        f"{attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def _jpeg(photo: np.ndarray, xmp: bytes, extended: bytes = b"", exif: bytes | None = None) -> bytes:
    jpeg = containers.into_jpeg(encode(photo, Format.JPEG), exif=exif, xmp=xmp, photoshop=None)
    segments = b""
    for at in range(0, len(extended), 1000):  # The parts are small, so that the reader must reassemble them.
        body = (
            b"0123456789ABCDEF0123456789ABCDEF" + struct.pack(">II", len(extended), at) + extended[at : at + 1000]
        )
        payload = containers.EXTENDED_XMP_HEADER + body
        segments += struct.pack(">BBH", 0xFF, 0xE1, len(payload) + 2) + payload
    return jpeg[:2] + segments + jpeg[2:]


def _gdepth(**properties: object) -> str:
    words = " ".join(f'GDepth:{key}="{value}"' for key, value in properties.items())
    return f'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/" {words}'


def _data(values: np.ndarray = WEDGE) -> str:
    return base64.b64encode(encode(values[..., None], Format.PNG)).decode().rstrip("=")


def test_gdepth_in_extended_xmp(tmp_path: Path, photo: np.ndarray) -> None:
    main = _packet(_gdepth(Format="RangeInverse", Near="0.5", Far="10", Mime="image/png", Units="m"))
    extended = _packet(_gdepth(Data=_data(np.random.default_rng(0).integers(0, 256, (40, 60)).astype(np.uint8))))
    assert len(extended) > 3000
    (tmp_path / "a.jpg").write_bytes(_jpeg(photo, main, extended))
    depth = read_embedded_depth(tmp_path / "a.jpg")
    assert depth is not None
    assert depth.disparity.shape == (40, 60)
    assert depth.range_per_m == pytest.approx((0.1, 2.0))


def test_gdepth_inverse_range_is_near_at_zero(tmp_path: Path, photo: np.ndarray) -> None:
    xmp = _packet(_gdepth(Format="RangeInverse", Near="3", Far="9", Data=_data(), Confidence=_data()))
    (tmp_path / "a.jpg").write_bytes(_jpeg(photo, xmp))
    depth = read_embedded_depth(tmp_path / "a.jpg")
    assert depth is not None
    np.testing.assert_allclose(depth.disparity, 1 - WEDGE / np.float32(255), atol=1e-6)
    assert depth.range_per_m is None, "no unit, no metres"
    assert depth.confidence is not None
    np.testing.assert_allclose(depth.confidence, WEDGE / np.float32(255), atol=1e-6)


@pytest.mark.parametrize("form", ["RangeInverse", "RangeLinear"])
@pytest.mark.parametrize(
    ("near", "far"), [("5e-324", "1e-323"), ("1e-30", "1e300"), ("1.5", "1.5000000000000002"), ("-1", "nan")]
)
def test_distances_that_float_cannot_hold_are_none(
    near: str, far: str, form: str, tmp_path: Path, photo: np.ndarray
) -> None:
    xmp = _packet(_gdepth(Format=form, Near=near, Far=far, Units="mm", Data=_data()))
    (tmp_path / "a.jpg").write_bytes(_jpeg(photo, xmp))
    depth = read_embedded_depth(tmp_path / "a.jpg")
    if form == "RangeLinear":
        assert depth is None, "depth without its range is no disparity"
        return
    assert depth is not None
    assert depth.range_per_m is None
    np.testing.assert_allclose(depth.disparity, 1 - WEDGE / np.float32(255), atol=1e-6)


def test_gdepth_linear_range(tmp_path: Path, photo: np.ndarray) -> None:
    xmp = _packet(_gdepth(Format="RangeLinear", Near="1", Far="4", Units="m", Data=_data()))
    (tmp_path / "a.jpg").write_bytes(_jpeg(photo, xmp))
    depth = read_embedded_depth(tmp_path / "a.jpg")
    assert depth is not None
    assert depth.range_per_m is not None
    low, high = depth.range_per_m
    metres = 1.0 / (low + depth.disparity * (high - low))
    np.testing.assert_allclose(metres, 1 + 3 * (WEDGE / 255.0), rtol=1e-5)


def test_depth_is_turned_with_the_picture(tmp_path: Path, photo: np.ndarray) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    xmp = _packet(_gdepth(Format="RangeInverse", Near="1", Far="2", Data=_data()))
    (tmp_path / "a.jpg").write_bytes(_jpeg(photo, xmp, exif=tags.tobytes()[6:]))
    depth = read_embedded_depth(tmp_path / "a.jpg")
    assert depth is not None
    np.testing.assert_allclose(depth.disparity, np.rot90(1 - WEDGE / np.float32(255), -1), atol=1e-6)


@pytest.mark.parametrize("padding", [0, 7])
def test_dynamic_depth(tmp_path: Path, photo: np.ndarray, padding: int) -> None:
    confidence = encode(np.full((8, 16, 1), 255, np.uint8), Format.PNG)
    appended = encode(WEDGE[..., None], Format.PNG)
    items = "".join(
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="{mime}" Item:Semantic="{semantic}" '
        f'Item:Length="{length}" Item:Padding="{pad}"/></rdf:li>'
        for mime, semantic, length, pad in (
            ("image/jpeg", "Primary", 0, 0),
            ("image/png", "Depth", len(appended), padding),
            ("image/png", "Confidence", len(confidence), 0),
        )
    )
    base = "http://ns.google.com/photos"
    attributes = (
        f'xmlns:Container="{base}/1.0/container/" xmlns:Item="{base}/1.0/container/item/" '
        f'xmlns:DepthMap="{base}/dd/1.0/depthmap/" DepthMap:Format="RangeInverse" DepthMap:Near="0.2" '
        'DepthMap:Far="5" DepthMap:Units="Meters"'
    )
    body = f"<Container:Directory><rdf:Seq>{items}</rdf:Seq></Container:Directory>"
    whole = _jpeg(photo, _packet(attributes, body)) + appended + bytes(padding) + confidence
    (tmp_path / "a.jpg").write_bytes(whole)
    depth = read_embedded_depth(tmp_path / "a.jpg")
    assert depth is not None
    np.testing.assert_allclose(depth.disparity, 1 - WEDGE / np.float32(255), atol=1e-6)
    assert depth.range_per_m == pytest.approx((0.2, 5.0))
    assert depth.confidence is not None
    assert depth.confidence.min() == 1.0


def test_heic_auxiliary_depth(tmp_path: Path) -> None:
    photo = np.full((64, 64, 3), 90, np.uint8)
    wedge = np.repeat(np.linspace(10, 250, 64).astype(np.uint8)[None], 64, 0)
    (tmp_path / "a.heic").write_bytes(heic_with_auxiliary(photo, wedge, "urn:mpeg:hevc:2015:auxid:2"))
    depth = read_embedded_depth(tmp_path / "a.heic")
    assert depth is not None
    expected = (wedge - np.float32(10)) / np.float32(240)
    assert np.abs(depth.disparity - expected).max() < 0.02
    assert depth.kind == "HEIC depth"


def test_heif_representation_types() -> None:
    stored = np.array([[0, 51, 255]], np.uint8)
    metric = {"z_near": 0.5, "z_far": 4.0}
    inverse = of_heif_depth(stored, {"representation_type": 0, **metric})
    assert inverse is not None
    assert inverse.range_per_m == pytest.approx((0.25, 2.0))
    np.testing.assert_allclose(inverse.disparity, [[0, 0.2, 1]], atol=1e-6)
    linear = of_heif_depth(stored, {"representation_type": 2, **metric})
    assert linear is not None
    np.testing.assert_allclose(1 / (0.25 + 1.75 * linear.disparity), [[0.5, 1.2, 4.0]], rtol=1e-5)
    assert of_heif_depth(stored, {"representation_type": 2}) is None
    plain = of_heif_depth(stored[:, 1:], {})
    assert plain is not None
    assert plain.range_per_m is None
    assert plain.disparity.tolist() == [[0.0, 1.0]]
    assert of_heif_depth(np.zeros((2, 2), np.uint8), {}) is None


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "heic"])
def test_files_without_depth(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    kind = {"jpg": Format.JPEG, "png": Format.PNG, "tif": Format.TIFF, "heic": Format.HEIC}[suffix]
    (tmp_path / f"a.{suffix}").write_bytes(encode(np.repeat(np.repeat(photo, 3, 0), 3, 1), kind))
    assert read_embedded_depth(tmp_path / f"a.{suffix}") is None


@pytest.mark.parametrize("data", ["AAAA", "!!!", "", base64.b64encode(b"\xff\xd8\xff nonsense").decode()])
def test_damaged_depth_is_none(tmp_path: Path, photo: np.ndarray, data: str) -> None:
    xmp = _packet(_gdepth(Format="RangeInverse", Near="x", Far="-1", Data=data))
    (tmp_path / "a.jpg").write_bytes(_jpeg(photo, xmp))
    assert read_embedded_depth(tmp_path / "a.jpg") is None


def test_a_map_of_far_more_pixels_than_the_photo_is_none(tmp_path: Path) -> None:
    for side, taken in ((20, False), (800, True)):
        packet = _packet(_gdepth(Data=_data(np.zeros((2100, 2100), np.uint8)), Near="1", Far="2"))
        (tmp_path / "a.jpg").write_bytes(_jpeg(np.zeros((side, side, 3), np.uint8), packet))
        assert (read_embedded_depth(tmp_path / "a.jpg") is not None) is taken


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(problems.MissingFile):
        read_embedded_depth(tmp_path / "a.jpg")
