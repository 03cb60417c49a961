"""An enlarged layered file keeps its structure; only sizes, positions and density change."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dioptre.files import enlarge_openraster, problems, read_openraster_depth
from dioptre.imaging.layers import Layer
from dioptre_link.operation import Role

STACK = """<image version="0.0.3" w="20" h="10" xres="300" yres="150" other="kept"><stack>
<layer name="Shade" src="data/shade.png" x="-3" y="2" opacity="0.4" composite-op="svg:multiply" edit-locked="true"/>
<stack name="Group" x="4" y="1" opacity="0.5" visibility="hidden">
<layer name="Cut" src="data/cut.png" x="1" y="1"/></stack>
<layer name="Depth" src="data/depth.png" visibility="hidden"/>
<layer name="Again" src="data/cut.png" x="7"/>
</stack></image>"""


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def document(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    pictures = {
        "data/shade.png": rng.integers(0, 255, (6, 8, 4), np.uint8),
        "data/cut.png": rng.integers(0, 255, (5, 4, 3), np.uint8),
        "data/depth.png": rng.integers(0, 65535, (10, 20), np.uint16),
        "mergedimage.png": rng.integers(0, 255, (10, 20, 4), np.uint8),
    }
    path = tmp_path / "in.ora"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "image/openraster")
        archive.writestr("stack.xml", STACK)
        archive.writestr("dioptre/recipe.json", json.dumps({"steps": []}))
        for name, pixels in pictures.items():
            archive.writestr(name, png(pixels))
    return path


def repeated(layer: Layer, start: float, stop: float) -> np.ndarray:
    assert 0 <= start < stop <= 1
    return layer.pixels.repeat(2, 0).repeat(2, 1)


def opened(path: Path, name: str) -> np.ndarray:
    with zipfile.ZipFile(path) as archive, Image.open(io.BytesIO(archive.read(name))) as image:
        return np.asarray(image)


def test_structure_stays_and_places_follow(document: Path, tmp_path: Path) -> None:
    assert enlarge_openraster(document, tmp_path / "out.ora", scale=2, enlarge=repeated) == (20, 40)
    with zipfile.ZipFile(tmp_path / "out.ora") as archive:
        assert archive.infolist()[0].filename == "mimetype"
        assert json.loads(archive.read("dioptre/recipe.json")) == {"steps": []}
        found = ElementTree.fromstring(archive.read("stack.xml"))
    expected = ElementTree.fromstring(
        STACK.replace('w="20" h="10" xres="300" yres="150"', 'w="40" h="20" xres="600" yres="300"')
        .replace('x="-3" y="2"', 'x="-6" y="4"')
        .replace('x="4" y="1"', 'x="8" y="2"')
        .replace('x="1" y="1"', 'x="2" y="2"')
        .replace('x="7"', 'x="14"')
    )
    assert [(e.tag, e.attrib) for e in found.iter()] == [(e.tag, e.attrib) for e in expected.iter()]


def test_pixels_keep_their_type_and_channels(document: Path, tmp_path: Path) -> None:
    enlarge_openraster(document, tmp_path / "out.ora", scale=2, enlarge=repeated)
    for name in ("data/shade.png", "data/cut.png", "data/depth.png", "mergedimage.png"):
        before, after = opened(document, name), opened(tmp_path / "out.ora", name)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before.repeat(2, 0).repeat(2, 1))
    assert opened(tmp_path / "out.ora", "Thumbnails/thumbnail.png").shape == (20, 40, 4)


def test_each_picture_once_and_the_merged_one_first(document: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, Role]] = []

    def enlarge(layer: Layer, start: float, stop: float) -> np.ndarray:
        seen.append((layer.name, layer.role))
        return repeated(layer, start, stop)

    enlarge_openraster(document, tmp_path / "out.ora", scale=2, enlarge=enlarge)
    assert seen == [("", Role.RESULT), ("Cut", Role.RESULT), ("Depth", Role.DEPTH), ("Shade", Role.RESULT)]


def test_depth_of_the_canvas(document: Path) -> None:
    depth = read_openraster_depth(document)
    assert depth is not None
    np.testing.assert_allclose(depth, opened(document, "data/depth.png") / 65535, atol=1e-5)


def test_a_failure_leaves_no_file(document: Path, tmp_path: Path) -> None:
    def fail(layer: Layer, start: float, stop: float) -> np.ndarray:
        raise MemoryError

    with pytest.raises(MemoryError):
        enlarge_openraster(document, tmp_path / "out.ora", scale=2, enlarge=fail)
    (tmp_path / "bad.ora").write_bytes(document.read_bytes()[:400])
    with pytest.raises(problems.DamagedPicture):
        enlarge_openraster(tmp_path / "bad.ora", tmp_path / "out.ora", scale=2, enlarge=repeated)
    assert not (tmp_path / "out.ora").exists()
