"""The depth in the file that an editor opened is used as long as the file matches the editor's picture."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Inputs, Result
from dioptre.photo.encode.encoding import encode
from dioptre.photo.metadata import containers
from dioptre.photo.picture import Format
from dioptre.worker.exchange import Folder
from dioptre.worker.execution import embedded_depth, execute
from dioptre.worker.request import Kept, Request
from dioptre_link.catalogue import operation
from dioptre_link.operation import Input

_SPACE = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'


@pytest.fixture(scope="module")
def picture(checkout: Path) -> np.ndarray:
    return np.asarray(Image.open(checkout / "examples/astronaut.jpg").convert("RGB"), np.float32) / 255


@pytest.fixture
def photo(tmp_path: Path, picture: np.ndarray) -> Path:
    """The picture as a phone saves it, with a depth map that is nearest on the left."""
    wedge = np.repeat(np.linspace(0, 255, 16).round().astype(np.uint8)[None], 16, 0)
    data = base64.b64encode(encode(wedge[..., None], Format.PNG)).decode()
    properties = f'GDepth:Format="RangeInverse" GDepth:Near="1" GDepth:Far="4" GDepth:Data="{data}"'
    rdf = f"<rdf:RDF {_SPACE}><rdf:Description {properties}/></rdf:RDF>"
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{rdf}</x:xmpmeta>'
    codes = (picture * 255 + 0.5).astype(np.uint8)
    path = tmp_path / "photo.jpg"
    path.write_bytes(containers.into_jpeg(encode(codes, Format.JPEG), exif=None, xmp=xmp.encode(), photoshop=None))
    return path


def test_the_opened_files_depth_is_found(photo: Path, picture: np.ndarray) -> None:
    found = embedded_depth(str(photo), picture)
    assert found is not None
    assert found.disparity[0, 0] > found.disparity[0, -1]


def test_changed_light_is_still_the_picture(photo: Path, picture: np.ndarray) -> None:
    edited = np.clip(picture**1.4 * np.array([0.8, 0.7, 0.4], np.float32), 0, 1).astype(np.float32)
    assert embedded_depth(str(photo), edited[::2, ::2]) is not None


@pytest.mark.parametrize("change", ["crop", "mirror", "turn", "other"])
def test_another_picture_does_not_get_it(photo: Path, picture: np.ndarray, change: str) -> None:
    other = {
        "crop": picture[:300, :300],
        "mirror": picture[:, ::-1],
        "turn": np.rot90(picture),
        "other": np.random.default_rng(0).random(picture.shape, np.float32),
    }[change]
    assert embedded_depth(str(photo), np.ascontiguousarray(other)) is None


def test_a_file_that_is_gone_or_damaged_has_none(tmp_path: Path, picture: np.ndarray) -> None:
    assert embedded_depth(str(tmp_path / "gone.jpg"), picture) is None
    (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe1\x00\x08none")
    assert embedded_depth(str(tmp_path / "damaged.jpg"), picture) is None


@pytest.mark.parametrize(("source", "expected"), [("auto", True), ("estimate", False)])
def test_a_job_gets_it_unless_told_to_estimate(
    tmp_path: Path, photo: Path, picture: np.ndarray, source: str, expected: bool
) -> None:
    got: list[Inputs] = []

    def run(name: str, options: object, inputs: Inputs, progress: object) -> Result:
        got.append(inputs)
        return Result(layers=())

    folder = Folder(tmp_path)
    request = Request(
        operation="depth",
        options=operation("depth").check({"depth_source": source}),
        inputs={Input.PICTURE: Kept(picture)},
        folder=folder,
        opened_file=str(photo),
    )
    try:
        execute(request, run, lambda fraction, phase: None)
    finally:
        folder.close()
    assert (got[0].embedded is not None) == expected
