"""Saving preserves orientation, camera data, IPTC and XMP, and removes what no longer holds."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, IptcImagePlugin

from dioptre.photo import Format, apart, load, save
from dioptre.photo.encode.encoding import encode
from dioptre.photo.metadata import containers
from dioptre.photo.metadata import xmp as notes

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
    caption = b"\x1c\x02\x78\x00\x05Cup 1"
    iptc = b"8BIM\x04\x04\0\0" + len(caption).to_bytes(4, "big") + caption
    thumbnail = b"8BIM\x04\x0c\0\0" + (8).to_bytes(4, "big") + b"OLDTHUMB"
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG")
    jpeg = containers.into_jpeg(file.getvalue(), photoshop=thumbnail + iptc)
    (tmp_path / "in.jpg").write_bytes(jpeg)
    picture = load(tmp_path / "in.jpg")
    assert picture.source.photoshop == iptc
    save(picture, tmp_path / "out.jpg")
    assert b"OLDTHUMB" not in (tmp_path / "out.jpg").read_bytes()
    assert load(tmp_path / "out.jpg").source.photoshop == iptc
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
    note = notes.make_note(
        operation="portrait", models={"depth-s": "ab" * 32}, recipe={"steps": [{"operation": "x"}]}
    )
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


XMP_START = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:GDepth='
    '"http://ns.google.com/photos/1.0/depthmap/" xmlns:dcterms="http://purl.org/dc/terms/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" '
)
XMP_END = "</rdf:Description></rdf:RDF></x:xmpmeta>"


def test_xmp_beyond_a_jpegs_segment_is_continued_in_others(tmp_path: Path, photo: np.ndarray) -> None:
    label, title = "Lå" * 50_000, "t" * 40_000
    description = "".join(f"<rdf:li>{number}</rdf:li>" for number in range(4000))
    xmp = f'{XMP_START} xmp:Label="{label}" xmp:Rating="4"><xmp:Nickname>{title}</xmp:Nickname>'
    xmp += f"<dc:subject><rdf:Bag>{description}</rdf:Bag></dc:subject>{XMP_END}"
    picture = load(write_coded(tmp_path / "in.png", photo, Format.PNG, xmp=xmp.encode()))
    note = notes.make_note(operation="portrait", models={}, recipe={"steps": ["x" * 20_000]})
    assert save(picture, tmp_path / "a.jpg", note=note) == ()
    assert opened(tmp_path / "a.jpg").info["xmp"].count(b'xmp:Rating="4"') == 1
    assert notes.read(opened(tmp_path / "a.jpg").info["xmp"]) == note, "the note is in the main packet"
    save(load(tmp_path / "a.jpg"), tmp_path / "b.jpg")
    for name in ("a.jpg", "b.jpg"):
        written = load(tmp_path / name).source.xmp
        root = notes.parsed(written)
        assert root is not None
        labels = [element.get("{http://ns.adobe.com/xap/1.0/}Label") for element in root.iter()]
        assert [text for text in labels if text] == [label]
        assert [element.text for element in root.iter("{http://ns.adobe.com/xap/1.0/}Nickname")] == [title]
        assert len(list(root.iter(f"{{{notes.RDF}}}li"))) >= 4000
        assert (written or b"").count(b"Nickname>") == 2
        assert notes.read(written) == note


def test_exif_beyond_a_jpegs_segment_is_said(tmp_path: Path, photo: np.ndarray) -> None:
    tags = Image.Exif()
    tags[0x010E] = "x" * 70_000
    picture = load(write_coded(tmp_path / "in.png", photo, Format.PNG, exif=tags.tobytes()[6:]))
    (message,) = save(picture, tmp_path / "out.jpg")
    assert "EXIF" in message


IPTC = b"\x1c\x02\x78\x00\x05Cup 1\x1c\x02\x19\x00\x03cat"
RESOURCES = b"8BIM\x04\x04\0\0" + len(IPTC).to_bytes(4, "big") + IPTC + bytes(len(IPTC) % 2)


def with_everything(path: Path, photo: np.ndarray) -> Path:
    """Write a picture with every kind of metadata that its format can hold, by other means than Dioptre's."""
    from PIL.PngImagePlugin import PngInfo

    tags = camera_exif(40, 24)
    tags[0x010D], tags[0x013C] = "A document", "Host 3"
    image = Image.fromarray(photo)
    if path.suffix == ".tif":
        tags[33723] = IPTC + bytes(-len(IPTC) % 4)
        image.save(path, exif=tags.tobytes())
    elif path.suffix == ".png":
        info = PngInfo()
        for kind, blob in (("exif", tags.tobytes()), ("iptc", RESOURCES)):
            digits = blob.hex("\n", -36)
            info.add_text(f"Raw profile type {kind}", f"\n{kind}\n{len(blob):8}\n{digits}\n", zip=True)
        info.add(b"tEXt", b"Author\0Ana", after_idat=True)
        info.add_text("Title", "Ein Gr\u00fc\u00df", zip=True)
        info.add_itxt("Comment", "\u732b", zip=True)
        image.save(path, pnginfo=info)
    else:
        file = io.BytesIO()
        image.save(file, "JPEG", exif=tags, comment=b"made by me")
        path.write_bytes(containers.into_jpeg(file.getvalue(), photoshop=RESOURCES))
    return path


@pytest.mark.parametrize("target", ["jpg", "tif", "png", "webp", "avif", "heic", "jxl"])
@pytest.mark.parametrize("source", ["jpg", "tif", "png"])
def test_what_a_format_holds_is_kept_and_the_rest_is_said(
    tmp_path: Path, photo: np.ndarray, source: str, target: str
) -> None:
    if target == "jxl":
        pytest.importorskip("pyjpegxl")
    picture = load(with_everything(tmp_path / f"in.{source}", photo))
    assert picture.shape[:2] == photo.shape[1::-1], "orientation 6"
    messages = save(picture, tmp_path / f"out.{target}")
    about_metadata = [message for message in messages if "Not kept" in message]
    assert len(about_metadata) <= 1
    said = "".join(about_metadata)
    written = load(tmp_path / f"out.{target}").source
    tags = Image.Exif()
    tags.load(written.exif or b"")
    assert (tags[0x010F], tags[0x013C], tags[0x010D]) == ("Maker", "Host 3", "A document")
    assert tags.get_ifd(0x8825)[1] == "N"
    holds_iptc = target in ("jpg", "tif") or source == target == "png"
    assert ("IPTC" in said) == (not holds_iptc)
    if holds_iptc:
        records = IptcImagePlugin.getiptcinfo(opened(tmp_path / f"out.{target}")) if target != "png" else None
        assert records is None or (records[(2, 120)], records[(2, 25)]) == (b"Cup 1", b"cat")
        assert IPTC in (written.photoshop or b"")
    texts = dict(picture.source.texts)
    assert len(texts) == {"jpg": 1, "tif": 0, "png": 3}[source]
    kept = set(texts) & {"png": set(texts), "jpg": {"Comment"}}.get(target, set())
    assert dict(written.texts) == {keyword: texts[keyword] for keyword in kept}
    assert all((keyword in said) == (keyword not in kept) for keyword in texts)
    if target == "png":
        shown = opened(tmp_path / "out.png")
        shown.load()
        assert {keyword: shown.info[keyword] for keyword in texts} == texts
    if target == "jpg" and kept:
        comment = opened(tmp_path / "out.jpg").info["comment"]
        assert comment == {"jpg": b"made by me", "png": "\u732b".encode()}[source]


def test_iptc_whose_bytes_libtiff_swapped_is_read(tmp_path: Path, photo: np.ndarray) -> None:
    records = IPTC + bytes(-len(IPTC) % 4)
    tags = Image.Exif()
    tags[33723] = b"".join(records[at : at + 4][::-1] for at in range(0, len(records), 4))
    Image.fromarray(photo).save(tmp_path / "in.tif", exif=tags)
    save(load(tmp_path / "in.tif"), tmp_path / "out.jpg")
    found = IptcImagePlugin.getiptcinfo(opened(tmp_path / "out.jpg"))
    assert found is not None
    assert found[(2, 120)] == b"Cup 1"


@pytest.mark.parametrize("has_others", [True, False])
def test_iptc_that_is_cut_in_a_tiff_is_taken_from_photoshops_resources(
    tmp_path: Path, photo: np.ndarray, has_others: bool
) -> None:
    """ImageMagick 6 and libvips write only the first quarter of the field, and ImageMagick also the resources."""
    tags = Image.Exif()
    tags[33723] = IPTC[:13]
    if has_others:
        tags[34377] = RESOURCES
    Image.fromarray(photo).save(tmp_path / "in.tif", exif=tags)
    save(load(tmp_path / "in.tif"), tmp_path / "out.tif")
    found = IptcImagePlugin.getiptcinfo(opened(tmp_path / "out.tif"))
    assert found == ({(2, 120): b"Cup 1", (2, 25): b"cat"} if has_others else {(2, 120): b"Cup 1"})


@pytest.mark.parametrize("mode", ["RGB", "LAB"])
def test_xmp_and_iptc_of_tiffs_that_libvips_does_not_read(tmp_path: Path, photo: np.ndarray, mode: str) -> None:
    """8-bit Lab is decoded by Pillow."""
    tags = Image.Exif()
    tags[700], tags[33723] = f'{XMP_START} xmp:Rating="4">{XMP_END}'.encode(), IPTC
    image = Image.fromarray(photo) if mode == "RGB" else Image.frombytes("LAB", photo.shape[1::-1], photo.tobytes())
    image.save(tmp_path / "in.tif", exif=tags)
    save(load(tmp_path / "in.tif"), tmp_path / "out.tif")
    assert load(tmp_path / "out.tif").source.photoshop == RESOURCES
    assert b'xmp:Rating="4"' in (load(tmp_path / "out.tif").source.xmp or b"")


def test_a_comment_that_is_not_text_keeps_its_bytes(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "in.jpg", comment=b"Gr\xfc\xdfe \xff")
    picture = load(tmp_path / "in.jpg", decoding=apart.reader().decoding)
    save(picture, tmp_path / "out.jpg")
    assert opened(tmp_path / "out.jpg").info["comment"] == b"Gr\xfc\xdfe \xff"
    save(picture, tmp_path / "out.png")
    assert dict(load(tmp_path / "out.png").source.texts)["Comment"].startswith("Gr")


def test_texts_that_cannot_be_decoded_harm_nothing(tmp_path: Path, photo: np.ndarray) -> None:
    bomb = b"Bomb\0\0" + zlib.compress(bytes(30 << 20))
    broken = (b"Raw profile type exif\0\nexif\n  9\nxyz", b"Raw profile type iptc\0", b"\0", b"No separator")
    chunks = [(b"zTXt", bomb), *((b"tEXt", text) for text in broken), (b"tEXt", b"Title\0whole")]
    png = containers.into_png(encode(photo, Format.PNG), chunks)
    (tmp_path / "in.png").write_bytes(png)
    source = load(tmp_path / "in.png").source
    assert ("Title", "whole") in source.texts
    assert (source.exif, source.photoshop, source.orientation) == (None, None, 1)


STORE = b"\0\0\0\x40jumb\0\0\0\x1ejumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0" + bytes(40)
BOX = b"uuid\xd8\xfe\xc3\xd6\x1b\x0e\x48\x3c\x92\x97\x58\x28\x87\x7e\xc4\x81\0\0\0\0manifest\0"


@pytest.mark.parametrize("suffix", ["jpg", "png", "avif", "heic", "webp"])
def test_content_credentials_are_dropped_with_a_word(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"in.{suffix}"
    pillow_heif.register_heif_opener()
    Image.fromarray(photo).save(path)
    data = path.read_bytes()
    if suffix == "jpg":
        data = data[:2] + containers.segment(0xEB, b"JP\0\1\0\0\0\1" + STORE) + data[2:]
    elif suffix == "png":
        data = containers.into_png(data, [(b"caBX", STORE)])
    elif suffix == "webp":
        chunk = b"C2PA" + len(STORE).to_bytes(4, "little") + STORE + bytes(len(STORE) % 2)
        data = (
            data[:4] + (int.from_bytes(data[4:8], "little") + len(chunk)).to_bytes(4, "little") + data[8:] + chunk
        )
    else:
        box = BOX + STORE
        data += (len(box) + 4).to_bytes(4, "big") + box
    path.write_bytes(data)
    for picture in (load(path), load(path, decoding=apart.reader().decoding)):
        assert picture.source.credentials
        (message,) = save(picture, tmp_path / f"out.{suffix}", force=True)
        assert "C2PA" in message
    assert not load(tmp_path / f"out.{suffix}").source.credentials


def test_what_xmp_says_about_parts_that_are_gone_is_removed_and_said(tmp_path: Path, photo: np.ndarray) -> None:
    xmp = f'{XMP_START} GDepth:Format="RangeInverse" dcterms:provenance="https://example.org/a.c2pa">{XMP_END}'
    picture = load(write_coded(tmp_path / "in.jpg", photo, Format.JPEG, xmp=xmp.encode()))
    (message,) = save(picture, tmp_path / "out.jpg")
    assert "depth map, content credentials" in message
    written = load(tmp_path / "out.jpg").source.xmp or b""
    assert b"GDepth" not in written
    assert b"provenance" not in written


def test_a_generated_pictures_source_type_is_not_laundered(tmp_path: Path, photo: np.ndarray) -> None:
    made = notes.SOURCE_TYPES + "trainedAlgorithmicMedia"
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<i:DigitalSourceType>{made}</i:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
    picture = load(write_coded(tmp_path / "in.jpg", photo, Format.JPEG, xmp=xmp))
    save(picture, tmp_path / "out.jpg", note=notes.make_note(operation="portrait", models={}, recipe={}))
    note = notes.read(load(tmp_path / "out.jpg").source.xmp)
    assert note is not None
    assert note.source_type == made
