"""Run a batch: apply a recipe to a folder of pictures and write the results to another folder."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from dioptre import photo
from dioptre.photo import apart, problems
from dioptre.photo.results import spare_input
from dioptre.recipes.on_file import sha256_of
from dioptre_link.catalogue import operation
from dioptre_link.errors import Cancelled, DioptreError
from dioptre_link.recipe import Recipe

from . import contact_sheet, engine, plan
from .engine import Executor
from .plan import Item
from .work import Failed, Made, Outcome, Task


@runtime_checkable
class Watcher(Protocol):
    """Observer of a batch."""

    def made(self, item: Item, written: list[Path], messages: tuple[str, ...]) -> None:
        """Handle a finished picture whose files have been written."""

    def failed(self, item: Item, error: DioptreError) -> None:
        """Handle a picture without a result; the batch continues."""

    def progress(self, fraction: float, phase: str) -> None:
        """Handle progress: the fraction done, 0 to 1, and a description. May raise `Cancelled`."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The outcome of a batch.

    Attributes:
        made: number of pictures that were processed.
        finished_before: number of pictures that were already finished.
        left_out: number of pictures in system folders, which are not processed, by the folder's name.
        unread: folders that cannot be read.
        failures: the errors of pictures without a result, by name.
        page: the contact sheet; None if there is none.
        page_error: the error that prevented the contact sheet from being written; None if there was none.
    """

    made: int
    finished_before: int
    left_out: Counter[str] = field(default_factory=Counter)
    unread: Sequence[Path] = ()
    failures: dict[str, DioptreError] = field(default_factory=dict)
    page: Path | None = None
    page_error: DioptreError | None = None


def run_batch(
    folder: Path,
    output: Path,
    chosen: Recipe,
    *,
    executor: Callable[[int], Executor],
    watcher: Watcher,
    resume: bool = False,
    force: bool = False,
    everything: bool = False,
) -> Summary:
    """Apply a recipe to every picture in `folder` and its subfolders, and mirror the folders in `output`.

    Originals are never changed, and existing files are replaced only with `force`. A picture that fails does not
    stop the others. However the batch ends, the contact sheet in `output` shows the existing results.

    Args:
        folder: folder of the pictures.
        output: folder for the results.
        chosen: the recipe.
        executor: creates an executor for a number of pictures.
        watcher: observer of the batch.
        resume: skip pictures that are already finished.
        force: replace existing results.
        everything: write all files that `run` writes, instead of only the result and its recipe.

    Raises:
        UsageError: the folders are invalid.
        DioptreError: an error concerns all pictures.
        Cancelled: the watcher raised it.
    """
    batch = _Batch(output, chosen, watcher, force=force, everything=everything)
    found = plan.survey(folder, output, chosen)
    output.mkdir(parents=True, exist_ok=True)
    with _alone(output):
        try:
            watcher.progress(0.0, "Checking the pictures")
            tasks = [task for item in found.items if (task := batch.task(item, resume=resume)) is not None]
            batch.begin(tasks)
            if tasks:
                engine.run(tasks, executor(len(tasks)), done=batch.done)
        finally:
            batch.write_page(found.items)
    return batch.summary(found)


class _Batch:
    """The state of a running batch."""

    def __init__(self, output: Path, chosen: Recipe, watcher: Watcher, *, force: bool, everything: bool) -> None:
        self._output, self._chosen, self._watcher = output, chosen, watcher
        self._force, self._everything = force, everything
        self._recipe = chosen.to_dict()
        self._items: dict[str, Item] = {}
        self._failures: dict[str, DioptreError] = {}
        self._messages: dict[str, tuple[str, ...]] = {}
        self._models: dict[str, str] = {}
        self._finished_before = self._made = self._count = 0
        self._weight_done = self._weight = 0
        self._started = time.monotonic()
        self._page: Path | None = None
        self._page_error: DioptreError | None = None

    def task(self, item: Item, *, resume: bool) -> Task | None:
        """Return the task for this picture; None if its result is finished already or it cannot be processed."""
        with self._failing_alone(item):
            sha256 = sha256_of(item.source)
            if resume and self._is_finished(item, sha256):
                self._finished_before += 1
                return None
            if not self._force and (there := plan.result_of(item, self._chosen)) is not None:
                raise problems.FileExists(
                    f"{problems.shown(there)} already exists and comes from a different picture or recipe."
                    if resume
                    else f"{problems.shown(there)} already exists.",
                    hint="Use --resume to skip finished pictures or --force to replace them, or choose another "
                    "folder.",
                )
            size = (0, 0)
            with suppress(DioptreError):  # which decoding will raise again
                size = apart.reader().describe(item.source).size
            self._items[item.name] = item
            return Task(
                name=item.name,
                stem=item.stem,
                source=item.source.absolute(),
                sha256=sha256,
                recipe=self._recipe,
                everything=self._everything,
                size=size,
            )
        return None

    def _is_finished(self, item: Item, sha256: str) -> bool:
        """Return whether the result exists; raise DamagedResult if it was changed, except with `force`."""
        found = plan.state(item, self._chosen, sha256=sha256, everything=self._everything)
        if found is plan.State.DAMAGED and not self._force:
            there = plan.result_of(item, self._chosen) or item.folder
            raise problems.DamagedResult(
                "{file} or one of its companion files is damaged or was changed after it was written.",
                hint="Use --resume --force to recreate it, or move it elsewhere to keep it.",
                file=problems.shown(there),
            )
        return found is plan.State.FINISHED

    def begin(self, tasks: list[Task]) -> None:
        self._count = len(tasks)
        self._weight = sum(map(_weight, tasks))
        self._started = time.monotonic()
        self._tell()

    def done(self, task: Task, outcome: Outcome) -> None:
        item = self._items[task.name]
        with self._failing_alone(item):
            if isinstance(outcome, Failed):
                raise outcome.error()
            self._require_same_weights(outcome)
            self._publish(item, outcome)
        self._weight_done += _weight(task)
        self._tell()

    def write_page(self, found: Sequence[Item]) -> None:
        """Write the contact sheet; rows of earlier batches are kept as long as their results exist."""
        rows = {shown.result: shown for shown in contact_sheet.shown_before(self._output)}
        missing = []
        for item in found:
            error = self._failures.get(item.name)
            result = plan.result_of(item, self._chosen)
            if result is not None and (item.name in self._messages or result not in rows):
                rows[result] = self._row(item, result)
            elif result is None and error is not None:
                missing.append(contact_sheet.Missing(name=item.name, reason=error.message, hint=error.hint))
        shown = sorted(rows.values(), key=lambda row: (row.name, row.result))
        if not shown and not missing:
            return
        steps = [operation(step.operation).title for step in self._chosen.steps]
        try:
            title = self._output.resolve().name or "Contact sheet"
            self._page = contact_sheet.write_page(
                self._output, title=title, steps=steps, shown=shown, missing=missing
            )
        except DioptreError as error:
            self._page_error = error

    def _row(self, item: Item, result: Path) -> contact_sheet.Shown:
        before, after = (p if p.is_file() else None for p in plan.preview_paths(self._output, item))
        messages = self._messages.get(item.name, ())
        return contact_sheet.Shown(
            name=item.name, original=item.source, result=result, before=before, after=after, messages=messages
        )

    def summary(self, found: plan.Survey) -> Summary:
        return Summary(
            made=self._made,
            finished_before=self._finished_before,
            left_out=found.left_out,
            unread=found.unread,
            failures=self._failures,
            page=self._page,
            page_error=self._page_error,
        )

    def _publish(self, item: Item, made: Made) -> None:
        # The recipe is written last, because it lists the other files.
        names = sorted(made.files, key=lambda name: name.endswith(".json"))
        with photo.staged(item.folder, force=self._force, permissions_of=item.source) as staging:
            for name in names:
                spare_input(item.folder / name, item.source)
                staging.open(name).write(made.files[name])
        messages = (*made.messages, *self._publish_previews(item, made))
        self._made += 1
        self._messages[item.name] = messages
        self._watcher.made(item, [item.folder / name for name in made.files], messages)

    def _publish_previews(self, item: Item, made: Made) -> tuple[str, ...]:
        """Write the small pictures for the contact sheet; return a message if that fails."""
        small = plan.preview_paths(self._output, item)
        try:
            with photo.staged(small[0].parent, force=True, permissions_of=item.source) as staging:
                for path, content in zip(small, (made.before, made.after), strict=True):
                    staging.open(path.name).write(content)
        except DioptreError as error:
            return (error.message,)
        return ()

    def _require_same_weights(self, made: Made) -> None:
        """Raise DioptreError unless all machines of the batch use networks with the same weights."""
        for name, checksum in made.models.items():
            if self._models.setdefault(name, checksum) != checksum:
                raise DioptreError(
                    "A worker has different weights for {name} than the worker that processed the first picture.",
                    hint="Install the same version and the same added networks on every machine.",
                    code="other-weights",
                    name=name,
                )

    @contextmanager
    def _failing_alone(self, item: Item) -> Iterator[None]:
        """Record whatever goes wrong with a picture, so that it does not stop the others."""
        try:
            yield
        except Cancelled:
            raise
        except DioptreError as error:
            self._fail(item, error)
        except Exception as error:  # noqa: BLE001  (one picture must not end the others)
            self._fail(item, Failed.by(error).error())

    def _fail(self, item: Item, error: DioptreError) -> None:
        self._failures[item.name] = error
        self._watcher.failed(item, error)

    def _tell(self) -> None:
        share = self._weight_done / self._weight if self._weight else 1.0
        through = self._made + sum(name in self._failures for name in self._items)
        phase = f"{through} of {self._count} pictures"
        if 0 < share < 1:
            phase += f", about {_duration((time.monotonic() - self._started) * (1 - share) / share)} left"
        self._watcher.progress(share, phase)


def _weight(task: Task) -> int:
    """Return the relative cost of a picture, to estimate the time left: a fixed cost plus 1 per pixel."""
    height, width = task.size
    return 300_000 + height * width


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Allow only one batch at a time in a folder, if the file system supports locks."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    try:
        descriptor = os.open(output, os.O_RDONLY)
    except OSError as error:
        raise problems.writing(error, output) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DioptreError(
                "Another batch is already writing to {file}.",
                hint="Wait for it to finish, or choose another folder.",
                code="batch-running",
                file=problems.shown(output),
            ) from None
        except OSError:
            pass  # the file system does not support locks
        yield
    finally:
        os.close(descriptor)
