"""Parts of a result are encoded in threads; the files are the same with one thread, and an error stops the rest."""

from __future__ import annotations

import threading
import zipfile
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from dioptre.contract import Layer, LayerOnDemand
from dioptre.photo.depth_files import encoded_depth
from dioptre.photo.encode.encoding import Encoders
from dioptre.photo.encode.openraster import LayerFiles
from dioptre_link.operation import Role

_SMALL, _LARGE = (100, 100), (8000, 6000)


def _layers() -> list[Layer]:
    rng = np.random.default_rng(3)
    picture, cut = rng.random((30, 50, 3), np.float32), rng.random((30, 50, 4), np.float32)
    subject = LayerOnDemand(
        name="Subject",
        role=Role.SUBJECT,
        shape=cut.shape,
        begin=lambda: cut.__getitem__,
        made_of=(cut,),
    )
    depth = Layer(name="Depth", role=Role.DEPTH, pixels=rng.random((30, 50), np.float32), visible=False)
    return [Layer(name="Result", role=Role.RESULT, pixels=picture, visible=False), depth, subject]


def test_one_thread_writes_the_same_file_as_several(tmp_path: Path) -> None:
    for name, shape in (("several.ora", _SMALL), ("one.ora", _LARGE)):
        with Encoders(shape) as encoders, (tmp_path / name).open("wb") as stream:
            assert encoders.several is (shape == _SMALL)
            LayerFiles(_layers(), encoders).write_to(stream, recipe={"version": 1})
    assert (tmp_path / "several.ora").read_bytes() == (tmp_path / "one.ora").read_bytes()


def test_a_plane_in_the_stack_is_encoded_like_a_depth_map(tmp_path: Path) -> None:
    """So a run encodes its depth map once, for both files."""
    layers = _layers()
    pngs: dict[str, bytes] = {}
    with Encoders(_SMALL) as encoders, (tmp_path / "a.ora").open("wb") as stream:
        files = LayerFiles(layers, encoders)
        files.write_to(stream, on_png=lambda layer, png: pngs.update({layer.name: png}))
    assert list(pngs) == ["Result", "Depth", "Subject"]
    assert pngs["Depth"] == encoded_depth(layers[1].pixels, ".png")
    with zipfile.ZipFile(tmp_path / "a.ora") as archive:
        assert [archive.read(f"data/layer{index}.png") for index in range(3)] == list(pngs.values())


def test_an_error_drops_the_parts_that_have_not_begun() -> None:
    begun, proceed = threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        proceed.wait(20)

    def failing() -> None:
        with Encoders(_LARGE) as encoders:
            encoders.start(first)
            waiting.append(encoders.start(proceed.set))
            begun.wait(20)
            threading.Timer(0.05, proceed.set).start()
            raise ZeroDivisionError

    waiting: list[Future[None]] = []
    with pytest.raises(ZeroDivisionError):
        failing()
    assert waiting[0].cancelled()
