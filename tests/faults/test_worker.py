"""A worker is killed at any step of a job: the editor is notified, no files remain, and the next job succeeds."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dioptre_link import start
from dioptre_link.client import Result, Worker
from dioptre_link.errors import DioptreError
from dioptre_link.wire import PixelFormat

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

ENOUGH_S = 90.0
FAKE_WORKER = Path(__file__).resolve().parents[1] / "link" / "fake_worker.py"
SIZE = (64, 48)
LAYOUT = PixelFormat("u8", channels=4)
STEPS = ("connected", "filled", "stored", "submitted", "progress", "result")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    if (rendezvous := start.Rendezvous.read()) is not None:
        kill(rendezvous.pid)


def kill(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        process.kill()
        process.wait(ENOUGH_S)
    except psutil.NoSuchProcess:
        pass


def pid() -> int:
    rendezvous = start.Rendezvous.read()
    assert rendezvous is not None
    return rendezvous.pid


def job(at: Callable[[str], None], *, seconds: float = 0.0) -> bytes:
    """Run a complete job, calling `at` with the name of each step, and return the result's pixels."""
    worker = Worker("test", command=[sys.executable, str(FAKE_WORKER), "120"])
    try:
        worker.connect()
        at("connected")
        with worker.new_buffer(*SIZE, LAYOUT) as picture:
            picture.write_rows(0, bytes(SIZE[0] * SIZE[1] * 4))
            at("filled")
            stored = worker.store("photo", "picture", picture)
            at("stored")
            running = worker.submit("fake", {"seconds": seconds}, {"picture": stored}, colour_format=LAYOUT)
            at("submitted")
            end = time.monotonic() + ENOUGH_S
            while not isinstance(result := running.poll(0.01), Result):
                at("progress")
                assert time.monotonic() < end
            at("result")
            pixels = result.layers[0].buffer.read_rows(0, SIZE[1])
            result.delete()
            return pixels
    finally:
        worker.close()


def served(home: Path) -> None:
    """Check that the next job succeeds and that no pixels of either job remain."""
    assert len(job(lambda step: None)) == SIZE[0] * SIZE[1] * 4
    end = time.monotonic() + ENOUGH_S
    while left := [name for _, _, names in os.walk(start.exchange_dir()) for name in names]:
        assert time.monotonic() < end, left  # The worker cleans up after a connection has closed.
        time.sleep(0.01)


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step(step: str, home: Path) -> None:
    killed: list[int] = []

    def at(here: str) -> None:
        if here == step and not killed:
            killed.append(pid())
            os.kill(killed[0], signal.SIGKILL)

    outcome: DioptreError | bytes
    try:
        outcome = job(at, seconds=1.0)
    except DioptreError as error:
        outcome = error
    if isinstance(outcome, DioptreError):
        assert outcome.message
        assert outcome.hint
        assert step != "result", "it was whole by then"
    else:  # If a worker is killed before it has stored anything, another one may replace it and finish the job.
        assert step in ("connected", "filled", "result")
        assert len(outcome) == SIZE[0] * SIZE[1] * 4
    assert killed
    served(home)
    assert pid() != killed[0]
