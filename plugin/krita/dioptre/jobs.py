"""Runs: from a layer to new layers, without ever waiting on the GUI thread.

A run reads its layer at once, lets a thread talk to the worker, and makes layers in small steps when the result is
there. The document changes in the last step only; cancelling before leaves it as it was.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from typing import Any

from krita import Document, Krita, Node

from . import layers, recipe
from .dioptre_link.errors import Cancelled, DioptreError
from .dioptre_link.operations import Kind, Operation
from .keeper import Keeper
from .link import LinkThread, Order, Outcome, Ticket, compute
from .log import logger, place
from .qt import QApplication, QObject, QTimer, pyqtSignal
from .sources import Source, find, takes_selection


class Run(QObject):
    """One operation on its way. Ends with exactly one of `finished(node, messages)` and `failed(error)`."""

    progressed = pyqtSignal(float, str)
    finished = pyqtSignal(object, object)
    failed = pyqtSignal(object)

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.ticket: Ticket | None = None
        self.done = False
        self._steps: Generator[None, None, Any] | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._step)

    def cancel(self) -> None:
        if self.done:
            return
        if self.ticket is not None:
            self.ticket.cancel()
        if self._steps is not None:
            self._timer.stop()
            self._steps.close()
            self.end(Cancelled())

    def make(self, steps: Generator[None, None, Any]) -> None:
        """Make layers, one step whenever Krita has nothing else to do."""
        self._steps = steps
        self.progressed.emit(1.0, "Making layers")
        self._timer.start(0)

    def end(self, error: Exception | None = None, value: Any = None) -> None:
        if self.done:
            return
        self.done = True
        self._timer.stop()
        if error is None:
            self.finished.emit(*value)
        else:
            if not isinstance(error, DioptreError):
                logger.error("unexpected", exc_info=error)
            self.failed.emit(in_words(error))

    def _step(self) -> None:
        assert self._steps is not None
        try:
            next(self._steps)
        except StopIteration as end:
            self.end(value=end.value)
        except Exception as error:  # noqa: BLE001  (told to whoever listens, and logged)
            self.end(error)


class Desk(QObject):
    """All runs of this Krita, one after the other, and the thread they share."""

    started = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.keeper = Keeper(self)
        self.runs: list[Run] = []
        self.options: dict[str, dict[str, Any]] = {}  # by operation, as the panel has them
        self.points: dict[str, tuple[str, tuple[float, float]]] = {}  # by operation: node, and the clicked point
        self._tickets: dict[Ticket, tuple[Run, Callable[[Any], Generator[None, None, Any]]]] = {}
        self._thread = LinkThread(f"Krita {Krita.instance().version()}")
        self._thread.progressed.connect(self._progressed)
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)
        QApplication.instance().aboutToQuit.connect(self.stop)

    def stop(self) -> None:
        for run in list(self.runs):
            if run.ticket is not None:
                run.ticket.cancel()
        self._thread.stop()

    def chosen_options(self, described: Operation, node: Node | None) -> dict[str, Any]:
        """What the panel says for this operation; the clicked point only for the layer it was clicked in."""
        options = dict(self.options.get(described.name, {}))
        point = next((one.name for one in described.parameters if one.kind is Kind.POINT), None)
        clicked = self.points.get(described.name)
        if point is not None and node is not None and clicked is not None and clicked[0] == recipe.node_id(node):
            options[point] = clicked[1]
        return options

    def put(
        self,
        title: str,
        work: Callable[..., Any],
        make: Callable[[Any], Generator[None, None, Any]],
    ) -> Run:
        """Let the thread do `work`; `make`, on this thread, turns what comes of it into (node, messages)."""
        run = Run(title)
        run.ticket = self._thread.put(work)
        self._tickets[run.ticket] = (run, make)
        self.runs.append(run)
        run.finished.connect(lambda *_: self._forget(run))
        run.failed.connect(lambda *_: self._forget(run))
        self.started.emit(run)
        return run

    def start(
        self,
        described: Operation,
        options: Mapping[str, Any],
        document: Document,
        node: Node,
        depth: Node | None = None,
    ) -> Run:
        """Start an operation on a layer. Raises RefusedError in words."""
        checked = described.check(options)
        source = find(described, document, node, depth)
        order = order_for(described, checked, source)
        return self.put(
            described.title,
            functools.partial(compute, order),
            lambda outcome: make_layers(described, checked, source, outcome, self.keeper),
        )

    def _forget(self, run: Run) -> None:
        if run in self.runs:
            self.runs.remove(run)

    def _progressed(self, ticket: Ticket, fraction: float, phase: str) -> None:
        if ticket in self._tickets:
            self._tickets[ticket][0].progressed.emit(fraction, phase)

    def _done(self, ticket: Ticket, value: Any) -> None:
        run, make = self._tickets.pop(ticket)
        if ticket.cancelled:
            run.end(Cancelled())
        else:
            run.make(make(value))

    def _failed(self, ticket: Ticket, error: Exception) -> None:
        run, _ = self._tickets.pop(ticket)
        run.end(error)


@functools.lru_cache(maxsize=1)
def desk() -> Desk:
    """The one desk, made when it is first needed."""
    return Desk()


def order_for(described: Operation, options: Mapping[str, Any], source: Source) -> Order:
    return Order(
        operation=described.name,
        options=options,
        picture=source.picture,
        depth=source.depth,
        selection=source.selection if takes_selection(described) else None,
    )


def make_layers(
    described: Operation, options: dict[str, Any], source: Source, outcome: Outcome, keeper: Keeper | None = None
) -> Generator[None, None, tuple[Node, tuple[str, ...]]]:
    """The new node and sentences for the user; the document changes in the last step."""
    with ExitStack() as files:
        built = []
        source.node()
        for one in layers.build(source, outcome, files):
            built.append(one)
            yield
        picture = source.node()
        was_visible = picture.visible()
        top = layers.insert(source, described, built, files)
        made = layers.entry(described, dict(options), source, outcome, built, top)
        recipe.add(source.document, made)
        source.document.setModified(True)
        if keeper is not None and was_visible and not picture.visible():
            keeper.watch(source.document, picture, top)
    return top, outcome.messages


def in_words(error: Exception) -> DioptreError:
    """`error` as the user is to read it."""
    if isinstance(error, DioptreError):
        return error
    return DioptreError(
        f"Something went wrong inside Dioptre: {type(error).__name__}: {error}",
        hint=f"The details are in {place()}.",
        code="internal",
    )
