"""Depth and subject are computed once for the same pixels: previews, a reopened dialog, OK and Update share them.

The networks are pretended and counted; all else is the product's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from dioptre.caching import choice
from dioptre.pipelines import depth, subject
from dioptre.pipelines.depth import Depth
from dioptre.pipelines.subject import Subject
from dioptre.worker.__main__ import _run as run
from dioptre_link import start
from dioptre_link.client import Result, Worker
from dioptre_link.operations import Role
from dioptre_link.wire import PixelFormat

SIZE = (96, 144)
PREVIEW_PX = 72
OPTIONS = {"max_radius": 4.0}


@dataclass
class Networks:
    """How often, and on pictures of which size, depth and subject were computed."""

    depths: list[tuple[int, ...]] = field(default_factory=list)
    subjects: list[tuple[int, ...]] = field(default_factory=list)

    def depth_of(self, image: np.ndarray, **_: object) -> Depth:
        self.depths.append(image.shape[:2])
        disparity = np.ascontiguousarray(np.linspace(0, 1, image.shape[1], dtype=np.float32) * image[..., 0])
        return Depth(disparity=disparity, confidence=disparity, model="pretended", models={"pretended": "0" * 64})

    def find_subject(
        self, image: np.ndarray, *, disparity: np.ndarray, at: tuple[float, float] | None, **_
    ) -> Subject:
        self.subjects.append(image.shape[:2])
        alpha = np.zeros(image.shape[:2], np.float32)
        x, y = (image.shape[1] / 2, image.shape[0] / 2) if at is None else at
        alpha[int(y) - 9 : int(y) + 9, int(x) - 9 : int(x) + 9] = 0.9
        return Subject(
            alpha=alpha,
            disparity_range=(0.2, 0.8),
            focal_disparity=float(disparity[int(y), int(x)]),
            kind="subject",
            found=True,
            confidence=0.95,
            models={},
            messages=("A subject.",),
        )


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Networks:
    counted = Networks()
    monkeypatch.setattr(depth, "depth_of", counted.depth_of)
    monkeypatch.setattr(subject, "find_subject", counted.find_subject)
    monkeypatch.setenv(choice.VARIABLE, "1")
    monkeypatch.setenv("DIOPTRE_CACHE_DIR", str(tmp_path / "cache"))
    return counted


@pytest.fixture
def connect(serve: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> Callable[[], Worker]:
    """A new connection to one server in this process."""
    rendezvous = serve(run=run).rendezvous
    monkeypatch.setattr(start, "find_or_start", lambda **_: (rendezvous, rendezvous.connect()))
    return lambda: Worker("test")


def pixels(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 4), np.uint8) | np.array([0, 0, 0, 255], np.uint8)


def store(worker: Worker, picture: np.ndarray):
    with worker.new_buffer(SIZE[1], SIZE[0], PixelFormat("u8")) as buffer:
        buffer.write_rows(0, picture.tobytes())
        return worker.store("photo", "picture", buffer)


def preview(worker: Worker, picture, *, keep: bool = True, options: dict | None = None, **inputs) -> dict:
    kept = {Role.DEPTH: "preview-depth", Role.SUBJECT: "preview-subject"} if keep else {}
    job = worker.submit(
        "portrait", options or OPTIONS, {"picture": picture, **inputs}, preview_px=PREVIEW_PX, keep=kept
    )
    return contents(job.wait())


def ok(worker: Worker, picture: np.ndarray, options: dict | None = None) -> dict:
    with worker.new_buffer(SIZE[1], SIZE[0], PixelFormat("u8")) as buffer:
        buffer.write_rows(0, picture.tobytes())
        return contents(worker.submit("portrait", options or OPTIONS, {"picture": buffer}).wait())


def contents(result: Result) -> dict:
    """Everything that a result says, its pixels as bytes."""
    layers = {layer.role: layer.buffer.read_rows(0, layer.buffer.pixels.height) for layer in result.layers}
    result.delete()
    return {"layers": layers, "values": result.values, "messages": result.messages, "models": result.models}


def test_ok_takes_what_the_preview_computed(networks: Networks, connect: Callable[[], Worker]) -> None:
    with connect() as worker:
        preview(worker, store(worker, pixels()))
        made = ok(worker, pixels())
    assert networks.depths == [SIZE]
    assert networks.subjects == [SIZE]
    assert made["messages"] == ("A subject.",)
    assert made["models"] == {"pretended": "0" * 64}


def test_a_reopened_dialog_and_update_compute_nothing(networks: Networks, connect: Callable[[], Worker]) -> None:
    with connect() as worker:
        first = preview(worker, store(worker, pixels()))
    with connect() as worker:
        assert preview(worker, store(worker, pixels())) == first
        ok(worker, pixels())
        ok(worker, pixels(), {**OPTIONS, "blades": 6})
    assert len(networks.depths) == len(networks.subjects) == 1


def test_results_are_the_same_without_it(
    networks: Networks, connect: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**OPTIONS, "focus": (40.5, 60.25)}
    with connect() as worker:
        picture = store(worker, pixels())
        previews = [preview(worker, picture, options=options) for _ in range(2)]
        results = [ok(worker, pixels(), options) for _ in range(2)]
    computed = len(networks.depths)
    monkeypatch.setenv(choice.VARIABLE, "0")
    choice.clear()
    with connect() as worker:
        previews.append(preview(worker, store(worker, pixels()), options=options))
        results.append(ok(worker, pixels(), options))
    assert len(networks.depths) == computed + 2
    assert previews[0] == previews[1] == previews[2]
    assert results[0] == results[1] == results[2]
    assert choice.usage().count == 0
    assert not choice.folder().exists()


def test_one_other_pixel_is_another_picture(networks: Networks, connect: Callable[[], Worker]) -> None:
    changed = pixels()
    changed[5, 7, 1] ^= 1
    with connect() as worker:
        ok(worker, pixels())
        ok(worker, changed)
    assert networks.depths == [SIZE, SIZE]


def test_a_moved_focus_point_is_looked_at_once(networks: Networks, connect: Callable[[], Worker]) -> None:
    """The client hands the preview's own depth back; the subject is still the one that OK has."""
    moved = {**OPTIONS, "focus": (100.0, 30.0)}
    with connect() as worker:
        picture = store(worker, pixels())
        preview(worker, picture)
        preview(worker, picture, options=moved, disparity=worker.stored("preview-depth"))
        ok(worker, pixels(), moved)
    assert networks.depths == [SIZE]
    assert networks.subjects == [SIZE, SIZE]


def test_a_depth_that_the_user_gives_is_used(networks: Networks, connect: Callable[[], Worker]) -> None:
    plane = np.full(SIZE, 0.25, np.float32)
    with connect() as worker:
        picture = store(worker, pixels())
        with worker.new_buffer(SIZE[1], SIZE[0], PixelFormat("f32", channels=1)) as buffer:
            buffer.write_rows(0, plane.tobytes())
            given = worker.store("layer", "disparity", buffer)
        made = preview(worker, picture, keep=False, disparity=given)
    assert networks.depths == []
    assert networks.subjects == [SIZE]
    assert made["values"]["focal_disparity"] == 0.25


def test_a_moved_slider_reads_no_files(
    networks: Networks, connect: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect() as worker:
        picture = store(worker, pixels())
        preview(worker, picture)
        given = {"disparity": worker.stored("preview-depth"), "subject": worker.stored("preview-subject")}
        choice.clear()
        preview(worker, picture, keep=False, **given)
    assert not choice.folder().exists()
    assert len(networks.depths) == len(networks.subjects) == 1
