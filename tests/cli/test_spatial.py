"""Spatial pictures on the command line: their files, names and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.batch import here
from dioptre.contract import Inputs
from dioptre.photo.metadata import containers, exif
from dioptre_link.catalogue import spatial

from .test_batch import InThisProcess

Dioptre = Callable[..., tuple[int, str, str]]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.jpg", quality=95)
    return tmp_path / "photo.jpg"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A photo of noise, and its depth: a square before a wall."""

    folder: Path
    photo: Path
    depth: Path

    def recipe(self, *steps: tuple[str, Mapping[str, Any]], **more: Any) -> Path:
        path = self.folder / "recipe.json"
        listed = [{"operation": name, "options": options} for name, options in steps]
        path.write_text(json.dumps({"version": 2, "steps": listed, **more}))
        return path


@pytest.fixture
def scene(photo: Path, tmp_path: Path) -> Scene:
    values = np.zeros((32, 48), np.uint8)
    values[8:24, 12:36] = 255
    Image.fromarray(values).save(tmp_path / "depth.png")
    return Scene(folder=tmp_path, photo=photo, depth=tmp_path / "depth.png")


@pytest.mark.parametrize(
    ("layout", "name", "expected"),
    [
        ("parallel", "o.jpg", ("JPEG", (96, 32), 1)),
        ("anaglyph", "o.png", ("PNG", (48, 32), 1)),
        ("mpo", "o.mpo", ("MPO", (48, 32), 2)),
    ],
)
def test_each_layout_has_its_file(
    layout: str, name: str, expected: tuple[str, tuple[int, int], int], scene: Scene, dioptre: Dioptre
) -> None:
    out = scene.folder / name
    code, _, err = dioptre("spatial", scene.photo, "-o", out, "--layout", layout, "--depth", scene.depth)
    assert code == 0, err
    with Image.open(out) as image:
        assert (image.format, image.size, getattr(image, "n_frames", 1)) == expected
        for frame in range(expected[2]):
            image.seek(frame)
            image.load()
        assert b"spatial" in image.info.get("xmp", b"") or name == "o.png"


_XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:FullPanoWidthPixels="48"
 xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="kept" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 exif:SubjectDistance="3/1" xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:MP="http://ns.microsoft.com/photo/1.2/" xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#">
<exif:SubjectArea><rdf:Seq><rdf:li>12</rdf:li><rdf:li>16</rdf:li></rdf:Seq></exif:SubjectArea>
<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList/></mwg-rs:Regions>
<MP:RegionInfo rdf:parseType="Resource"><MPReg:Rectangle>0, 0, .5, .5</MPReg:Rectangle></MP:RegionInfo>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
_POSITIONS = (b"FullPanoWidthPixels", b"SubjectArea", b"Regions", b"Rectangle")


@pytest.mark.parametrize("layout", spatial.OPERATION.parameters[0].choices)
def test_views_have_the_density_of_the_photo_and_no_positions(layout: str, scene: Scene, dioptre: Dioptre) -> None:
    camera = Image.Exif()
    camera[0x011A], camera[0x011B] = 300.0, 300.0
    camera.get_ifd(0x8769).update({0x9209: 16, 0x9214: (12, 16, 8, 8), 0xA001: 1, 0xA214: (12, 16), 0xA406: 2})
    with Image.open(scene.photo) as image:
        image.save(scene.photo, exif=camera, xmp=_XMP.encode(), dpi=(300, 300), quality=95)
    out = scene.folder / ("o" + (spatial.suffix_of("spatial", {"layout": layout}) or ".jpg"))
    code, _, err = dioptre("spatial", scene.photo, "-o", out, "--layout", layout, "--depth", scene.depth)
    assert code == 0, err
    assert "Not kept from the original: positions of faces and other things." in err
    with Image.open(out) as image:
        written, packet = image.getexif(), image.info["xmp"]
        assert image.info.get("dpi", (300, 300)) == (300, 300)
    assert (written[0x011A], written[0x011B]) == (300, 300)
    assert {tag: written.get_ifd(0x8769).get(tag) for tag in (0x9209, 0x9214, 0xA001, 0xA214, 0xA406)} == {
        0x9209: 16,
        0x9214: None,
        0xA001: 1,
        0xA214: None,
        0xA406: 2,
    }
    assert not [word for word in _POSITIONS if word in packet]
    assert b'"kept"' in packet
    assert b"SubjectDistance" in packet


def test_an_mpo_says_that_its_pictures_are_two_views(scene: Scene, dioptre: Dioptre) -> None:
    """CIPA DC-007, 5.2.3.3 and 5.2.4, as stereo cameras write them."""
    out = scene.folder / "o.mpo"
    code, _, err = dioptre("spatial", scene.photo, "-o", out, "--layout", "mpo", "--depth", scene.depth)
    assert code == 0, err
    with Image.open(out) as image:
        types = [entry["Attribute"] for entry in image.mpinfo[0xB002]]
        assert image.mpinfo[0xB001] == 2
        sizes = [entry["Size"] for entry in image.mpinfo[0xB002]]
    assert {each["MPType"] for each in types} == {"Multi-Frame Image: (Disparity)"}
    assert [each["RepresentativeImageFlag"] for each in types] == [True, False]
    content = out.read_bytes()
    assert sum(sizes) == len(content)
    for number, jpeg in ((1, content[: sizes[0]]), (2, content[sizes[0] :])):
        (segment,) = (part for marker, part in containers.jpeg_segments(jpeg) if part.startswith(b"MPF\0"))
        head = exif.header(tiff := segment[4:])
        assert head is not None
        last = exif.directory(tiff, head, head.first)
        if last.next:
            last = exif.directory(tiff, head, last.next)
        assert [exif.integers(tiff, head, last.entries.get(tag)) for tag in (0xB101, 0xB204)] == [(number,), (1,)]


def test_a_16_bit_picture_stays_one(scene: Scene, dioptre: Dioptre) -> None:
    source = scene.folder / "grey.png"
    Image.fromarray(np.linspace(0, 65535, 48 * 32).reshape(32, 48).astype(np.uint16)).save(source)
    code, _, err = dioptre("spatial", source, "-o", scene.folder / "o.png", "--depth", scene.depth)
    assert code == 0, err
    with Image.open(scene.folder / "o.png") as image:
        assert (image.mode, image.size) == ("I;16", (96, 32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--layout", "mpo", "-o", "{out}/o.jpg"), "needs a file name that ends in .mpo"),
        (("--layout", "wiggle", "-o", "{out}/o.webp"), "is not one of the choices"),
        (("-o", "{out}/o.mpo"), "the format is not supported"),
        (("-o", "{out}/o.jpg", "--screen", "90,10"), "outside the picture"),
        (("-o", "{out}/o.jpg", "--budget", "50"), "out of range"),
        (("-o", "{out}/o.jpg", "--depth", "{flat}"), "depth is the same everywhere"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_written(
    arguments: tuple[str, ...], message: str, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    Image.new("L", (48, 32), 99).save(tmp_path / "flat.png")
    out = tmp_path / "out"
    out.mkdir()
    given = [each.format(out=out, flat=tmp_path / "flat.png") for each in arguments]
    code, _, err = dioptre("spatial", photo, *given)
    assert code != 0
    assert message in err
    assert not list(out.iterdir())


@pytest.mark.parametrize(("layout", "ending"), [("crossed", ".jpg"), ("quilt", "_qs8x6a1.5.jpg"), ("mpo", ".mpo")])
def test_folders_of_results_have_the_right_names(layout: str, ending: str, scene: Scene, dioptre: Dioptre) -> None:
    steps, out = scene.recipe(("depth", {}), ("spatial", {"layout": layout})), scene.folder / "out"
    code, _, err = dioptre("run", scene.photo, "-o", out, "--recipe", steps, "--depth", scene.depth)
    assert code == 0, err
    names = {f"photo-spatial{end}" for end in (ending, ".ora", "-sheet.jpg", ".json")}
    assert {path.name for path in out.iterdir()} == names


@pytest.mark.parametrize(("layout", "ending"), [("crossed", ".jpg"), ("quilt", "_qs8x6a1.5.jpg"), ("mpo", ".mpo")])
def test_a_single_result_in_a_folder_has_the_name_of_a_run(
    layout: str, ending: str, scene: Scene, dioptre: Dioptre
) -> None:
    out = scene.folder / "out"
    out.mkdir()
    command = ("spatial", scene.photo, "-o", out, "--layout", layout, "--depth", scene.depth)
    assert dioptre(*command)[0] == 0
    assert [path.name for path in out.iterdir()] == [f"photo-spatial{ending}"]
    assert "already exists" in dioptre(*command)[2]


@pytest.mark.parametrize(("layout", "ending"), [("quilt", "_qs8x6a1.5.jpg"), ("mpo", ".mpo"), ("crossed", ".jpg")])
def test_a_batch_names_finds_and_shows_its_results(
    layout: str, ending: str, scene: Scene, dioptre: Dioptre, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = scene.recipe(("depth", {}), ("spatial", {"layout": layout}))
    monkeypatch.setattr(here, "LocalExecutor", InThisProcess)
    folder, many = scene.folder / "in", scene.folder / "many"
    folder.mkdir()
    scene.photo.rename(folder / "photo.jpg")
    command = ("batch", folder, "-o", many, "--recipe", steps)
    code, _, err = dioptre(*command)
    assert code == 0, err
    result = many / f"photo-spatial{ending}"
    written = result.stat().st_mtime_ns
    assert result.name in (many / "contact-sheet.html").read_text(encoding="utf-8")
    code, _, err = dioptre(*command, "--resume")
    assert code == 0, err
    assert "already finished: 1" in err
    assert result.stat().st_mtime_ns == written
    assert "already exists" in dioptre(*command)[2]
    result.write_bytes(b"edited")
    assert "was changed after it was written" in dioptre(*command, "--resume")[2]


def test_it_is_the_last_step_and_has_no_depth_inside(
    pipelines: list[tuple[str, Mapping[str, Any], Inputs]], scene: Scene, dioptre: Dioptre
) -> None:
    out = scene.folder / "out"
    code, _, err = dioptre(
        "run", scene.photo, "-o", out, "--recipe", scene.recipe(("spatial", {}), ("portrait", {}))
    )
    assert (code, "Spatial picture must be the last step" in err) == (1, True)
    steps = scene.recipe(("portrait", {}), ("spatial", {}), depth_in_file=True)
    code, _, err = dioptre("run", scene.photo, "-o", out, "--recipe", steps)
    assert (code, "no picture with depth" in err) == (2, True)
    assert not pipelines
    assert not out.exists()
