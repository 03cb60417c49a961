"""The preview session, tested with a worker that records its requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.client import Layer, Progress, Result, Stored, WorkerLostError
from dioptre_link.editing.events import Image, Shown, Step, drain
from dioptre_link.editing.preview import PreviewSession
from dioptre_link.editing.request import Given, Request, detail_rect
from dioptre_link.editing.views import depth_counts
from dioptre_link.errors import Cancelled, UsageError
from dioptre_link.metres import DepthMetres
from dioptre_link.operation import Role
from dioptre_link.wire import PixelFormat

SIZE = (40, 20)
LEFT_HALF = (5.0, 10.0)  # A point on the subject that the fake worker finds.
RIGHT_HALF = (35.0, 10.0)


class FakeBuffer:
    """A buffer of 4 × 2 pixels, times `factor` each way: uniform, or with `half` a mask of the left half."""

    def __init__(self, channels: int, *, half: bool = False, factor: int = 1) -> None:
        self.pixels = SimpleNamespace(width=4 * factor, height=2 * factor, format=PixelFormat("u8", channels))
        self._half = half
        self.deleted = False

    def read_rows(self, _first: int, rows: int) -> bytes:
        channels = self.pixels.format.channels
        values = (255, 255, 0, 0) if self._half else (9,) * self.pixels.width
        return b"".join(bytes([value]) * channels for _ in range(rows) for value in values)

    def delete(self) -> None:
        self.deleted = True


class FakeJob:
    def __init__(self, result: Result) -> None:
        self._events: list[Progress | Result | None] = [Progress(0.5, "Blurring"), None, result]
        self.cancelled = False

    def poll(self, _timeout_s: float = 0.0) -> Progress | Result | None:
        return self._events.pop(0)

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class FakeWorker:
    """A worker that records its requests.

    Attributes:
        metres: the metres of the depth of each job.
        depth_factor: sides of the depth of each job, as a multiple of those of the other layers.
        values: the values that each job reports.
        submitted: (operation, names of stored inputs, names to store, draft, options) of each job.
    """

    submitted: list[tuple[str, dict[str, str], dict[str, str], bool, Mapping[str, Any]]] = field(
        default_factory=list
    )
    uploaded: list[str] = field(default_factory=list)
    jobs: list[FakeJob] = field(default_factory=list)
    lose: int = 0
    depth_factor: int = 1
    values: dict[str, Any] = field(default_factory=lambda: {"focal_disparity": 0.5})
    metres: list[DepthMetres | None] = field(default_factory=list)

    def connect(self, **_: Any) -> None:
        pass

    def store(self, name: str, _as_input: str, _buffer: Any) -> Stored:
        self.uploaded.append(name)
        return Stored(name, self)

    def stored(self, name: str) -> Stored:
        return Stored(name, self)

    def submit(self, operation: str, options: Mapping[str, Any], inputs: Mapping[str, Any], **how: Any) -> FakeJob:
        if self.lose:
            self.lose -= 1
            raise WorkerLostError("gone")
        keep = {role.value: name for role, name in how.get("keep", {}).items()}
        given = {name: getattr(value, "name", "buffer") for name, value in inputs.items()}
        self.submitted.append((operation, given, keep, how.get("draft", False), options))
        self.metres.append(how.get("depth_metres"))
        layers = [Layer("r", Role.RESULT, True, FakeBuffer(4))]
        roles = how.get("roles", ())
        if Role.DEPTH in roles:
            layers.append(Layer("d", Role.DEPTH, True, FakeBuffer(1, factor=self.depth_factor)))
        if Role.SUBJECT in roles:
            layers.append(Layer("s", Role.SUBJECT, True, FakeBuffer(4, half=True)))
        self.jobs.append(FakeJob(Result(tuple(layers), self.values)))
        return self.jobs[-1]


def upload(_worker: Any) -> Iterator[Step]:
    yield Step(fraction=0.0, phase="Reading the layer")
    return FakeBuffer(4)


def request(name: str = "portrait", *, key: str = "photo", **options: Any) -> Request:
    operation = OPERATIONS[name]
    return Request(
        operation=operation,
        options=operation.check(options),
        inputs={"picture": Given(key=key, upload=upload)},
        size=SIZE,
        longest_px=512,
    )


def run(session: PreviewSession, asked: Request) -> tuple[list[Shown], Shown]:
    drafts: list[Shown] = []
    last = drain(
        session.preview(asked),
        lambda event: drafts.append(event) if isinstance(event, Shown) else None,
        lambda: False,
    )
    return drafts, last


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker()


@pytest.fixture
def session(worker: FakeWorker) -> PreviewSession:
    return PreviewSession(worker, PixelFormat("u8", 4))


def test_kept_depth_keeps_its_metres(session: PreviewSession, worker: FakeWorker) -> None:
    worker.values = {"focal_disparity": 0.5, "depth_range_per_m": [0.1, 0.5]}
    run(session, request())
    assert worker.metres == [None, None]
    run(session, request(f_number=4.0))
    assert set(worker.metres[2:]) == {DepthMetres(range_per_m=(0.1, 0.5))}
    del worker.metres[:]
    run(session, request(key="another photo"))
    assert worker.metres == [None, None]


def test_a_given_depth_layer_has_the_metres_of_its_record(session: PreviewSession, worker: FakeWorker) -> None:
    metres = DepthMetres(range_per_m=(0.2, 0.9), equivalent_mm=35.0)
    asked = request("lens_blur")
    inputs = {**asked.inputs, "disparity": Given(key="depth", upload=upload)}
    run(session, replace(asked, inputs=inputs, depth_metres=metres))
    assert set(worker.metres) == {metres}


def test_the_first_preview_keeps_depth_and_subject_and_the_next_ones_use_them(
    session: PreviewSession, worker: FakeWorker
) -> None:
    drafts, shown = run(session, request())
    # The first preview also requests a draft, so that its programs are compiled before a slider moves.
    assert [draft.draft for draft in drafts] == [True]
    assert (drafts[0].subject, drafts[0].depth) == (shown.subject, shown.depth)
    assert shown.subject is not None
    assert shown.depth is not None
    assert worker.submitted[0][2] == {}  # A draft finds the subject less exactly, so its subject is not stored.
    assert worker.submitted[1][2].keys() == {"depth", "subject"}

    drafts, shown = run(session, request(f_number=4.0))
    assert [draft.draft for draft in drafts] == [True]
    assert not shown.draft
    for _operation, inputs, keep, _draft, _options in worker.submitted[2:]:
        assert keep == {}
        assert set(inputs) == {"picture", "disparity", "subject"}
    assert worker.uploaded == ["given-picture"]


def test_a_slider_waits_for_what_is_being_found_and_then_for_nothing(session: PreviewSession) -> None:
    steps = session.preview(request())
    next(step for step in steps if isinstance(step, Step) and step.waiting)
    assert session.should_wait(request(f_number=4.0))
    draft = next(event for event in steps if isinstance(event, Shown))
    assert draft.draft
    assert not session.should_wait(request(f_number=4.0))
    steps.close()


def test_another_depth_does_not_wait_for_the_one_being_found(
    session: PreviewSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("dioptre_link.editing.preview.time.monotonic", lambda: now[0])
    steps = session.preview(request())
    next(step for step in steps if isinstance(step, Step) and step.waiting)
    now[0] += 60
    assert session.should_wait(request(f_number=4.0))
    assert not session.should_wait(request(refine=False))
    assert not session.should_wait(request(focus=LEFT_HALF))
    steps.close()


def test_a_click_on_the_known_subject_drafts_with_it_and_then_looks_again(
    session: PreviewSession, worker: FakeWorker
) -> None:
    run(session, request())
    drafts, _ = run(session, request(focus=LEFT_HALF))
    assert [operation for operation, *_ in worker.submitted[2:]] == ["portrait"] * 3
    assert [draft for *_, draft, _options in worker.submitted[2:]] == [True, False, False]
    assert "subject" in worker.submitted[-1][2]
    assert len(drafts) == 2


def test_a_click_elsewhere_drafts_with_the_lens_alone(session: PreviewSession, worker: FakeWorker) -> None:
    run(session, request())
    run(session, request(focus=RIGHT_HALF))
    operation, inputs, _, draft, options = worker.submitted[2]
    assert (operation, draft) == ("lens_blur", True)
    assert "subject" not in inputs
    assert options["focus"] == RIGHT_HALF
    before = len(worker.submitted)
    run(session, request(focus=LEFT_HALF))
    run(session, request(focus=RIGHT_HALF))  # The depth for this focus has been stored by now.
    assert all(not keep for _, _, keep, _, _ in worker.submitted[before + 2 :][-2:])


def test_other_depth_options_estimate_again(session: PreviewSession, worker: FakeWorker) -> None:
    run(session, request())
    run(session, request(refine=False))
    assert worker.submitted[-2][2] == {}
    assert worker.submitted[-1][2].keys() == {"depth", "subject"}


def test_another_picture_starts_afresh(session: PreviewSession, worker: FakeWorker) -> None:
    run(session, request())
    run(session, request(key="another"))
    assert worker.uploaded == ["given-picture"] * 2
    assert worker.submitted[-1][2].keys() == {"depth", "subject"}
    assert session.stored("picture", "photo") is None
    assert session.stored("picture", "another") is not None


def test_a_given_depth_layer_is_used_and_uploaded_once(session: PreviewSession, worker: FakeWorker) -> None:
    asked = request("lens_blur", focal_disparity=0.5)
    asked = replace(asked, inputs={**asked.inputs, "disparity": Given(key="d1", upload=upload)})
    run(session, asked)
    run(session, asked)
    assert worker.uploaded == ["given-picture", "given-disparity"]
    assert worker.submitted[-1][1]["disparity"] == "given-disparity"


def test_a_subject_has_the_size_of_the_depth_beside_it(session: PreviewSession, worker: FakeWorker) -> None:
    """The depth of an earlier preview may have another size; the Focus view compares them pixel by pixel."""
    worker.depth_factor = 2
    _, shown = run(session, request(keep_subject=1.0))
    assert shown.depth is not None
    assert shown.subject == replace(shown.depth, data=(b"\xff" * 4 + bytes(4)) * 4)
    assert depth_counts(shown.depth, shown.subject)[1][9] == 16


def test_many_clicks_keep_as_many_subjects_as_there_is_room_for(
    session: PreviewSession, worker: FakeWorker
) -> None:
    for number in range(20):
        run(session, request(focus=(float(number), 1.0)))
    kept = [keep["subject"] for _, _, keep, _, _ in worker.submitted if "subject" in keep]
    assert len(set(kept)) == 8
    used = [inputs["subject"] for _, inputs, *_ in worker.submitted if "subject" in inputs]
    assert set(used) <= set(kept)


def test_a_lost_worker_is_started_again_once(session: PreviewSession, worker: FakeWorker) -> None:
    worker.lose = 1
    run(session, request())
    assert worker.uploaded == ["given-picture"] * 2
    worker.lose = 2
    with pytest.raises(WorkerLostError):
        run(session, request(key="another"))


def test_a_cancelled_preview_cancels_its_job(session: PreviewSession, worker: FakeWorker) -> None:
    with pytest.raises(Cancelled):
        drain(session.preview(request()), lambda _event: None, lambda: bool(worker.jobs))
    assert worker.jobs[-1].cancelled


def test_an_enlargement_shows_a_part_as_large_as_it_will_be() -> None:
    operation = OPERATIONS["super_resolution"]
    asked = Request(
        operation=operation,
        options=operation.check({"scale": 4.0}),
        inputs={},
        size=(1000, 800),
        longest_px=512,
        place=(1.0, 0.0),
    )
    left, top, width, height = detail_rect(asked)
    assert (left + width, top) == (1000, 0)
    assert (width, height) == (128, 85)


def test_wrong_options_never_reach_the_worker() -> None:
    with pytest.raises(UsageError):
        request(f_number=0.0)


def test_a_selection_limits_every_preview(session: PreviewSession, worker: FakeWorker) -> None:
    asked = request("white_balance")
    asked = replace(asked, inputs={**asked.inputs, "selection": Given(key="half", upload=upload)})
    run(session, asked)
    assert worker.submitted[-1][1] == {"picture": "given-picture", "selection": "given-selection"}


def test_a_layer_to_place_is_uploaded_again_only_when_it_changes(
    session: PreviewSession, worker: FakeWorker
) -> None:
    asked = request("place")
    for key in ("one", "one", "moved"):
        run(session, replace(asked, inputs={**asked.inputs, "layer": Given(key=key, upload=upload)}))
    assert worker.uploaded == ["given-picture", "given-layer", "given-layer"]
    given = {"picture": "given-picture", "layer": "given-layer", "disparity": "preview-depth"}
    assert worker.submitted[-1][1] == given


def test_another_operation_beside_the_preview_leaves_what_it_keeps(
    session: PreviewSession, worker: FakeWorker
) -> None:
    run(session, request())
    shown = drain(session.beside(request("white_balance")), lambda _event: None, lambda: False)
    assert shown.after is not None
    assert worker.submitted[-1][:3] == ("white_balance", {"picture": "given-picture"}, {})
    run(session, request(f_number=1.4))
    assert [name for name, *_ in worker.submitted[-2:]] == ["portrait", "portrait"]
    assert worker.uploaded == ["given-picture"]
    assert worker.submitted[-1][1]["subject"].startswith("preview-subject")


def test_beside_the_preview_a_draft_of_its_size_needs_no_other_programs(
    session: PreviewSession, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    submit = worker.submit
    monkeypatch.setattr(
        worker, "submit", lambda *given, **how: (sizes.append(how["preview_px"]), submit(*given, **how))[1]
    )
    run(session, request())
    for name in ("portrait", "light", "white_balance"):
        small = replace(request(name), longest_px=100)
        drain(session.beside(small), lambda _event: None, lambda: False)
    assert [job[3] for job in worker.submitted[-3:]] == [True, True, False]
    assert sizes[-3:] == [512, 512, 100]


def test_the_limit_of_an_option_by_the_picture_is_told(session: PreviewSession) -> None:
    _, film = run(session, request("film"))
    assert film.values["size"] == max(SIZE)
    _, blur = run(session, request())
    assert blur.values == {"focal_disparity": 0.5}


def test_beside_the_preview_an_enlargement_gives_the_whole_picture(
    session: PreviewSession, worker: FakeWorker
) -> None:
    shown = drain(session.beside(request("super_resolution")), lambda _event: None, lambda: False)
    assert shown.after is not None
    assert shown.part is None
    assert [(job[0], dict(job[4])) for job in worker.submitted] == [("white_balance", {"strength": 0.0})]


@pytest.mark.parametrize("name", ["portrait", "white_balance", "super_resolution"])
def test_a_result_is_seen_with_the_mask_and_opacity_of_its_layer(
    name: str, session: PreviewSession, worker: FakeWorker
) -> None:
    """An enlargement shows a part of the layer, here its right half, below that part of the mask."""
    mask = Image(width=2, height=1, channels=1, data=bytes((255, 51)))
    asked = replace(
        request(name),
        coverage=mask,
        longest_px=60,
        place=(0.9, 0.5),
        crop=lambda _worker, _part: {"picture": FakeBuffer(4)},
    )
    events: list[Any] = []
    shown = [drain(session.preview(asked), events.append, lambda: False)]
    shown += [event for event in events if isinstance(event, Shown)]
    part = shown[0].part
    assert (part is not None) == (name == "super_resolution")
    alphas = bytes(2 * [2, 2, 2, 2] if part else 2 * [9, 9, 2, 2])  # 2 is 9 times 51 / 255.
    for each in shown:
        assert each.after is not None
        assert each.after.channel(0).data == bytes(8 * [9])
        for image in (each.after, each.before):
            assert image is None or image.channel(-1).data == alphas
