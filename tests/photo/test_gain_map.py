"""Ultra HDR JPEGs are read and written without clipping at white; other formats show the camera's SDR version."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Layer, Result
from dioptre.photo import Format, apart, load, save
from dioptre.photo.curves import srgb_curve
from dioptre.photo.decode.decoding import decode
from dioptre.photo.encode import ultra_hdr
from dioptre.photo.encode.encoding import encode
from dioptre.photo.encode.rendition import rendition
from dioptre.photo.gain_map import GainMap
from dioptre.photo.metadata import containers
from dioptre.photo.picture import Extras
from dioptre.photo.vips import vips
from dioptre_link.operation import Role

from .layered import read_layers
from .three_gains import map_jpeg
from .written import write_run

SIZE = (96, 144)
LAMPS = ((30, 40, 8.0), (60, 110, 4.0))


def scene() -> np.ndarray:
    """Return linear light (96, 144, 3): smooth colours below white, and two lamps of 8 and 4 times white."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    light = np.stack([0.05 + x / 250, 0.05 + y / 170, 0.1 + (x + y) / 600], -1).astype(np.float32)
    for row, column, brightness in LAMPS:
        light[np.hypot(y - row, x - column) < 9] = brightness * np.array([1.0, 0.8, 0.5])
    return light


@pytest.fixture
def photo_hdr(tmp_path: Path) -> Path:
    """The scene in a file from libultrahdr (called through libvips), an independent implementation."""
    data = np.ascontiguousarray(scene()).tobytes()
    image = vips().Image.new_from_memory(data, SIZE[1], SIZE[0], 3, "float").copy(interpretation="scrgb")
    path = tmp_path / "photo.jpg"
    image.uhdrsave(str(path), Q=98, gainmap_scale_factor=1)
    return path


def stops(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.log2((np.maximum(one, 0) + 0.02) / (other + 0.02))


def light_of(path: Path) -> np.ndarray:
    return srgb_curve().decode(load(path).pixels)


def codes_of(path: Path) -> np.ndarray:
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        return np.asarray(image.convert("RGB")).astype(np.int64)


def test_all_light_is_read(photo_hdr: Path) -> None:
    picture = load(photo_hdr)
    assert picture.gain_map is not None
    assert picture.messages == ()
    difference = np.abs(stops(light_of(photo_hdr), scene()))
    assert difference.mean() < 0.04, "8 bits of base and map over 5.6 stops; measured 0.017"
    for row, column, brightness in LAMPS:
        assert light_of(photo_hdr)[row, column, 0] == pytest.approx(brightness, rel=0.03)


def test_what_was_not_touched_returns(photo_hdr: Path, tmp_path: Path) -> None:
    picture = load(photo_hdr)
    assert save(picture, tmp_path / "out.jpg") == ()
    assert np.abs(codes_of(tmp_path / "out.jpg") - codes_of(photo_hdr)).mean() < 0.5
    difference = np.abs(stops(light_of(tmp_path / "out.jpg"), light_of(photo_hdr)))
    assert difference.mean() < 0.03
    # A half-size map blurs the rims of the lamps, which are 5 stops high.
    assert np.quantile(difference, 0.95) < 0.1


def test_libultrahdr_reads_what_was_written(photo_hdr: Path, tmp_path: Path) -> None:
    picture = load(photo_hdr)
    save(picture, tmp_path / "out.jpg")
    again = load(tmp_path / "out.jpg")
    assert again.gain_map is not None
    image = vips().Image.uhdrload(str(tmp_path / "out.jpg"))
    assert image.get("gainmap-scale-factor") == 2
    assert np.log2(image.get("gainmap-max-content-boost")) == pytest.approx(again.gain_map.stops_max, abs=1e-3)
    assert np.log2(image.get("gainmap-hdr-capacity-max")) == pytest.approx(again.gain_map.headroom[1], abs=1e-3)
    before = vips().Image.uhdrload(str(photo_hdr)).uhdr2scRGB().numpy()
    assert np.abs(stops(image.uhdr2scRGB().numpy(), before)).mean() < 0.03


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_other_formats_show_what_the_camera_showed(photo_hdr: Path, tmp_path: Path, suffix: str) -> None:
    (message,) = save(load(photo_hdr), tmp_path / f"out.{suffix}")
    assert "cannot store highlights above white" in message
    assert np.abs(codes_of(tmp_path / f"out.{suffix}") - codes_of(photo_hdr)).max() <= (
        1 if suffix == "png" else 30
    )
    assert load(tmp_path / f"out.{suffix}").gain_map is None


def test_tiff_has_all_light_as_linear_floats(photo_hdr: Path, tmp_path: Path) -> None:
    picture = load(photo_hdr)
    assert save(picture, tmp_path / "out.tif") == ()
    stored = decode(tmp_path / "out.tif").codes
    assert stored.dtype == np.float32
    np.testing.assert_allclose(stored, srgb_curve().decode(picture.pixels), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(load(tmp_path / "out.tif").pixels, picture.pixels, atol=1e-4)


def test_a_lamp_that_was_spread_stays_bright_and_shows_as_white(photo_hdr: Path, tmp_path: Path) -> None:
    picture = load(photo_hdr)
    linear = srgb_curve().decode(picture.pixels)
    linear[20:76, 80:136] = np.array([3.0, 2.4, 1.5])
    changed = srgb_curve().encode(linear)
    shown = rendition(picture, changed).shown(changed)
    assert 0.8 < shown[30:66, 90:126].max() < 0.95, "below the lamp of 8 times white, far above the scene"
    assert shown.max() < 1.01
    light = srgb_curve().decode(shown[48, 108])
    np.testing.assert_allclose(light / light[0], np.array([1.0, 0.8, 0.5]), atol=0.03, err_msg="the hue stays")
    save(changed, tmp_path / "out.jpg", like=picture)
    np.testing.assert_allclose(light_of(tmp_path / "out.jpg")[48, 108], linear[48, 108], rtol=0.06)


def test_a_result_of_another_size(photo_hdr: Path, tmp_path: Path) -> None:
    picture = load(photo_hdr)
    large = picture.pixels.repeat(2, 0).repeat(2, 1)
    save(large, tmp_path / "out.jpg", like=picture)
    again = light_of(tmp_path / "out.jpg")
    assert again.shape == (192, 288, 3)
    for row, column, brightness in LAMPS:
        assert again[2 * row, 2 * column, 0] == pytest.approx(brightness, rel=0.05)


def test_layers_and_sheet_show_what_the_camera_showed(photo_hdr: Path, tmp_path: Path) -> None:

    picture = load(photo_hdr)
    result = Result(layers=(Layer(name="Blurred", role=Role.RESULT, pixels=picture.pixels),), models={}, values={})
    recipe = {"steps": [{"operation": "lens_blur", "options": {}}]}
    write_run(result, picture, tmp_path, "out", force=False, recipe=recipe)
    assert load(tmp_path / "out-lens-blur.jpg").gain_map is not None
    (tmp_path / "plain.jpg").write_bytes(_first_picture(photo_hdr))
    expected = load(tmp_path / "plain.jpg").pixels
    assert expected.max() < 1.1
    for layer in read_layers(tmp_path / "out-lens-blur.ora").layers:
        assert np.abs(layer.pixels[..., :3] - expected).max() < 0.01


def test_another_process_gives_the_same(photo_hdr: Path) -> None:
    picture = load(photo_hdr)
    reader = apart.Reader()
    try:
        other = load(photo_hdr, decoding=reader.decoding)
    finally:
        reader.close()
    np.testing.assert_array_equal(other.pixels, picture.pixels)
    assert other.gain_map is not None
    assert other.gain_map.headroom == pytest.approx(picture.gain_map.headroom if picture.gain_map else ())


def _first_picture(path: Path) -> bytes:
    """Return the file without the data after its first picture."""
    with Image.open(path) as image:
        return path.read_bytes()[: image._getmp()[0xB002][0]["Size"]]


def _file(gains: GainMap, *, exif: bytes | None = None, drop: bytes = b"") -> bytes:
    """Return an Ultra HDR JPEG of a grey picture, with the text `drop` overwritten in its gain map's metadata."""
    behind = map_jpeg(gains)
    if drop:
        behind = behind.replace(drop, b"?" * len(drop))
    xmp = ultra_hdr.with_directory(None, map_bytes=len(behind))
    plain = encode(np.full((16, 32, 3), 128, np.uint8), Format.JPEG, extras=Extras(xmp=xmp, exif=exif))
    return ultra_hdr.joined(plain, behind)


THREE = GainMap(
    codes=np.tile(np.linspace(0, 255, 8).astype(np.uint8)[None, :, None], (4, 1, 3)),
    stops_min=(-0.5, 0.0, 0.25),
    stops_max=(1.0, 2.0, 3.0),
    gamma=(1.0, 1.5, 2.0),
    offset_base=(0.0, 0.01, 0.02),
    offset_bright=(0.02, 0.01, 0.0),
    headroom=(0.25, 3.0),
)


@pytest.mark.parametrize("drop", [b"urn:iso:std:iso:ts:21496:-1", b"hdr-gain-map"])
def test_both_kinds_of_properties_are_read_alike(tmp_path: Path, drop: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(_file(THREE, drop=drop))
    found = load(tmp_path / "a.jpg").gain_map
    assert found is not None
    for name in ("stops_min", "stops_max", "gamma", "offset_base", "offset_bright", "headroom"):
        assert getattr(found, name) == pytest.approx(getattr(THREE, name), abs=1e-5), name
    assert np.abs(found.codes.astype(int) - THREE.codes).max() <= 3


def test_the_map_turns_with_its_picture(tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6  # Rotate by 90° clockwise.
    grey = replace(THREE, gamma=(1.0,) * 3, stops_min=(0.0,) * 3, stops_max=(3.0,) * 3)
    (tmp_path / "a.jpg").write_bytes(_file(grey, exif=tags.tobytes()[6:]))
    pixels = load(tmp_path / "a.jpg").pixels
    assert pixels.shape == (32, 16, 3)
    assert pixels[-1].mean() > 1.5 * pixels[0].mean(), "the map's right side is bright, and lies below now"


@pytest.mark.parametrize(
    ("name", "value"),
    [("stops_max", (99.0,) * 3), ("gamma", (0.0,) * 3), ("headroom", (3.0, 1.0)), ("offset_base", (-1.0,) * 3)],
)
def test_properties_without_sense_leave_the_picture(tmp_path: Path, name: str, value: tuple[float, ...]) -> None:
    (tmp_path / "a.jpg").write_bytes(_file(replace(THREE, **{name: value})))  # type: ignore[arg-type]
    picture = load(tmp_path / "a.jpg")
    assert picture.gain_map is None
    assert "gain map" in picture.messages[0]
    assert np.abs(picture.pixels - 128 / 255).max() < 0.02


@pytest.mark.parametrize("kind", ["binary", "XMP"])
def test_a_map_that_would_darken_an_hdr_picture_is_not_applied(tmp_path: Path, kind: str) -> None:
    data = bytearray(_file(THREE, drop=b"urn:iso:std:iso:ts:21496:-1" if kind == "XMP" else b"hdr-gain-map"))
    if kind == "XMP":
        at = data.index(b'BaseRenditionIsHDR="False"')
        data[at : at + 26] = b'BaseRenditionIsHDR="True" '
    else:
        at = data.rindex(b"urn:iso:std:iso:ts:21496:-1\0") + 28 + 4
        data[at] |= 4
    (tmp_path / "a.jpg").write_bytes(bytes(data))
    assert load(tmp_path / "a.jpg").gain_map is None


def test_a_map_that_is_cut_off_leaves_the_picture(photo_hdr: Path, tmp_path: Path) -> None:
    data = photo_hdr.read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[:-200])
    picture = load(tmp_path / "cut.jpg")
    assert picture.gain_map is None
    assert picture.pixels.max() < 1.2


def test_a_map_that_is_larger_than_a_picture_may_be(tmp_path: Path) -> None:
    codes = np.zeros((400, 400, 1), np.uint8)
    (tmp_path / "a.jpg").write_bytes(_file(replace(THREE, codes=codes)))
    assert load(tmp_path / "a.jpg").gain_map is not None
    assert load(tmp_path / "a.jpg", max_megapixels=0.1).gain_map is None


def test_offsets_in_the_list_of_pictures_are_right(photo_hdr: Path, tmp_path: Path) -> None:
    """The list's offset points to the map's first byte, and the two pictures together fill the file."""
    save(load(photo_hdr), tmp_path / "out.jpg")
    data = (tmp_path / "out.jpg").read_bytes()
    with Image.open(tmp_path / "out.jpg") as image:
        entries = image._getmp()[0xB002]  # Private method of Pillow that reads the list of pictures.
    assert sum(entry["Size"] for entry in entries) == len(data)
    start = next(
        start
        for marker, start, _ in containers.jpeg_segment_places(data)
        if marker == containers.APP2 and data[start : start + 4] == b"MPF\0"
    )
    assert start + 4 + entries[1]["DataOffset"] == entries[0]["Size"]
    assert data[entries[0]["Size"] :][:2] == b"\xff\xd8"
