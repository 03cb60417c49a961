"""Networks process a picture once: previews of any size, a reopened dialog, OK and Update share their outputs.

The networks are fakes that count their runs; everything else is real.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dioptre.caching import choice
from dioptre.features.depth import estimation as depth
from dioptre.features.depth.coarse import Depth, Glances, Visible
from dioptre.features.subject import finding as subject
from dioptre.features.subject import views as subject_views
from dioptre.features.subject.views import SIDE_PX, Saliency, Squeezed
from dioptre.models.depth_view import DepthView
from dioptre.worker.__main__ import _run as run
from dioptre_link import start
from dioptre_link.client import Result, Worker
from dioptre_link.operation import Role
from dioptre_link.wire import PixelFormat

SIZE = (96, 144)
PREVIEW_PX = 72
OPTIONS = {"max_radius": 4.0}


@dataclass
class Networks:
    """Fake networks that count their runs.

    Attributes:
        depths: Sizes of the pictures whose depth was estimated.
        refinements: Number of estimates that were refined.
        saliencies: Number of saliency runs.
        mattes: Number of matte runs.
    """

    depths: list[tuple[int, ...]] = field(default_factory=list)
    refinements: int = 0
    saliencies: int = 0
    mattes: int = 0

    def estimated(self, whole: Visible, *, quick: bool, glances: Glances, **_: object) -> Depth:
        def look(*, mirrored: bool) -> DepthView:
            if not mirrored:
                self.depths.append(whole.size)
            return DepthView(inverse=np.zeros((4, 6), np.float32))

        for mirrored in (False,) if quick else (False, True):
            glances(mirrored, partial(look, mirrored=mirrored))
        return Depth(
            disparity=np.tile(np.linspace(0, 1, 60, dtype=np.float32), (40, 1)) ** 2,
            model="pretended",
            models={"pretended": "0" * 64},
        )

    def refined(self, coarse: Depth, _whole: Visible, **_: object) -> Depth:
        self.refinements += 1
        return coarse

    def saliency_of(self, squeezed: Squeezed) -> Saliency:
        self.saliencies += 1
        seen = np.zeros(squeezed(SIDE_PX).shape[:2], np.float32)
        seen[100:220, 110:210] = 0.97
        return Saliency(coverage=seen, chance=1.0)

    def soft_matte(self, part: np.ndarray) -> np.ndarray:
        self.mattes += 1
        return np.full((512, 512), float(part.mean()), np.float32)

    @property
    def runs(self) -> tuple[int, int, int]:
        return len(self.depths), self.saliencies, self.mattes


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Networks:
    counted = Networks()
    monkeypatch.setattr(depth, "estimated", counted.estimated)
    monkeypatch.setattr(depth, "refined", counted.refined)
    monkeypatch.setattr(subject_views, "saliency_of", counted.saliency_of)
    monkeypatch.setattr(subject_views, "soft_matte", counted.soft_matte)
    monkeypatch.setattr(subject, "_checksums", lambda: {"pretended subject": "1" * 64})
    monkeypatch.setenv(choice.VARIABLE, "1")
    monkeypatch.setenv("DIOPTRE_CACHE_DIR", str(tmp_path / "cache"))
    return counted


@pytest.fixture
def subjects(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Sizes of the pictures in which a subject was cut out."""
    found: list[tuple[int, ...]] = []
    find = subject._find

    def counted(views, image, *rest, **how):
        found.append(image.shape[:2])
        return find(views, image, *rest, **how)

    monkeypatch.setattr(subject, "_find", counted)
    return found


@pytest.fixture
def connect(serve: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> Callable[[], Worker]:
    """A function that opens a new connection to one server in this process."""
    rendezvous = serve(run=run).rendezvous
    monkeypatch.setattr(start, "find_or_start", lambda **_: (rendezvous, rendezvous.connect()))
    return lambda: Worker("test")


def pixels(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 4), np.uint8) | np.array([0, 0, 0, 255], np.uint8)


def store(worker: Worker, picture: np.ndarray):
    with worker.new_buffer(SIZE[1], SIZE[0], PixelFormat("u8")) as buffer:
        buffer.write_rows(0, picture.tobytes())
        return worker.store("photo", "picture", buffer)


def preview(
    worker: Worker, picture, *, keep: bool = True, draft: bool = False, options: dict | None = None, **inputs
) -> dict:
    kept = {Role.DEPTH: "preview-depth", Role.SUBJECT: "preview-subject"} if keep else {}
    job = worker.submit(
        "portrait",
        options or OPTIONS,
        {"picture": picture, **inputs},
        preview_px=PREVIEW_PX,
        roles=(Role.RESULT, Role.DEPTH, *kept),  # an editor shows no other layers in a preview
        keep=kept,
        draft=draft,
    )
    return contents(job.wait())


def ok(worker: Worker, picture: np.ndarray, options: dict | None = None) -> dict:
    with worker.new_buffer(SIZE[1], SIZE[0], PixelFormat("u8")) as buffer:
        buffer.write_rows(0, picture.tobytes())
        return contents(worker.submit("portrait", options or OPTIONS, {"picture": buffer}).wait())


def contents(result: Result) -> dict:
    """Return all contents of a result, with pixels as bytes."""
    layers = {layer.role: layer.buffer.read_rows(0, layer.buffer.pixels.height) for layer in result.layers}
    result.delete()
    return {"layers": layers, "values": result.values, "messages": result.messages, "models": result.models}


def test_ok_takes_what_the_networks_told_the_preview(networks: Networks, connect: Callable[[], Worker]) -> None:
    with connect() as worker:
        picture = store(worker, pixels())
        preview(worker, picture, keep=False, draft=True)
        # A draft skips the refinement of the depth, the second pass and the hair.
        assert (networks.runs, networks.refinements) == ((1, 1, 0), 0)
        preview(worker, picture)
        seen = networks.runs
        assert (seen, networks.refinements) == ((1, 2, 1), 1)
        made = ok(worker, pixels())
    assert networks.runs == seen
    assert networks.depths == [SIZE]  # The depth is that of the whole picture, whatever is shown.
    assert made["models"].keys() == {"pretended", "pretended subject"}


def test_a_reopened_dialog_and_update_compute_nothing(
    networks: Networks, subjects: list[tuple[int, ...]], connect: Callable[[], Worker]
) -> None:
    with connect() as worker:
        first = preview(worker, store(worker, pixels()))
    with connect() as worker:
        assert preview(worker, store(worker, pixels())) == first
        assert len(subjects) == 1
        ok(worker, pixels())
        ok(worker, pixels(), {**OPTIONS, "blades": 6})
    assert len(networks.depths) == networks.mattes == 1
    assert subjects == [(48, 72), SIZE]


def test_results_are_the_same_without_it(
    networks: Networks, connect: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**OPTIONS, "focus": (40.5, 60.2)}
    with connect() as worker:
        picture = store(worker, pixels())
        previews = [preview(worker, picture, options=options)]
        results = [ok(worker, pixels(), options)]
    assert len(networks.depths) == 1
    monkeypatch.setenv(choice.VARIABLE, "0")
    choice.clear()
    with connect() as worker:
        previews.append(preview(worker, store(worker, pixels()), options=options))
        results.append(ok(worker, pixels(), options))
    assert len(networks.depths) == 3
    assert previews[0] == previews[1]
    assert results[0] == results[1]
    assert choice.usage().count == 0
    assert not choice.folder().exists()


def test_where_nothing_is_kept_previews_of_one_picture_still_share(
    networks: Networks, connect: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(choice.VARIABLE, "0")
    with connect() as worker:
        picture = store(worker, pixels())
        preview(worker, picture, keep=False, draft=True)
        preview(worker, picture)
        preview(worker, picture, keep=False)
        assert networks.runs == (1, 2, 1)
        preview(worker, store(worker, pixels(2)))
        assert networks.runs == (2, 4, 2)
    assert not choice.folder().exists()


def test_a_moved_focus_point_is_looked_at_once(
    networks: Networks, subjects: list[tuple[int, ...]], connect: Callable[[], Worker]
) -> None:
    """The client sends the preview's depth back as an input, and OK still uses the preview's subject."""
    moved = {**OPTIONS, "focus": (100.3, 30.7)}
    with connect() as worker:
        picture = store(worker, pixels())
        preview(worker, picture)
        preview(worker, picture, options=moved, disparity=worker.stored("preview-depth"))
        seen = networks.runs
        ok(worker, pixels(), moved)
    assert networks.runs == seen
    assert networks.depths == [SIZE]
    assert subjects == [(48, 72), (48, 72), SIZE, SIZE], "the chosen one, and the main one before or behind it"


def test_a_depth_that_the_user_gives_is_used(networks: Networks, connect: Callable[[], Worker]) -> None:
    plane = np.full(SIZE, 0.25, np.float32)
    with connect() as worker:
        picture = store(worker, pixels())
        with worker.new_buffer(SIZE[1], SIZE[0], PixelFormat("f32", channels=1)) as buffer:
            buffer.write_rows(0, plane.tobytes())
            given = worker.store("layer", "disparity", buffer)
        made = preview(worker, picture, keep=False, disparity=given)
    assert networks.depths == []
    assert networks.mattes == 1
    assert made["values"]["focal_disparity"] == 0.25


def test_a_moved_slider_reads_no_files(
    networks: Networks, subjects: list[tuple[int, ...]], connect: Callable[[], Worker]
) -> None:
    with connect() as worker:
        picture = store(worker, pixels())
        preview(worker, picture)
        given = {"disparity": worker.stored("preview-depth"), "subject": worker.stored("preview-subject")}
        choice.clear()
        preview(worker, picture, keep=False, **given)
    assert not choice.folder().exists()
    assert len(networks.depths) == len(subjects) == 1
