"""Runs work on the GUI thread in small steps, because Krita's API works only there."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from inspect import GEN_RUNNING, getgeneratorstate
from typing import Any

from . import depth_editing, filming, layers, selecting
from .dioptre_link.editing import refusals
from .dioptre_link.editing.traits import (
    changes_depth,
    films,
    looks_into_file,
    roles_wanted,
    selects,
    takes_selection,
)
from .dioptre_link.errors import Cancelled
from .dioptre_link.language import translated
from .dioptre_link.operation import Operation
from .document import LOG, Document, Node, ScratchDocuments, check_open, client, is_open, record_of, title_of
from .painting import WAITING
from .sources import Source, find
from .toolkit import QApplication, QObject, QTimer, pyqtSignal
from .transfer import SELECTION_ROLES, LinkThread, Order, Outcome, Ticket, compute
from .undo_sync import UndoSync

Steps = Generator[object, None, Any]
TURN_S = 0.012  # Longest stretch of work before Krita gets control back: less than a frame.
WAIT_MS = 50  # Pause after a step that waits for the user.


class Stepper(QObject):
    """Runs one generator, a few steps at a time whenever Krita is idle.

    A step may call Krita, which may process events before it returns: the next turn, `stop` or `start` then comes
    in the middle of a step.
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps: Steps | None = None
        self._done: Callable[[Any], None] | None = None
        self._failed: Callable[[Exception], None] | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._turn)

    @property
    def busy(self) -> bool:
        return self._steps is not None

    def start(self, steps: Steps, done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        """Run `steps` in place of any previous generator.

        Args:
            steps: The generator to run.
            done: Called with the generator's return value.
            failed: Called with the exception that the generator raised.
        """
        self.stop()
        self._steps, self._done, self._failed = steps, done, failed
        self._timer.start(0)

    def stop(self) -> None:
        """Close the generator without calling `done` or `failed`."""
        self._timer.stop()
        steps, self._steps = self._steps, None
        if steps is not None and getgeneratorstate(steps) != GEN_RUNNING:  # else it is closed when its step ends
            steps.close()

    def _turn(self) -> None:
        steps, done, failed = self._steps, self._done, self._failed
        if steps is None or done is None or failed is None or getgeneratorstate(steps) == GEN_RUNNING:
            return
        until = time.perf_counter() + TURN_S
        try:
            waits = False
            while self._steps is steps and time.perf_counter() < until and not waits:
                waits = next(steps) is WAITING
            self._timer.setInterval(WAIT_MS if waits else 0)
        except StopIteration as end:
            if self._steps is steps:
                self._end()
                done(end.value)
        except Exception as error:  # noqa: BLE001  (reported to the caller)
            if self._steps is steps:
                self._end()
                failed(error)
        else:
            if self._steps is not steps:
                steps.close()

    def _end(self) -> None:
        self._timer.stop()
        self._steps = None


def finish(steps: Steps) -> Any:
    """Run a generator to the end at once and return its value."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def while_open(document: Document, steps: Steps) -> Steps:
    """Run a generator while a document is open: Krita may crash if a step touches a closed one.

    Raises:
        RefusedError: The document was closed before the first step or between two steps.
    """
    try:
        while True:
            check_open(document)
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            yield step
    finally:
        steps.close()


class Run(QObject):
    """One running operation, which ends with exactly one of `finished(node, messages)` and `failed(error)`."""

    progressed = pyqtSignal(float, str)
    finished = pyqtSignal(object, object)
    failed = pyqtSignal(object)

    def __init__(self, title: str, document: Document | None) -> None:
        super().__init__()
        self.title = title
        self.document = document
        self.ticket: Ticket | None = None
        self.done = False
        self.makes_layers = False
        self.paints = False  # Whether it follows a stroke on depth, which the user goes on painting.
        # Whether the preview must be read again after the run, because the run changes its layer.
        self.rereads = False
        self._stepper = Stepper()

    def cancel(self) -> None:
        if self.done:
            return
        if self.ticket is not None:
            self.ticket.cancel()
        if self._stepper.busy:
            self.end(Cancelled())

    def take(self, steps: Steps, done: Callable[[Any], None]) -> None:
        """Execute `steps` and pass their return value to `done`; if they fail, end the run."""
        self._stepper.start(steps, done, self.end)

    def end(self, error: Exception | None = None, value: Any = None) -> None:
        if self.done:
            return
        self.done = True
        self._stepper.stop()
        if error is None:
            self.finished.emit(*value)
        else:
            self.failed.emit(LOG.told(error))


class JobManager(QObject):
    """All runs of this Krita process, executed one after the other, and the thread they share."""

    started = pyqtSignal(object)
    stopped = pyqtSignal()  # Emitted when the user has cancelled all jobs.

    def __init__(self) -> None:
        super().__init__()
        self.undo_sync = UndoSync(self)
        self.runs: list[Run] = []
        self._tickets: dict[Ticket, tuple[Run, Callable[[Any], Steps]]] = {}
        QApplication.instance().aboutToQuit.connect(self.cancel_all)
        self._thread = LinkThread(client())
        self._thread.progressed.connect(self._progressed)
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)

    def cancel_all(self) -> None:
        """Cancel every job, including those that are still waiting."""
        for run in list(self.runs):
            run.cancel()
        self.stopped.emit()

    def put(
        self,
        title: str,
        read: Steps,
        work: Callable[..., Any],
        make: Callable[[Any], Steps],
        document: Document | None = None,
    ) -> Run:
        """Queue a run that reads, computes on the thread, and creates layers.

        Args:
            title: English title of the run.
            read: Steps on the GUI thread; their return value is the input of `work`.
            work: Called on the thread with that input, the worker, a ticket and a progress callback.
            make: Called with the result of `work`; returns steps whose return value is (node, messages).
            document: The run fails once this document is closed; None if it only needs what it has read.

        Returns:
            The new run.
        """
        run = Run(title, document)
        self.runs.append(run)
        run.finished.connect(lambda *_: self._forget(run))
        run.failed.connect(lambda *_: self._forget(run))
        self.started.emit(run)

        def guarded(steps: Steps) -> Steps:
            return steps if document is None else while_open(document, steps)

        run.take(
            guarded(read),
            lambda given: self._hand_over(run, functools.partial(work, given), lambda done: guarded(make(done))),
        )
        return run

    def start(
        self,
        described: Operation,
        options: Mapping[str, Any],
        document: Document,
        node: Node,
        depth: Node | None = None,
        *,
        layer: Node | None = None,
        notes: tuple[str, ...] = (),
    ) -> Run:
        """Start an operation on a layer; the finished run's messages begin with `notes`.

        Raises:
            RefusedError: The operation cannot work on this layer.
        """
        checked = described.check(options)
        found = find(described, document, node, depth, layer=layer)
        if changes_depth(described):
            depth_editing.check_repair(found)
        if films(described):
            title = title_of(document)  # It may be closed meanwhile.
            return self.put(
                described.title,
                found.read(),
                lambda source, *given: filming.work(order_for(described, checked, source), described, *given),
                lambda done: filming.show(title, *done),
            )
        return self.put(
            described.title,
            found.read(),
            lambda source, *given: (source, compute(order_for(described, checked, source), *given)),
            lambda done: make_layers(
                described, checked, done[0], replace(done[1], messages=(*notes, *done[1].messages)), self.undo_sync
            ),
            document,
        )

    @property
    def makes_layers(self) -> bool:
        """Whether a run is inserting layers into a document; their group may then be active but still empty."""
        return any(run.makes_layers for run in self.runs)

    def _hand_over(self, run: Run, work: Callable[..., Any], make: Callable[[Any], Steps]) -> None:
        if self._tickets:
            run.progressed.emit(0.0, "Waiting for other work to end")
        run.ticket = self._thread.put(work)
        self._tickets[run.ticket] = (run, make)

    def _forget(self, run: Run) -> None:
        if run in self.runs:
            self.runs.remove(run)

    def _progressed(self, ticket: Ticket, fraction: float, phase: str) -> None:
        if ticket not in self._tickets:
            return
        run = self._tickets[ticket][0]
        if run.document is not None and not is_open(run.document):
            run.cancel()  # Its result has no place to go and would delay other jobs.
            run.end(refusals.document_closed())
        run.progressed.emit(fraction, phase)

    def _done(self, ticket: Ticket, value: Any) -> None:
        run, make = self._tickets.pop(ticket)
        run.ticket = None
        if ticket.cancelled:
            run.end(Cancelled())
        else:
            run.makes_layers = True
            run.progressed.emit(1.0, "Creating layers")
            run.take(make(value), lambda ended: run.end(value=ended))

    def _failed(self, ticket: Ticket, error: Exception) -> None:
        run, _ = self._tickets.pop(ticket)
        run.end(error)


@functools.lru_cache(maxsize=1)
def job_manager() -> JobManager:
    """Return the single job manager of this Krita process, created on first use."""
    return JobManager()


def order_for(described: Operation, options: Mapping[str, Any], source: Source) -> Order:
    return Order(
        operation=described.name,
        options=options,
        picture=source.picture,
        layer=source.layer,
        depth=source.depth,
        selection=source.selection if takes_selection(described) else None,
        opened_file=source.opened_file if looks_into_file(described) else None,
        roles=SELECTION_ROLES if selects(described) else roles_wanted(described),
        depth_metres=source.depth_metres,
    )


def make_layers(
    described: Operation, options: dict[str, Any], source: Source, outcome: Outcome, undo_sync: UndoSync
) -> Generator[None, None, tuple[Node, tuple[str, ...]]]:
    """Create a result's layers and return the new node and messages; only the last step changes the document."""
    if changes_depth(described):
        return (yield from depth_editing.repair(source, outcome, undo_sync))
    if selects(described):
        return (yield from selecting.make(source, described, options, outcome, undo_sync))
    source.node()
    with ScratchDocuments() as scratch:
        built = yield from layers.build(source, outcome, scratch)
        copy = None
        if layers.needs_copy(source, described, built):
            copy = yield from layers.copying(source, scratch)
        above = source.layer_node() or source.node()
        hides = above.visible()
        top = layers.insert(source, described, built, copy, scratch)
        made = layers.entry(described, dict(options), source, outcome=outcome, built=built, top=top)
        notes = layers.notes(source.document, made, built)
        record_of(source.document).add(made)
        source.document.setModified(True)
        undo_sync.made(source.document, above, top, hides=hides and not above.visible())
        scratch.close_soon()
    return top, (*outcome.messages, *notes)


def in_short(run: Run, messages: tuple[str, ...]) -> str:
    """Return a summary of the finished run for the user."""
    return " ".join(map(translated, messages)) or f"{translated(run.title)}: ✓"
