"""A batch from folder to folder, with fake workers in threads or separate processes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from dioptre.batch import engine
from dioptre.batch.batch import Summary, run_batch
from dioptre.batch.here import LocalExecutor
from dioptre.batch.plan import Item, survey
from dioptre.batch.work import Outcome, Task
from dioptre_link.errors import Cancelled, DioptreError, UsageError
from dioptre_link.recipe import Recipe, Step

from .pretended import make

PORTRAIT = Recipe(steps=(Step(operation="portrait"),))
NAMES = ("a.jpg", "below/a.jpg", "below/deeper/ünï côde.jpg", "b.jpg", "b.png")


class Threads:
    """Executor that uses threads, so that most tests start no process."""

    def __init__(self, do: Callable[[Task], Outcome] = make) -> None:
        self._pool = ThreadPoolExecutor(2)
        self._do = do
        self.most = 0

    def has_room(self, task: Task, running: Iterable[Task]) -> bool:
        self.most = max(self.most, len(list(running)) + 1)
        return len(list(running)) < 2

    def submit(self, task: Task) -> Future[Outcome]:
        return self._pool.submit(self._do, task)

    def close(self) -> None:
        self._pool.shutdown()


class Watcher:
    def __init__(self, stop_after: int = 1_000_000) -> None:
        self.made_names: list[str] = []
        self.failed_names: list[str] = []
        self.fractions: list[float] = []
        self.phases: list[str] = []
        self._stop_after = stop_after

    def made(self, item: Item, written: list[Path], messages: tuple[str, ...]) -> None:
        assert all(path.is_file() for path in written)
        self.made_names.append(item.name)

    def failed(self, item: Item, error: DioptreError) -> None:
        self.failed_names.append(item.name)

    def progress(self, fraction: float, phase: str) -> None:
        self.fractions.append(fraction)
        self.phases.append(phase)
        if len(self.made_names) >= self._stop_after:
            raise Cancelled


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for index, name in enumerate(NAMES):
        add(folder / name, colour=index * 40)
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    add(folder / ".hidden.jpg")
    return folder


def add(path: Path, *, colour: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 16), (colour, 100, 200)).save(path)


def batch(
    photos: Path, executor: Callable[[int], engine.Executor] = lambda _: Threads(), **options: object
) -> Summary:
    options = {"watcher": Watcher(), "chosen": PORTRAIT, **options}
    return run_batch(photos, photos.parent / "out", executor=executor, **options)  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_results_lie_where_the_pictures_lie(photos: Path) -> None:
    before = contents(photos)
    watcher = Watcher()
    summary = batch(photos, watcher=watcher)
    out = contents(photos.parent / "out")
    results = {name for name in out if not name.startswith("contact-sheet")}
    assert results == {
        f"{base}{suffix}"
        for base, kind in (
            ("a-portrait", ".jpg"),
            ("below/a-portrait", ".jpg"),
            ("below/deeper/ünï côde-portrait", ".jpg"),
            # Without the source's suffix in the name, both pictures would write the same recipe.
            ("b-jpg-portrait", ".jpg"),
            ("b-png-portrait", ".png"),
        )
        for suffix in (kind, ".json")
    }
    assert summary.made == len(NAMES)
    assert not summary.failures
    assert contents(photos) == before
    assert sorted(watcher.made_names) == sorted(NAMES)
    assert watcher.fractions == sorted(watcher.fractions)
    assert watcher.fractions[-1] == 1.0
    assert any(re.fullmatch(r"2 of 5 pictures, about \d+ (s|min) left", phase) for phase in watcher.phases)


def test_one_that_fails_does_not_stop_the_rest(photos: Path) -> None:
    add(photos / "bad.jpg")
    summary = batch(photos)
    assert summary.made == len(NAMES)
    assert {name: error.code for name, error in summary.failures.items()} == {"bad.jpg": "damaged-picture"}
    assert "bad.jpg is damaged." in (photos.parent / "out" / "contact-sheet.html").read_text(encoding="utf-8")


def test_resume_leaves_out_exactly_what_is_finished(photos: Path) -> None:
    with pytest.raises(Cancelled):
        batch(photos, watcher=Watcher(stop_after=2))
    out = photos.parent / "out"
    there = set(contents(out))
    assert sum(name.endswith(".json") for name in there) >= 2
    add(photos / "a.jpg", colour=9)  # Another picture of the same name: the existing result belongs to the old one.
    watcher = Watcher()
    summary = batch(photos, watcher=watcher, resume=True)
    assert summary.failures.keys() <= {"a.jpg"}
    assert summary.made + summary.finished_before + len(summary.failures) == len(NAMES)
    assert summary.finished_before >= 1
    again = batch(photos, resume=True, force=True)
    assert again.finished_before == len(NAMES) - len(summary.failures)
    assert not again.failures
    assert batch(photos, resume=True).finished_before == len(NAMES)


def test_another_recipe_is_not_finished(photos: Path) -> None:
    batch(photos)
    other = PORTRAIT.with_options({"f_number": 1.4})
    summary = batch(photos, chosen=other, resume=True)
    assert {error.code for error in summary.failures.values()} == {"file-exists"}
    assert len(summary.failures) == len(NAMES)
    assert batch(photos, chosen=other, resume=True, force=True).made == len(NAMES)


def test_without_resume_and_force_results_stay(photos: Path) -> None:
    batch(photos)
    before = contents(photos.parent / "out")
    summary = batch(photos)
    assert len(summary.failures) == len(NAMES)
    after = contents(photos.parent / "out")
    assert {n: c for n, c in after.items() if n != "contact-sheet.html"} == {
        n: c for n, c in before.items() if n != "contact-sheet.html"
    }


def test_the_output_may_lie_inside_but_not_upon_the_originals(photos: Path) -> None:
    with pytest.raises(UsageError):
        run_batch(photos, photos, PORTRAIT, executor=lambda _: Threads(), watcher=Watcher())
    for _ in range(2):
        summary = run_batch(
            photos, photos / "out", PORTRAIT, executor=lambda _: Threads(), watcher=Watcher(), force=True
        )
        assert summary.made == len(NAMES)


def test_a_raw_photo_beside_its_jpeg_is_left_out(photos: Path) -> None:
    for name in ("a.NEF", "below/c.dng", "b.raf"):
        (photos / name).write_bytes(b"raw")
    found = [item.name for item in survey(photos, photos / "results", PORTRAIT).items]
    assert found == sorted([*NAMES, "below/c.dng"])


def test_two_batches_do_not_share_a_folder(photos: Path) -> None:
    answers: list[DioptreError] = []

    class Second(Watcher):
        def made(self, item: Item, written: list[Path], messages: tuple[str, ...]) -> None:
            with pytest.raises(DioptreError) as caught:
                batch(photos, resume=True)
            answers.append(caught.value)

    batch(photos, watcher=Second())
    assert {error.code for error in answers} == {"batch-running"}


def test_a_folder_without_pictures_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DioptreError, match="no pictures"):
        survey(tmp_path / "empty", tmp_path / "out", PORTRAIT)
    with pytest.raises(UsageError, match="does not exist"):
        survey(tmp_path / "none", tmp_path / "out", PORTRAIT)


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []
        self.remote: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href") and value is not None:
                (self.remote if ":" in value or value.startswith("//") else self.paths).append(value)


def test_the_contact_sheet_works_from_the_disk(photos: Path) -> None:
    from urllib.parse import unquote

    add(photos / "<b>&'.jpg")
    batch(photos)
    out = photos.parent / "out"
    text = (out / "contact-sheet.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    assert links.remote == []
    assert len(links.paths) == 4 * (len(NAMES) + 1)
    for path in links.paths:
        assert (out / unquote(path)).is_file(), path
    assert "<b>" not in text
    assert f"{len(NAMES) + 1} pictures: Portrait blur." in text
    assert "default-src 'none'" in text


def test_run_again_the_contact_sheet_keeps_its_rows(photos: Path) -> None:
    batch(photos)
    page = photos.parent / "out" / "contact-sheet.html"
    first = page.read_text(encoding="utf-8")
    assert first.count("<figure>") == len(NAMES)
    assert "process " in first  # The page shows the messages of the results.
    again = batch(photos)
    assert len(again.failures) == len(NAMES)  # The results already exist.
    assert page.read_text(encoding="utf-8") == first
    batch(photos, resume=True)
    assert page.read_text(encoding="utf-8") == first
    other = Recipe(steps=(Step(operation="depth"),))
    batch(photos, chosen=other)
    text = page.read_text(encoding="utf-8")
    assert text.count("<figure>") == 2 * len(NAMES)
    (photos.parent / "out" / "a-portrait.jpg").unlink()
    add(photos / "bad.jpg")
    batch(photos, chosen=other)
    text = page.read_text(encoding="utf-8")
    assert text.count("<figure>") == 2 * len(NAMES) - 1
    assert "Without a result: 1" in text


def test_a_strangers_page_is_left_alone(photos: Path) -> None:
    page = photos.parent / "out" / "contact-sheet.html"
    page.parent.mkdir()
    page.write_text("mine", encoding="utf-8")
    summary = batch(photos)
    assert summary.made == len(NAMES)
    assert summary.page_error is not None
    assert page.read_text(encoding="utf-8") == "mine"


def test_a_worker_that_cannot_see_the_file_gets_its_bytes(photos: Path) -> None:
    add(photos / "far.jpg")
    summary = batch(photos)
    assert not summary.failures


def test_a_process_that_dies_takes_nothing_with_it(photos: Path) -> None:
    add(photos / "dies.jpg")
    add(photos / "once.jpg")
    summary = batch(photos, executor=lambda _: LocalExecutor(processes=2, budget_bytes=1 << 40, do=make))
    assert {name: error.code for name, error in summary.failures.items()} == {"dies.jpg": "worker-lost"}
    assert summary.made == len(NAMES) + 1


def test_cancelling_ends_processes_at_work_at_once(photos: Path) -> None:
    for index in range(3):
        add(photos / f"slow{index}.jpg")
    executors: list[LocalExecutor] = []

    def executor(_: int) -> LocalExecutor:
        executors.append(LocalExecutor(processes=2, budget_bytes=1 << 40, do=make))
        return executors[0]

    with pytest.raises(Cancelled):
        batch(photos, executor=executor, watcher=Watcher(stop_after=len(NAMES)))
    assert not [name for name in contents(photos.parent / "out") if "slow" in name or ".dioptre" in name]
    assert (photos.parent / "out" / "contact-sheet.html").is_file()


def test_the_memory_budget_bounds_what_runs_together(photos: Path) -> None:
    executor = LocalExecutor(processes=2, budget_bytes=0, do=make)
    task = Task(name="a", stem="a", source=Path("a.jpg"), sha256="", recipe=PORTRAIT.to_dict(), size=(3000, 4000))
    assert not executor.has_room(task, [task])
    assert LocalExecutor(processes=2, budget_bytes=1 << 40, do=make).has_room(task, [task])
    # All pictures are processed, but only one at a time.
    summary = batch(photos, executor=lambda _: executor)
    assert summary.made == len(NAMES)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_a_fifo_among_the_pictures_fails_alone_and_blocks_nothing(photos: Path) -> None:
    os.mkfifo(photos / "z.jpg")
    summary = batch(photos)
    assert summary.made == len(NAMES)
    assert list(summary.failures) == ["z.jpg"]
    assert "not a regular file" in summary.failures["z.jpg"].message
