"""Saving preserves orientation, camera data, IPTC and XMP, and removes what no longer holds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from dioptre.files import Format, load, notes, save

from .coded_files import camera_exif, opened, write_coded

pillow_heif = pytest.importorskip("pillow_heif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_orientation_is_applied_and_reset(tmp_path: Path, photo: np.ndarray, orientation: int, suffix: str) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    image = Image.fromarray(photo)
    options = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(suffix, {})
    image.save(tmp_path / f"in.{suffix}", exif=tags, **options)
    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(opened(tmp_path / f"in.{suffix}")))
    picture = load(tmp_path / f"in.{suffix}")
    assert picture.pixels.shape == expected.shape
    # libvips and Pillow may differ by 2 when decoding JPEG.
    assert np.abs(picture.pixels * 255 - expected).max() < 3
    save(picture, tmp_path / f"out.{suffix}")
    written = opened(tmp_path / f"out.{suffix}")
    assert written.size == (picture.width, picture.height)
    assert written.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "heic", "avif"])
def test_camera_metadata_is_kept(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    image = Image.fromarray(photo)
    image.save(tmp_path / "in.jpg", exif=camera_exif(40, 24), dpi=(240, 240))
    picture = load(tmp_path / "in.jpg")
    save(picture, tmp_path / f"out.{suffix}")
    if suffix == "heic":
        pillow_heif.register_heif_opener()
    written = opened(tmp_path / f"out.{suffix}").getexif()
    assert (written[0x010F], written[0x0110]) == ("Maker", "Model 7")
    assert written.get(0x0112, 1) == 1
    camera = written.get_ifd(0x8769)
    assert float(camera[0x829D]) == pytest.approx(2.8)
    assert (camera[0xA002], camera[0xA003]) == (24, 40)
    assert camera[0x927C] == b"private maker note"
    assert written.get_ifd(0x8825)[1] == "N"
    if suffix in ("jpg", "png", "tif"):
        assert load(tmp_path / f"out.{suffix}").source.resolution_dpi == pytest.approx((240, 240), abs=0.1)


def test_tiff_camera_metadata_returns(tmp_path: Path, photo: np.ndarray) -> None:
    tags = camera_exif(40, 24)
    del tags[0x0112]
    Image.fromarray(photo).save(tmp_path / "in.tif", exif=tags.tobytes())
    save(load(tmp_path / "in.tif"), tmp_path / "out.tif")
    written = opened(tmp_path / "out.tif")
    assert written.getexif()[0x010F] == "Maker"
    assert written.getexif().get_ifd(0x8769)[0x927C] == b"private maker note"
    np.testing.assert_array_equal(np.asarray(written), photo)


def test_thumbnail_of_the_unedited_picture_is_dropped(tmp_path: Path, photo: np.ndarray) -> None:
    thumbnail = io.BytesIO()
    Image.fromarray(photo).save(thumbnail, "JPEG")
    tags = camera_exif(40, 24)
    blob = tags.tobytes()[6:]
    # A second directory with the thumbnail is appended, as cameras do.
    import struct

    order = "<" if blob[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", blob, 4)
    (count,) = struct.unpack_from(order + "H", blob, first)
    data, at = bytearray(blob), len(blob)
    struct.pack_into(order + "I", data, first + 2 + 12 * count, at)
    data += struct.pack(order + "HHHIIHHIII", 2, 0x0201, 4, 1, at + 30, 0x0202, 4, 1, len(thumbnail.getvalue()), 0)
    data += thumbnail.getvalue()
    Image.fromarray(photo).save(tmp_path / "in.jpg", exif=b"Exif\0\0" + bytes(data))
    assert opened(tmp_path / "in.jpg").getexif().get_ifd(ExifTags.IFD.IFD1)
    save(load(tmp_path / "in.jpg"), tmp_path / "out.jpg")
    assert not opened(tmp_path / "out.jpg").getexif().get_ifd(ExifTags.IFD.IFD1)
    assert thumbnail.getvalue()[:64] not in (tmp_path / "out.jpg").read_bytes()[2:]


def test_iptc_is_kept_and_photoshops_thumbnail_is_not(tmp_path: Path, photo: np.ndarray) -> None:
    from dioptre.files import containers

    caption = b"\x1c\x02\x78\x00\x05Cup 1"
    iptc = b"8BIM\x04\x04\0\0" + len(caption).to_bytes(4, "big") + caption
    thumbnail = b"8BIM\x04\x0c\0\0" + (8).to_bytes(4, "big") + b"OLDTHUMB"
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG")
    jpeg = containers.into_jpeg(file.getvalue(), exif=None, xmp=None, photoshop=thumbnail + iptc)
    (tmp_path / "in.jpg").write_bytes(jpeg)
    picture = load(tmp_path / "in.jpg")
    assert picture.source.photoshop == iptc
    save(picture, tmp_path / "out.jpg")
    assert b"OLDTHUMB" not in (tmp_path / "out.jpg").read_bytes()
    assert load(tmp_path / "out.jpg").source.photoshop == iptc
    from PIL import IptcImagePlugin

    assert IptcImagePlugin.getiptcinfo(opened(tmp_path / "out.jpg"))[(2, 120)] == b"Cup 1"


def test_existing_xmp_survives_and_is_made_true(tmp_path: Path, photo: np.ndarray) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"'
        b' xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+0.50"'
        b' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"'
        b' xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
        b' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="ABC"/></rdf:RDF></x:xmpmeta>'
    )
    picture = load(write_coded(tmp_path / "in.jpg", photo, Format.JPEG, xmp=xmp))
    assert picture.source.xmp is not None
    note = notes.make(operation="portrait", models={"depth-s": "ab" * 32}, recipe={"steps": [{"operation": "x"}]})
    for suffix in ("jpg", "png", "tif", "webp", "heic", "avif"):
        save(picture, tmp_path / f"out.{suffix}", note=note)
        written = load(tmp_path / f"out.{suffix}").source.xmp
        assert written is not None
        assert b'xmp:Rating="4"' in written
        assert b'crs:Exposure2012="+0.50"' in written
        assert b'tiff:Orientation="1"' in written
        assert b"hdrgm" not in written
        assert b"HasExtendedXMP" not in written
        assert b"digitalsourcetype/algorithmicallyEnhanced" in written
        assert notes.read(written) == note


def test_metadata_beyond_a_jpegs_room_is_said_and_the_note_stays(tmp_path: Path, photo: np.ndarray) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Label="'
        + b"x" * 70_000
        + b'"/></rdf:RDF></x:xmpmeta>'
    )
    picture = load(write_coded(tmp_path / "in.png", photo, Format.PNG, xmp=xmp))
    note = notes.make(operation="portrait", models={}, recipe={})
    (message,) = save(picture, tmp_path / "out.jpg", note=note)
    assert "XMP" in message
    assert notes.read(load(tmp_path / "out.jpg").source.xmp) == note


def test_a_generated_pictures_source_type_is_not_laundered(tmp_path: Path, photo: np.ndarray) -> None:
    made = notes.SOURCE_TYPES + "trainedAlgorithmicMedia"
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<i:DigitalSourceType>{made}</i:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
    picture = load(write_coded(tmp_path / "in.jpg", photo, Format.JPEG, xmp=xmp))
    save(picture, tmp_path / "out.jpg", note=notes.make(operation="portrait", models={}, recipe={}))
    note = notes.read(load(tmp_path / "out.jpg").source.xmp)
    assert note is not None
    assert note.source_type == made
