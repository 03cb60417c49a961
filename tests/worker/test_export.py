"""Export of a picture with its depth through the worker: what other programs find in the file, and refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre import photo
from dioptre_link.buffers import Buffer
from dioptre_link.client import Worker
from dioptre_link.editing.exporting import suggested, with_suffix
from dioptre_link.errors import DioptreError, RefusedError
from dioptre_link.metres import DepthMetres
from dioptre_link.wire import PixelFormat

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def sent(worker: Worker) -> Iterator[Callable[[np.ndarray], Buffer]]:
    """A function that writes pixels into a buffer, which is deleted at the end."""
    with ExitStack() as files:

        def send(values: np.ndarray) -> Buffer:
            height, width = values.shape[:2]
            wire = PixelFormat("f32", 1) if values.ndim == 2 else PixelFormat("u8", values.shape[2])
            buffer = files.enter_context(worker.new_buffer(width, height, wire))
            buffer.write_rows(0, values.tobytes())
            return buffer

        yield send


@pytest.fixture
def inputs(sent: Callable[[np.ndarray], Buffer]) -> tuple[Buffer, Buffer]:
    shown = np.full((HEIGHT, WIDTH, 4), (200, 120, 40, 255), np.uint8)
    depth = np.repeat(np.linspace(0, 1, WIDTH, dtype=np.float32)[None], HEIGHT, 0)
    return sent(shown), sent(depth)


def test_the_file_shows_the_picture_and_contains_its_depth(
    worker: Worker, inputs: tuple[Buffer, Buffer], tmp_path: Path
) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"an earlier export")
    metres = DepthMetres(range_per_m=(0.1, 0.5), equivalent_mm=None, source="EXIF")
    result = worker.export(file, *inputs, depth_metres=metres).wait()
    assert result.layers == ()
    assert ["depth of the scene" in message for message in result.messages] == [True]
    with Image.open(file) as image:
        assert np.abs(np.asarray(image, np.int16) - (200, 120, 40)).max() <= 3
    found = photo.read_embedded_depth(file)
    assert found is not None
    assert found.disparity.shape == (HEIGHT, WIDTH)
    assert np.abs(found.disparity - np.linspace(0, 1, WIDTH)).max() <= 1 / 255
    assert found.range_per_m == pytest.approx((0.1, 0.5), rel=0.01)


@pytest.mark.parametrize("name", ["photo.png", "photo", "photo.txt"])
def test_another_format_is_refused(
    worker: Worker, inputs: tuple[Buffer, Buffer], tmp_path: Path, name: str
) -> None:
    with pytest.raises(DioptreError) as refused:
        worker.export(tmp_path / name, *inputs).wait()
    assert ".jpg" in refused.value.hint
    assert list(tmp_path.glob("photo*")) == []


def test_depth_of_another_size_is_refused(
    worker: Worker, inputs: tuple[Buffer, Buffer], sent: Callable[[np.ndarray], Buffer], tmp_path: Path
) -> None:
    other = sent(np.zeros((HEIGHT, WIDTH - 1), np.float32))
    with pytest.raises(DioptreError, match="size"):
        worker.export(tmp_path / "photo.jpg", inputs[0], other).wait()
    assert list(tmp_path.glob("photo*")) == []


def test_a_failed_export_leaves_the_earlier_file(
    worker: Worker, inputs: tuple[Buffer, Buffer], sent: Callable[[np.ndarray], Buffer], tmp_path: Path
) -> None:
    file, broken = tmp_path / "photo.jpg", np.full((HEIGHT, WIDTH + 1), 0.5, np.float32)
    worker.export(file, *inputs).wait()
    before = file.read_bytes()
    with pytest.raises(DioptreError):
        worker.export(file, inputs[0], sent(broken)).wait()
    with pytest.raises(DioptreError):
        worker.export(file / "photo.jpg", *inputs).wait()
    assert file.read_bytes() == before


def test_names(tmp_path: Path) -> None:
    assert suggested(str(tmp_path / "a.photo.xcf")) == tmp_path / "a.photo-depth.jpg"
    assert suggested(None).name == "photo-depth.jpg"
    assert suggested(None, "film.xcf").name == "photo-film.xcf"
    assert with_suffix(tmp_path / "a.jpeg") == tmp_path / "a.jpeg"
    assert with_suffix(tmp_path / "a") == tmp_path / "a.jpg"
    (tmp_path / "a.jpg").touch()
    with pytest.raises(RefusedError):
        with_suffix(tmp_path / "a")
