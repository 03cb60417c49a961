"""Tasks run one at a time, urgent ones first, and warm-up happens only while nothing is waiting."""

from __future__ import annotations

import threading
import time

import pytest

from dioptre.worker.engine import FULL, PREVIEW, Engine, Task
from dioptre_link.errors import Cancelled

ENOUGH_S = 30.0


@pytest.fixture
def engines():
    made: list[Engine] = []

    def make(*steps, quiet_s: float = 0.05) -> Engine:
        made.append(Engine(steps, quiet_s=quiet_s))
        return made[-1]

    yield make
    for engine in made:
        engine.stop()
        engine.join(ENOUGH_S)
        assert not engine._thread.is_alive()


def test_previews_go_first_and_order_is_kept(engines) -> None:
    engine, done, last = engines(), [], threading.Event()
    for name, priority in (("a", FULL), ("b", PREVIEW), ("c", FULL), ("d", PREVIEW)):
        engine.put(Task(lambda name=name: done.append(name), priority))
    engine.put(Task(last.set, FULL))
    engine.start()
    assert last.wait(ENOUGH_S)
    assert done == ["b", "d", "a", "c"]


def test_a_cancelled_task_is_not_begun(engines) -> None:
    engine, done, last = engines(), [], threading.Event()
    task = Task(lambda: done.append("cancelled"))
    engine.put(task)
    task.cancelled.set()
    engine.put(Task(last.set))
    engine.start()
    assert last.wait(ENOUGH_S)
    assert done == []


def test_warming_up_yields_to_a_task_and_goes_on_after_it(engines) -> None:
    done: list[str] = []
    began, finished = threading.Event(), threading.Event()

    def slow(progress) -> None:
        done.append("begun")
        began.set()
        if len(done) > 1:
            return
        while True:
            progress(0.0, "")

    def failing(progress) -> None:
        raise ValueError("a network is missing")

    def last(progress) -> None:
        finished.set()

    engine = engines(slow, failing, last)
    engine.start()
    assert began.wait(ENOUGH_S)
    assert not engine.idle
    engine.put(Task(lambda: done.append("task")))
    assert finished.wait(ENOUGH_S)
    assert done == ["begun", "task", "begun"]


def test_between_tasks_in_quick_succession_nothing_is_warmed_up(engines) -> None:
    warmed = threading.Event()
    engine = engines(lambda _progress: warmed.set(), quiet_s=ENOUGH_S)
    tasks = [threading.Event(), threading.Event()]
    engine.put(Task(tasks[0].set))
    engine.start()
    assert tasks[0].wait(ENOUGH_S)
    assert not warmed.wait(0.2)
    engine.put(Task(tasks[1].set))
    assert tasks[1].wait(ENOUGH_S)
    assert not warmed.is_set()


def test_what_is_expected_is_warmed_up_next(engines) -> None:
    done: list[str] = []
    began, finished = threading.Event(), threading.Event()

    def first(progress) -> None:
        done.append("first")
        began.set()
        while len(done) == 1:
            progress(0.0, "")
        if "wanted" in done:
            finished.set()

    def second(progress) -> None:
        done.append("second")

    def wanted(progress) -> None:
        done.append("wanted")

    engine = engines(first, second, wanted)
    engine.start()
    assert began.wait(ENOUGH_S)
    engine.expect("wanted")
    engine.expect("nothing of the kind")
    assert finished.wait(ENOUGH_S)
    assert done[:3] == ["first", "wanted", "first"]


def test_nothing_is_warmed_up_while_a_preview_may_be_asked_for(engines) -> None:
    """Compilation cannot be interrupted, so a moved slider would have to wait for it."""
    warmed, task, holder = threading.Event(), threading.Event(), object()
    engine = engines(lambda _progress: warmed.set(), quiet_s=0.0)
    engine.hold(holder, needed=True)
    engine.start()
    engine.put(Task(task.set))
    assert task.wait(ENOUGH_S)
    last = threading.Event()
    engine.put(Task(last.set))
    assert last.wait(ENOUGH_S)
    assert not warmed.is_set()
    engine.hold(holder, needed=False)
    assert warmed.wait(ENOUGH_S)


def test_a_running_step_of_warming_up_ends_as_soon_as_one_may_be_asked_for(engines) -> None:
    began, gave_way = threading.Event(), threading.Event()

    def slow(progress) -> None:
        began.set()
        try:
            while True:
                progress(0.0, "")
        except Cancelled:
            gave_way.set()
            raise

    engine = engines(slow, quiet_s=0.0)
    engine.start()
    assert began.wait(ENOUGH_S)
    engine.hold(engine, needed=True)
    assert gave_way.wait(ENOUGH_S)


def test_a_step_that_tasks_interrupt_waits_twice_as_long_each_time(engines) -> None:
    began, starts, ends = threading.Semaphore(0), [], []

    def endless(progress) -> None:
        starts.append(time.monotonic())
        began.release()
        while True:
            progress(0.0, "")
            time.sleep(0.001)

    engine = engines(endless, quiet_s=0.05)
    engine.start()
    for _ in range(4):
        assert began.acquire(timeout=ENOUGH_S)
        done = threading.Event()
        engine.put(Task(lambda done=done: (ends.append(time.monotonic()), done.set())))
        assert done.wait(ENOUGH_S)
    assert began.acquire(timeout=ENOUGH_S)
    pauses = [start - end for start, end in zip(starts[1:], ends, strict=True)]
    assert all(pause >= wanted for pause, wanted in zip(pauses, (0.1, 0.2, 0.4, 0.8), strict=True))
