"""Positions in metadata follow the pixels when a picture is turned upright, mirrored and enlarged."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from dioptre.photo import load, save
from dioptre.photo.metadata import exif
from dioptre.photo.metadata import xmp as notes
from dioptre.photo.metadata.exif import EXIF_IFD

SIZE = 100, 60  # width and height in the file
BOX = 20, 6, 30, 18  # left, top, width and height in the file, in pixels
NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "acdsee-rs": "http://ns.acdsee.com/regions/",
    "acdsee-stArea": "http://ns.acdsee.com/sType/Area#",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "GPano": "http://ns.google.com/photos/1.0/panorama/",
}
STRUCTURE = 'rdf:parseType="Resource"'


def packet(body: str) -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    about = f'<rdf:Description rdf:about="" {spaces}>{body}</rdf:Description>'
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {spaces}>{about}</rdf:RDF></x:xmpmeta>'.encode()


def regions() -> str:
    (width, height), (left, top, w, h) = SIZE, BOX
    x, y = (left + w / 2) / width, (top + h / 2) / height
    area = f'stArea:x="{x}" stArea:y="{y}" stArea:w="{w / width}" stArea:h="{h / height}" stArea:unit="normalized"'
    pixels = "".join(
        f"<stArea:{name}>{value}</stArea:{name}>"
        for name, value in (("x", left + w / 2), ("y", top + h / 2), ("w", w), ("h", h), ("unit", "pixel"))
    )
    point = f"<ext:rbX>{left / width}</ext:rbX><ext:rbY>{top / height}</ext:rbY>"
    subject = "".join(f"<rdf:li>{value}</rdf:li>" for value in (left + w // 2, top + h // 2, w, h))
    return f"""
<mwg-rs:Regions {STRUCTURE}>
 <mwg-rs:AppliedToDimensions stDim:w="{width}" stDim:h="{height}" stDim:unit="pixel"/>
 <mwg-rs:RegionList><rdf:Bag>
  <rdf:li><rdf:Description mwg-rs:Name="A"><mwg-rs:Area {area}/></rdf:Description></rdf:li>
  <rdf:li {STRUCTURE}><mwg-rs:Name>B</mwg-rs:Name><mwg-rs:Area {STRUCTURE}>{pixels}</mwg-rs:Area></rdf:li>
 </rdf:Bag></mwg-rs:RegionList>
</mwg-rs:Regions>
<acdsee-rs:Regions {STRUCTURE}><acdsee-rs:ALGArea {area.replace("stArea", "acdsee-stArea")}/></acdsee-rs:Regions>
<MP:RegionInfo {STRUCTURE}><MPRI:Regions><rdf:Bag>
 <rdf:li MPReg:Rectangle="{left / width}, {top / height}, {w / width}, {h / height}" MPReg:PersonDisplayName="A"/>
</rdf:Bag></MPRI:Regions></MP:RegionInfo>
<ext:ImageRegion><rdf:Bag><rdf:li {STRUCTURE}>
 <ext:RegionBoundary {STRUCTURE}><ext:rbUnit>relative</ext:rbUnit><ext:rbShape>rectangle</ext:rbShape>{point}
  <ext:rbW>{w / width}</ext:rbW><ext:rbH>{h / height}</ext:rbH></ext:RegionBoundary>
 </rdf:li><rdf:li {STRUCTURE}>
 <ext:RegionBoundary {STRUCTURE}><ext:rbUnit>pixel</ext:rbUnit><ext:rbShape>polygon</ext:rbShape>
  <ext:rbVertices><rdf:Seq><rdf:li ext:rbX="{left}" ext:rbY="{top}"/><rdf:li ext:rbX="{left + w}"
   ext:rbY="{top + h}"/></rdf:Seq></ext:rbVertices></ext:RegionBoundary>
</rdf:li></rdf:Bag></ext:ImageRegion>
<exif:SubjectArea><rdf:Seq>{subject}</rdf:Seq></exif:SubjectArea>"""


def subject_exif(orientation: int, area: tuple[int, ...]) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags.get_ifd(EXIF_IFD).update(
        {0x9214: area, 0xA214: area[:2], 0xA002: SIZE[0], 0xA003: SIZE[1], 0x927C: b"private maker note"}
    )
    return tags.tobytes()


def upright_box(orientation: int) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the box in the upright picture, according to Pillow."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    left, top, width, height = BOX
    mask[top : top + height, left : left + width] = 255
    file, tags = io.BytesIO(), Image.Exif()
    tags[0x0112] = orientation
    Image.fromarray(mask).save(file, "PNG", exif=tags)
    with Image.open(file) as image:
        box = ImageOps.exif_transpose(image).getbbox()
    assert box is not None
    return box[0], box[1], box[2] - box[0], box[3] - box[1]


def values(xmp: bytes, *names: str) -> list[list[float]]:
    """Return the values of each field, in the order in which they are in the packet."""
    text = xmp.decode()
    fields = [f'{name}(?:="|>)\\s*([0-9.]+)' for name in names]
    return [[float(value) for value in re.findall(field, text)] for field in fields]


@pytest.mark.parametrize("factors", [(1, 1), (2, 3)])
@pytest.mark.parametrize("suffix", ["jpg", "tif", "webp", "png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_regions_follow_the_pixels(tmp_path: Path, orientation: int, suffix: str, factors: tuple[int, int]) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    image = Image.fromarray(np.zeros((*SIZE[::-1], 3), np.uint8))
    if suffix == "png":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet(regions()).decode())
        image.save(tmp_path / "in.png", exif=tags, pnginfo=info)
    elif suffix == "tif":
        tags[700] = packet(regions())
        image.save(tmp_path / "in.tif", exif=tags)
    else:
        image.save(tmp_path / f"in.{suffix}", exif=tags, xmp=packet(regions()))
    picture = load(tmp_path / f"in.{suffix}")
    save(picture.pixels.repeat(factors[1], 0).repeat(factors[0], 1), tmp_path / f"out.{suffix}", like=picture)
    xmp = load(tmp_path / f"out.{suffix}").source.xmp
    assert xmp is not None
    left, top, width, height = upright_box(orientation)
    w, h = SIZE if orientation < 5 else SIZE[::-1]
    (across, down), (x, y) = factors, (left + width / 2, top + height / 2)
    close = {"abs": 2e-6}
    found = values(xmp, "<mwg-rs:Area stArea:x", "stArea:y", "stArea:w", "stArea:h")
    assert [each[0] for each in found] == pytest.approx([x / w, y / h, width / w, height / h], **close)
    found = values(xmp, "acdsee-stArea:x", "acdsee-stArea:y", "acdsee-stArea:w", "acdsee-stArea:h")
    assert [each[0] for each in found] == pytest.approx([x / w, y / h, width / w, height / h], **close)
    found = values(xmp, "<stArea:x", "<stArea:y", "<stArea:w", "<stArea:h")
    assert [each[0] for each in found] == pytest.approx([x * across, y * down, width * across, height * down])
    found = values(xmp, "stDim:w", "stDim:h")
    assert [each[0] for each in found] == [w * across, h * down]
    rectangle = re.search(rb'Rectangle="([^"]*)"', xmp)
    assert rectangle is not None
    expected = [left / w, top / h, width / w, height / h]
    assert [float(part) for part in rectangle[1].split(b",")] == pytest.approx(expected, **close)
    found = values(xmp, "ext:rbX", "ext:rbY", "ext:rbW", "ext:rbH")
    if not found[0]:
        found = values(xmp, "rbX", "rbY", "rbW", "rbH")
    assert [each[0] for each in found] == pytest.approx(expected, **close)
    corners = sorted(found[0][1:]), sorted(found[1][1:])
    assert corners[0] == pytest.approx([left * across, (left + width) * across])
    assert corners[1] == pytest.approx([top * down, (top + height) * down])
    items = [int(item) for item in re.findall(rb"<rdf:li>(\d+)</rdf:li>", xmp)]
    assert items == [round(v) for v in (x * across, y * down, width * across, height * down)]


@pytest.mark.parametrize("factors", [(1, 1), (2, 3)])
@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_subject_areas_follow_the_pixels(
    tmp_path: Path, orientation: int, count: int, factors: tuple[int, int]
) -> None:
    left, top, width, height = BOX
    centre = left + width // 2, top + height // 2
    area = (*centre, *{2: (), 3: (12,), 4: (width, height)}[count])
    image = Image.fromarray(np.zeros((*SIZE[::-1], 3), np.uint8))
    image.save(tmp_path / "in.jpg", exif=subject_exif(orientation, area))
    picture = load(tmp_path / "in.jpg")
    save(picture.pixels.repeat(factors[1], 0).repeat(factors[0], 1), tmp_path / "out.jpg", like=picture)
    tags = Image.Exif()
    blob = load(tmp_path / "out.jpg").source.exif
    assert blob is not None
    tags.load(blob)
    camera = tags.get_ifd(EXIF_IFD)
    left, top, width, height = upright_box(orientation)
    middle = (left + width // 2) * factors[0], (top + height // 2) * factors[1]
    extent = width * factors[0], height * factors[1]
    assert camera[0xA214] == middle
    expected = {2: (), 3: (round(12 * (factors[0] * factors[1]) ** 0.5),), 4: extent}[count]
    assert camera[0x9214] == (*middle, *expected)
    assert camera[0x927C] == b"private maker note"


def test_regions_that_are_recorded_upright_stay(tmp_path: Path) -> None:
    """The size to which they apply has the shape of the upright picture."""
    body = regions().replace('stDim:w="100" stDim:h="60"', 'stDim:w="60" stDim:h="100"')
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.new("RGB", SIZE).save(tmp_path / "in.jpg", exif=tags, xmp=packet(body))
    save(load(tmp_path / "in.jpg"), tmp_path / "out.jpg")
    xmp = load(tmp_path / "out.jpg").source.xmp
    assert xmp is not None
    fields = ("stDim:w", "stDim:h", "<mwg-rs:Area stArea:x", "stArea:y")
    assert [each[0] for each in values(xmp, *fields)] == pytest.approx([60, 100, 0.35, 0.25])


def test_the_sizes_of_a_panorama_grow_with_it(tmp_path: Path) -> None:
    sizes = {
        "FullPanoWidthPixels": 400,
        "FullPanoHeightPixels": 200,
        "CroppedAreaImageWidthPixels": 100,
        "CroppedAreaImageHeightPixels": 60,
        "CroppedAreaLeftPixels": 7,
        "CroppedAreaTopPixels": 9,
        "LargestValidInteriorRectLeft": 1,
        "LargestValidInteriorRectTop": 2,
        "LargestValidInteriorRectWidth": 90,
        "LargestValidInteriorRectHeight": 50,
        "PoseHeadingDegrees": 350,
    }
    half = len(sizes) // 2
    elements = "".join(f"<GPano:{name}>{value}</GPano:{name}>" for name, value in list(sizes.items())[:half])
    attributes = " ".join(f'GPano:{name}="{value}"' for name, value in list(sizes.items())[half:])
    start = '<rdf:Description rdf:about=""'
    body = packet(elements).replace(start.encode(), f"{start} {attributes}".encode())
    Image.new("RGB", SIZE).save(tmp_path / "in.jpg", xmp=body)
    picture = load(tmp_path / "in.jpg")
    save(picture.pixels.repeat(2, 0).repeat(2, 1), tmp_path / "out.jpg", like=picture)
    xmp = load(tmp_path / "out.jpg").source.xmp
    assert xmp is not None
    for name, value in sizes.items():
        assert values(xmp, f"GPano:{name}") == [[value * (1 if name.startswith("Pose") else 2)]]


@pytest.mark.parametrize("text", ["nan", "inf", "1e400", "9" * 400, "", "x", "-1e30"])
def test_numbers_that_make_no_sense_stay(text: str) -> None:
    body = regions().replace('stDim:w="100"', f'stDim:w="{text}"').replace('stArea:x="0.35"', f'stArea:x="{text}"')
    body = body.replace("<rdf:li>35</rdf:li>", f"<rdf:li>{text}</rdf:li>").replace(
        'Rectangle="0.2', f'Rectangle="{text}'
    )
    frame = notes.Frame(width=120, height=200, orientation=6, enlarged=(2.0, 2.0))
    after = notes.updated(packet(body), note=None, frame=frame)
    assert after is not None
    assert notes.parsed(after) is not None
    blob = exif.strip_prefix(subject_exif(6, (65535, 65535, 65535, 65535)))
    assert blob is not None
    assert len(exif.upright(blob, frame, srgb=True)) == len(blob)
