"""Local worker processes: one per core, or fewer if there is not enough memory for that.

One process per core finishes at least as many pictures an hour as one process on all cores (XLA's threads wait for
each other), and a picture that crashes its process does not affect the others. Each process has its own executor,
which shows which picture caused a crash.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess

from dioptre import runtime
from dioptre.recipes import memory
from dioptre_link import scratch
from dioptre_link.chain import CHAIN
from dioptre_link.errors import Cancelled

from . import work
from .engine import WorkerLostError
from .work import Outcome, Task

_CARD_PROCESSES = 2  # one computes while the other decodes and encodes
_ALONE = (
    "The process for this picture crashed twice; there may not be enough memory.",
    "Use --processes 1 or a smaller copy of the picture.",
)


def cores() -> int:
    """Return the number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def usual_processes() -> int:
    """Return how many processes to use: one per core, or `_CARD_PROCESSES` on a graphics card.

    Each process on a card needs its own copy of the networks and of CUDA's libraries in the card's memory.
    """
    return min(cores(), _CARD_PROCESSES) if runtime.expects_card() else cores()


def budget_bytes() -> int:
    """Return the memory available to all processes together: the free memory minus a reserve for the system."""
    return max(0, memory.free_bytes() - memory.RESERVE_BYTES)


class LocalExecutor:
    """Up to `processes` local workers, fewer if their tasks would need more than `budget_bytes` of memory.

    The argument `do` executes a task in a worker; tests replace it.
    """

    def __init__(self, *, processes: int, budget_bytes: int, do: Callable[[Task], Outcome] = work.make) -> None:
        scratch.sweep()
        threads = max(1, cores() // processes)
        self._lanes = [_Lane(threads, processes) for _ in range(processes)]
        self._budget = budget_bytes
        self._do = do

    def has_room(self, task: Task, running: Iterable[Task]) -> bool:
        together = [task, *running]
        return any(lane.idle for lane in self._lanes) and sum(map(_need, together)) <= self._budget

    def submit(self, task: Task) -> Future[Outcome]:
        lane = next(lane for lane in self._lanes if lane.idle)
        return lane.submit(partial(self._do, task))

    def close(self) -> None:
        for lane in self._lanes:
            lane.kill()
        scratch.sweep()  # remove the temporary folders of processes that were killed


class _Lane:
    """A process that is started on first use and restarted after a crash."""

    def __init__(self, threads: int, processes: int = 1) -> None:
        self._threads, self._processes_in_all = threads, processes
        self._executor: ProcessPoolExecutor | None = None
        self._processes: list[BaseProcess] = []
        self.idle = True

    def submit(self, call: Callable[[], Outcome]) -> Future[Outcome]:
        self.idle = False
        answer: Future[Outcome] = Future()
        answer.set_running_or_notify_cancel()
        with _unheard_interrupts():
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    1,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_begin,
                    initargs=(self._threads, self._processes_in_all),
                )
            before = set(multiprocessing.active_children())
            inner = self._executor.submit(call)
            self._processes += [each for each in multiprocessing.active_children() if each not in before]
        inner.add_done_callback(partial(self._pass_on, answer))
        return answer

    def _pass_on(self, answer: Future[Outcome], inner: Future[Outcome]) -> None:
        # The task is cancelled if the batch ended while its process was still starting.
        error: BaseException | None = Cancelled() if inner.cancelled() else inner.exception()
        if isinstance(error, BrokenProcessPool):
            self._executor, self._processes = None, []
            error = WorkerLostError(_ALONE[0], hint=_ALONE[1])
        self.idle = True
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(inner.result())

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)


def _begin(threads: int, processes: int) -> None:
    """Initialise a new process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    work.prepare(threads=threads, processes=processes)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)  # the parent has ended, so nobody will receive the result


@contextmanager
def _unheard_interrupts() -> Iterator[None]:
    """Block SIGINT in new processes: Ctrl-C reaches every process of a terminal, but only the parent handles it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _need(task: Task) -> int:
    """Return the peak memory of a task; a picture of unknown size counts as 12 megapixels."""
    size = task.size if task.size != (0, 0) else (3000, 4000)
    return memory.need_bytes(CHAIN, {"steps": task.recipe["steps"]}, size)
