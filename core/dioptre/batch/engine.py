"""Distribute the pictures of a batch to workers, collect the results, and survive workers that crash."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from dioptre.photo import opened
from dioptre_link.errors import DioptreError

from .work import NOT_HERE, Failed, Outcome, Task

_LOOK_S = 1.0  # interval of checks for workers that have joined


class WorkerLostError(DioptreError):
    """The process that worked on the picture ended without an answer."""

    code = "worker-lost"


@runtime_checkable
class Executor(Protocol):
    """A pool of local processes, or of a scheduler's workers, that runs tasks."""

    def has_room(self, task: Task, running: Iterable[Task]) -> bool:
        """Return whether `task` can start in addition to the running ones."""

    def submit(self, task: Task) -> Future[Outcome]:
        """Start a task; the future raises WorkerLostError if its worker crashes."""

    def close(self) -> None:
        """End all workers started by this executor at once."""


@dataclass(frozen=True, kw_only=True)
class _Try:
    task: Task
    # Whether no other task may run at the same time. This is set after a crash: if a process crashes again, this
    # task must be the cause.
    alone: bool = False


def run(tasks: Iterable[Task], executor: Executor, *, done: Callable[[Task, Outcome], None]) -> None:
    """Start all tasks in order, as many at a time as the executor has room for; call `done` when one ends.

    A picture whose worker crashed is tried once more, while no other is running. If a worker cannot read the
    picture at its path, the task is repeated with the picture's bytes. `done` may raise an exception to stop;
    `executor` is always closed at the end.
    """
    waiting = deque(_Try(task=task) for task in tasks)
    running: dict[Future[Outcome], _Try] = {}
    try:
        while waiting or running:
            while waiting and _may_begin(waiting[0], executor, running):
                each = waiting.popleft()
                running[executor.submit(each.task)] = each
            ended, _ = wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            for future in ended:
                each = running.pop(future)
                again, outcome = _judge(each, future)
                if again is None:
                    done(each.task, outcome)
                elif again.alone:
                    waiting.append(again)
                else:
                    waiting.appendleft(again)
    finally:
        executor.close()


def _may_begin(each: _Try, executor: Executor, running: Mapping[Future[Outcome], _Try]) -> bool:
    if not running:
        return True
    if each.alone or any(other.alone for other in running.values()):
        return False
    return executor.has_room(each.task, [other.task for other in running.values()])


def _judge(each: _Try, future: Future[Outcome]) -> tuple[_Try | None, Outcome]:
    """Return the next attempt, or None if there will be no more, and the outcome of this attempt."""
    try:
        outcome = future.result()
    except WorkerLostError as error:
        outcome = Failed.by(error)
        return (None if each.alone else replace(each, alone=True)), outcome
    if isinstance(outcome, Failed) and outcome.code == NOT_HERE and each.task.content is None:
        try:
            with opened(each.task.source) as file:
                content = file.read()
        except DioptreError:
            return None, outcome
        return replace(each, task=replace(each.task, content=content)), outcome
    return None, outcome
