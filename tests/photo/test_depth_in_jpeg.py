"""Depth that is put into JPEGs, read back, and read by ExifTool and by a parser that follows the specification."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import DepthInFile, load, problems, read_embedded_depth, save
from dioptre.photo.vips import vips
from dioptre_link.errors import DioptreError

from .test_gain_map import photo_hdr as photo_hdr

STEP = 1 / 255
RAMP = np.linspace(0, 1, 40, dtype=np.float32)[None].repeat(24, 0)
GOOGLE = "http://ns.google.com/photos/"


@pytest.fixture
def place(tmp_path: Path, photo: np.ndarray) -> Path:
    """A photo in portrait orientation, with a place, a time and a comment."""
    tags = Image.Exif()
    tags[0x0112] = 6
    tags.get_ifd(0x8825)[1] = "N"
    tags.get_ifd(0x8825)[2] = (48.0, 8.0, 0.0)
    tags.get_ifd(0x8769)[0x9003] = "2026:11:28 12:00:00"
    path = tmp_path / "photo.jpg"
    Image.fromarray(photo).save(path, exif=tags, comment="Ann", quality=95)
    return path


def parsed(path: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the appended pictures and the depth map's properties, as Dynamic Depth 1.0 says: from the front.

    The first picture of the file ends at its own end marker; its padding and the other pictures follow in order.
    """
    data = path.read_bytes()
    start = data.index(b"<x:xmpmeta")
    root = ElementTree.fromstring(data[start : data.index(b"</x:xmpmeta>") + 12])
    item = f"{{{GOOGLE}dd/1.0/item/}}"
    listed = [one.attrib for one in root.iter(f"{{{GOOGLE}dd/1.0/container/}}Item")]
    at = end_of_first(data) + int(listed[0][f"{item}Padding"])
    found = {}
    for one in listed[1:]:
        size = int(one[f"{item}Length"])
        found[one[f"{item}DataURI"]] = data[at : at + size]
        at += size
    assert at == len(data)
    (depth,) = root.iter(f"{{{GOOGLE}dd/1.0/camera/}}DepthMap")
    return found, {name.rpartition("}")[2]: value for name, value in depth.attrib.items()}


def end_of_first(data: bytes) -> int:
    return scan_of(data)[1] + 2


def scan_of(data: bytes) -> tuple[int, int]:
    """Return where the compressed pixels of the first picture start and end."""
    at = 2
    while data[at + 1] != 0xDA:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at, data.index(b"\xff\xd9", at)


def grey(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content))) / np.float32(255)


@pytest.mark.parametrize("limits", [None, (0.1, 2.0), (0.0, 0.5), (0.5, 0.5), (0.0, 0.0)])
@pytest.mark.parametrize("disparity", [RAMP, np.full((24, 40), 0.25, np.float32), RAMP[:12, :20], RAMP.T[:1, :1]])
def test_depth_is_read_back_within_a_step(
    limits: tuple[float, float] | None, disparity: np.ndarray, photo: np.ndarray, tmp_path: Path
) -> None:
    depth = DepthInFile(disparity=disparity, range_per_m=limits, confidence=1 - disparity)
    save(photo / np.float32(255), tmp_path / "a.jpg", depth=depth)
    again = read_embedded_depth(tmp_path / "a.jpg")
    assert again is not None
    np.testing.assert_allclose(again.disparity, disparity, atol=0.5001 * STEP)
    assert again.confidence is not None
    np.testing.assert_allclose(again.confidence, 1 - disparity, atol=0.5001 * STEP)
    if limits is None or limits[1] == 0:
        assert again.range_per_m is None
        return
    assert again.range_per_m is not None
    low, high = again.range_per_m
    before = limits[0] + disparity * (limits[1] - limits[0])
    np.testing.assert_allclose(low + again.disparity * (high - low), before, atol=1.01 * STEP * limits[1])


def test_both_forms_hold_the_same_map(photo: np.ndarray, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random((1500, 3000), np.float32)  # larger than a segment, and than a map
    depth = DepthInFile(disparity=noise, confidence=noise, range_per_m=(0.25, 2.0))
    save(np.zeros((1500, 3000, 3), np.float32), tmp_path / "a.jpg", depth=depth)
    maps, words = parsed(tmp_path / "a.jpg")
    assert list(maps) == [words["DepthURI"], words["ConfidenceURI"]]
    assert (float(words["Near"]), float(words["Far"]), words["Units"]) == (0.5, 4.0, "Meters")
    again = read_embedded_depth(tmp_path / "a.jpg")
    assert again is not None
    assert again.kind == "GDepth"
    assert again.disparity.shape == (1024, 2048)
    np.testing.assert_allclose(1 - grey(maps[words["DepthURI"]]), again.disparity, atol=1e-6)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(data.replace(b"1.0/depthmap/", b"1.0/nothing!/"))  # GDepth is unreadable now
    other = read_embedded_depth(tmp_path / "b.jpg")
    assert other is None or other.kind == "dynamic depth"


def test_pixels_are_those_of_the_plain_file(place: Path, tmp_path: Path) -> None:
    picture = load(place)
    save(picture, tmp_path / "plain.jpg")
    save(picture, tmp_path / "depth.jpg", depth=DepthInFile(disparity=RAMP.T))
    plain, deep = ((tmp_path / name).read_bytes() for name in ("plain.jpg", "depth.jpg"))
    assert plain[slice(*scan_of(plain))] == deep[slice(*scan_of(deep))]
    again = read_embedded_depth(tmp_path / "depth.jpg")
    assert again is not None
    assert again.disparity.shape == picture.shape[:2] == (40, 24)
    np.testing.assert_allclose(again.disparity, RAMP.T, atol=0.5001 * STEP)


def test_an_older_map_is_replaced(place: Path, tmp_path: Path) -> None:
    save(load(place), tmp_path / "a.jpg", depth=DepthInFile(disparity=RAMP.T))
    messages = save(load(tmp_path / "a.jpg"), tmp_path / "b.jpg", depth=DepthInFile(disparity=1 - RAMP.T))
    assert not any("Not kept" in message for message in messages)
    again = read_embedded_depth(tmp_path / "b.jpg")
    assert again is not None
    np.testing.assert_allclose(again.disparity, 1 - RAMP.T, atol=0.5001 * STEP)
    maps, _ = parsed(tmp_path / "b.jpg")
    assert len(maps) == 1
    assert any("Not kept" in message for message in save(load(tmp_path / "b.jpg"), tmp_path / "c.jpg"))
    assert read_embedded_depth(tmp_path / "c.jpg") is None


def test_a_gain_map_is_kept_beside_it(photo_hdr: Path, tmp_path: Path) -> None:
    picture = load(photo_hdr)
    save(picture, tmp_path / "plain.jpg")
    disparity = np.linspace(0, 1, 144, dtype=np.float32)[None].repeat(96, 0)
    save(picture, tmp_path / "a.jpg", depth=DepthInFile(disparity=disparity, confidence=disparity))
    np.testing.assert_array_equal(load(tmp_path / "a.jpg").pixels, load(tmp_path / "plain.jpg").pixels)
    gains = [vips().Image.uhdrload(str(tmp_path / name)).get("gainmap-data") for name in ("plain.jpg", "a.jpg")]
    assert bytes(gains[0]) == bytes(gains[1])
    maps, words = parsed(tmp_path / "a.jpg")
    np.testing.assert_allclose(1 - grey(maps[words["DepthURI"]]), disparity, atol=0.5001 * STEP)
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(content.replace(b"GDepth:Data", b"GDepth:Nada"))
    again = read_embedded_depth(tmp_path / "b.jpg")
    assert again is not None
    assert again.kind == "dynamic depth"
    np.testing.assert_allclose(again.disparity, disparity, atol=0.5001 * STEP)


@pytest.mark.parametrize("shape", [(1, 1, 3), (24, 40, 4)])
def test_any_picture_can_have_depth(shape: tuple[int, int, int], tmp_path: Path) -> None:
    pixels = np.full(shape, 0.5, np.float32)
    save(pixels, tmp_path / "a.jpg", depth=DepthInFile(disparity=np.full(shape[:2], 0.5, np.float32)))
    again = read_embedded_depth(tmp_path / "a.jpg")
    assert again is not None
    assert again.disparity.shape == shape[:2]


@pytest.mark.parametrize("name", ["a.png", "a.heic", "a.tif"])
def test_other_formats_are_refused(name: str, photo: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(problems.UnwritableFile, match="Depth cannot be saved"):
        save(photo / np.float32(255), tmp_path / name, depth=DepthInFile(disparity=RAMP))
    assert not list(tmp_path.iterdir())


def test_depth_that_is_not_finite_is_refused(photo: np.ndarray, tmp_path: Path) -> None:
    bad = RAMP.copy()
    bad[3, 3] = np.nan
    for depth in (DepthInFile(disparity=bad), DepthInFile(disparity=RAMP, confidence=bad)):
        with pytest.raises(DioptreError, match="not numbers"):
            save(photo / np.float32(255), tmp_path / "a.jpg", depth=depth)
    assert not list(tmp_path.iterdir())


def test_a_file_says_what_it_reveals(place: Path, tmp_path: Path) -> None:
    picture = load(place)
    depth = DepthInFile(disparity=RAMP.T)
    messages = save(picture, tmp_path / "a.jpg", depth=depth)
    assert any("faces" in message and "where and when" in message for message in messages)
    messages = save(picture.without_metadata(), tmp_path / "b.jpg", depth=depth)
    assert [message for message in messages if "faces" in message and "--private" not in message]
    private = load(tmp_path / "b.jpg")
    assert (private.source.exif, private.source.photoshop, private.source.texts) == (None, None, ())
    assert b"2026:11:28" not in (tmp_path / "b.jpg").read_bytes()
    assert b"Ann" in (tmp_path / "a.jpg").read_bytes()
    assert b"Ann" not in (tmp_path / "b.jpg").read_bytes()


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")
def test_exiftool_reads_it(photo: np.ndarray, tmp_path: Path) -> None:
    depth = DepthInFile(
        disparity=np.random.default_rng(1).random((300, 500), np.float32),
        range_per_m=(0.2, 2.0),
        focal_disparity=1.0,
        focus_at=(0.25, 0.75),
    )
    save(photo / np.float32(255), tmp_path / "a.jpg", depth=depth)
    command = ["exiftool", "-json", "-struct", "-b", "-validate", "-warning", "-XMP:all", str(tmp_path / "a.jpg")]
    (told,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert "Warning" not in told, told["Warning"]
    assert told["Near"] == 0.5
    assert told["Far"] == 5
    assert told["Units"] == "m"
    assert (told["FocalDistance"], told["FocalPointX"], told["FocalPointY"]) == (0.5, 0.25, 0.75)
    content = base64.b64decode(told["DepthImage"].removeprefix("base64:"))
    maps, words = parsed(tmp_path / "a.jpg")
    assert maps[words["DepthURI"]] == content
    assert told["Cameras"][0]["Camera"]["DepthMap"]["Near"] == 0.5
    assert told["Profiles"][0]["Profile"] == {"Type": "DepthPhoto", "CameraIndices": [0]}
    np.testing.assert_allclose(1 - grey(content), depth.disparity, atol=0.5001 * STEP)
