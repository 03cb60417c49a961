"""An enlarged picture keeps its printed size: every place that stores pixels per inch has the new number."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from dioptre.contract import Layer
from dioptre.photo import load, save
from dioptre.photo.metadata import density, exif, xmp
from dioptre.photo.metadata.containers import jpeg_segments, photoshop_resources
from dioptre.photo.metadata.exif import UNCHANGED, Frame
from dioptre_link.operation import Role

from .layered import read_layers, write_layers

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:XResolution="240/1">
<tiff:YResolution>240/1</tiff:YResolution></rdf:Description></rdf:RDF></x:xmpmeta>"""

SAME = Frame(width=40, height=24)


def camera_exif(*, orientation: int = 1, dpi: tuple[float, float] = (240, 240), unit: int = 2) -> bytes:
    tags = Image.Exif()
    tags[0x0112], tags[0x011A], tags[0x011B], tags[0x0128] = orientation, *dpi, unit
    tags.get_ifd(0x8769).update({0xA20E: IFDRational(5001, 2), 0xA20F: IFDRational(5001, 2), 0xA210: 3})
    return tags.tobytes()


def resolution_info(across: float, along: float) -> bytes:
    body = struct.pack(">IHHIHH", round(across * 65536), 1, 1, round(along * 65536), 1, 1)
    return b"8BIM" + struct.pack(">H", 1005) + b"\0\0" + struct.pack(">I", len(body)) + body


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "heic", "avif", "jxl"])
def test_four_times_the_pixels_four_times_the_density(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    if suffix == "jxl":
        pytest.importorskip("pyjpegxl")
    Image.fromarray(photo).save(tmp_path / "in.jpg", exif=camera_exif(), dpi=(240, 240), xmp=XMP)
    picture = load(tmp_path / "in.jpg")
    large = picture.pixels.repeat(4, 0).repeat(4, 1)
    save(large, tmp_path / f"out.{suffix}", like=picture)
    written = load(tmp_path / f"out.{suffix}").source
    if suffix in ("jpg", "png", "tif"):
        assert written.resolution_dpi == pytest.approx((960, 960), abs=0.1)
    assert written.exif is not None
    tags = Image.Exif()
    tags.load(written.exif)
    if suffix != "tif":  # TIFF stores the density in its own header.
        assert (tags[0x011A], tags[0x011B]) == (960, 960)
    assert tags.get_ifd(0x8769)[0xA20E] == pytest.approx(10002)
    root = xmp.parsed(written.xmp)
    assert root is not None
    assert b"960/1" in (written.xmp or b"")
    assert b"240/1" not in (written.xmp or b"")


def test_the_same_size_keeps_every_byte(tmp_path: Path, photo: np.ndarray) -> None:
    blob = camera_exif(dpi=(299.97, 300))
    bare = blob.removeprefix(b"Exif\0\0")
    assert density.in_exif(bare, SAME) == bare
    resources = resolution_info(299.97, 300)
    assert density.in_photoshop(resources, UNCHANGED) == resources


def test_a_turned_picture_exchanges_across_and_along(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(
        tmp_path / "in.jpg", exif=camera_exif(orientation=6, dpi=(100, 200), unit=3), dpi=(254, 508)
    )
    picture = load(tmp_path / "in.jpg")
    assert picture.source.resolution_dpi == pytest.approx((508, 254), abs=1)
    save(picture.pixels.repeat(2, 0).repeat(3, 1), tmp_path / "out.jpg", like=picture)
    with Image.open(tmp_path / "out.jpg") as written:
        tags = written.getexif()
        assert written.info["dpi"] == pytest.approx((1524, 508), abs=2)
    assert (tags[0x011A], tags[0x011B], tags[0x0128], tags[0x0112]) == (600, 200, 3, 1)


def test_photoshop_resources(tmp_path: Path, photo: np.ndarray) -> None:
    other = b"8BIM" + struct.pack(">H", 1028) + b"\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    made = density.in_photoshop(other + resolution_info(300, 150.5) + other, (2, 4))
    assert made == other + resolution_info(600, 602) + other
    cut = (other + resolution_info(300, 300))[:-6]
    assert density.in_photoshop(cut, (2, 2)) == cut


def test_photoshop_resources_in_a_file(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "plain.jpg", dpi=(300, 300))
    payload = b"Photoshop 3.0\0" + resolution_info(300, 300)
    data = (tmp_path / "plain.jpg").read_bytes()
    segment = b"\xff\xed" + struct.pack(">H", len(payload) + 2) + payload
    (tmp_path / "in.jpg").write_bytes(data[:2] + segment + data[2:])
    picture = load(tmp_path / "in.jpg")
    save(picture.pixels.repeat(2, 0).repeat(2, 1), tmp_path / "out.jpg", like=picture)
    segments = list(jpeg_segments((tmp_path / "out.jpg").read_bytes()))
    assert photoshop_resources(segments) == resolution_info(600, 600)


@pytest.mark.parametrize("damage", [b"", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff"])
def test_damaged_exif_stays_as_it_is(damage: bytes) -> None:
    assert density.in_exif(damage, SAME) == damage
    assert exif.orientation(damage) == 1


def test_layered_files_say_their_density(tmp_path: Path) -> None:
    layer = Layer(name="One", role=Role.RESULT, pixels=np.zeros((4, 6, 3), np.float32))
    write_layers((layer,), tmp_path / "a.ora", resolution_dpi=(300.0, 150.0))
    assert read_layers(tmp_path / "a.ora").resolution_dpi == (300, 150)
    write_layers((layer,), tmp_path / "b.ora")
    assert read_layers(tmp_path / "b.ora").resolution_dpi is None
