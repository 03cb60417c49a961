"""The docker's logic without its widgets: it holds the state, reads the layer, and starts previews and runs.

The state is immutable and replaced as a whole. The widgets render it and call the methods here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from krita import Krita, Node

from . import editing_runs, requests, targets
from .dioptre_link.catalogue import OPERATIONS
from .dioptre_link.chain import as_operation
from .dioptre_link.editing import fetching
from .dioptre_link.editing import state as states
from .dioptre_link.editing.events import Shown, Step, drain
from .dioptre_link.editing.picking import Click
from .dioptre_link.editing.preview import SETTLE_MS, PreviewSession
from .dioptre_link.editing.recipe_preview import preview_of
from .dioptre_link.editing.state import Phase, State, Store
from .dioptre_link.errors import Cancelled, DioptreError
from .dioptre_link.networks import Network, missing_network
from .dioptre_link.operation import LISTS, Operation
from .dioptre_link.presets import presets
from .fetches import Fetcher
from .jobs import Run, in_words, job_manager
from .link import LinkThread, Report, Ticket
from .qt import QApplication, QImage, QObject, QTimer
from .sources import Source, find
from .spaces import Rect
from .steps import Stepper
from .targets import Target, active, find_target

POLL_S = 0.05  # Longest time that the preview thread waits for the worker before it checks for cancellation.


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Everything that the docker shows.

    Attributes:
        state: State of the operation.
        recipe: Name of the chosen preset; "" for an operation.
        layer: Name of the previewed layer.
        replaced: Name of the result that a run replaces; "" if there is none.
        adds: Whether the user wants to add another result instead.
    """

    state: State
    recipe: str = ""
    layer: str = ""
    replaced: str = ""
    adds: bool = False


class Session(QObject):
    """The state of one docker and the actions that change it."""

    def __init__(self) -> None:
        super().__init__()
        self.store: Store[Panel] = Store(Panel(state=states.opened(next(iter(OPERATIONS.values())))))
        self.before: QImage | None = None
        self._source: Source | None = None
        # Document and layer that the focus, points and strokes belong to.
        self._marked: tuple[Any, Any] | None = None
        self._refused: tuple[Any, Any] | None = None  # Document and layer that could not be read.
        self._reading = Stepper()
        self._thread: LinkThread | None = None
        self._previews: PreviewSession | None = None
        self._ticket: Ticket | None = None
        # Whether to list the networks before the next preview, because another program may have installed one.
        self._lists_networks = True
        self.fetcher = Fetcher()
        self.fetcher.stepped.connect(lambda step: self._set(fetching.stepped(self.state, step)))
        self.fetcher.done.connect(self._fetched)
        self.fetcher.failed.connect(lambda error: self._set(fetching.failed(self.state, in_words(error))))
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLE_MS)
        self._settling.timeout.connect(self.ask)

    @property
    def state(self) -> State:
        return self.store.state.state

    @property
    def size(self) -> tuple[int, int] | None:
        """Size of the previewed layer, in pixels."""
        return None if self._source is None else self._source.picture.rect[2:]

    def _set(self, state: State, **changes: Any) -> None:
        self.store.set(replace(self.store.state, state=state, **changes))

    # -- input ---------------------------------------------------------------------------------------------------

    def open(self, operation: Operation, options: dict[str, Any] | None = None, *, more: bool = False) -> None:
        """Open an operation with its defaults, or with the options of a result."""
        self._forget()
        self._marked = None
        state = fetching.carried(states.opened(operation, options), self.state)
        self._set(replace(state, more=more), recipe="", layer="", replaced="", adds=False)

    def open_recipe(self, name: str) -> None:
        """Choose a preset and preview its effect on the active layer."""
        self._forget()
        self._marked = None
        seen = preview_of(presets()[name])
        state = fetching.carried(states.opened(seen.operation, dict(seen.options)), self.state)
        self._set(state, recipe=name, layer="", replaced="", adds=False)
        if seen.shown:
            self.look()

    def edit(self) -> None:
        """Open the active result's operation with the options that produced it.

        Raises:
            RefusedError: No result is active, or it cannot be edited.
        """
        _target, entry = targets.find_edited(*active())
        described = OPERATIONS[entry.operation]
        options = described.check(dict(entry.chosen_options))
        hidden = any(
            not one.simple and one.kind not in LISTS and options[one.name] != one.default
            for one in described.parameters
        )
        self.open(described, options, more=hidden)
        self.look()

    def look(self) -> None:
        """Read the layer again and show its preview."""
        if (name := self.store.state.recipe) and not preview_of(presets()[name]).shown:
            return
        try:
            target = self._find_target(*active())
            reading = find(self.state.operation, target.document, target.picture, target.depth, fresh=False).read()
        except Exception as error:  # noqa: BLE001  (an uncaught exception would open a modal error window)
            self._forget()
            self._refused = active()
            self._set(states.failed(replace(self.state, shown=None), in_words(error)), layer="", replaced="")
            return
        self._drop_choices_of_another(target)
        self._lists_networks = True
        self._set(states.reading(self.state), layer=target.picture.name(), replaced=target.replaced)
        self._reading.start(reading, self._read, self._failed)

    def look_again(self) -> None:
        """Retry a refused layer, because the group of a result is empty until its run has ended."""
        if self._refused is not None:
            self.look()

    def change(self, name: str, value: Any) -> None:
        """Set one option."""
        self.change_all({name: value})

    def change_all(self, values: Mapping[str, Any]) -> None:
        """Set several options as one change."""
        state = self.state
        try:
            for name, value in values.items():
                state = states.changed(state, name, value)
        except DioptreError as error:
            self._failed(error)
            return
        self._set(state)
        self._ask_soon()

    def click(self, x: float, y: float, click: Click = Click.CHOOSE) -> None:
        """Handle a click in the preview, given as fractions of the layer's sides."""
        if self.size is None:
            self.look()
            return
        if self.store.state.recipe:
            return  # A recipe determines all options.
        self._set(states.clicked(self.state, x, y, self.size, click=click))
        self._ask_soon()

    def box(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Handle a box dragged in the preview, with corners given as fractions of the layer's sides."""
        if self.size is not None and not self.store.state.recipe:
            self._set(states.boxed(self.state, start, end, self.size))
            self._ask_soon()

    def brush(self, change: Callable[[State], State]) -> None:
        """Apply a change from `editing.brush` to the state."""
        before = self.state
        self._set(change(before))
        if self.state.options != before.options:
            self._ask_soon()

    def fetch(self, network: Network) -> None:
        """Download a network; the preview starts once it is installed."""
        self._set(fetching.began(self.state, network))
        self.fetcher.start(network)

    def choose_view(self, view: str) -> None:
        self._set(states.chose_view(self.state, view))

    def show_more(self, on: bool) -> None:
        self._set(replace(self.state, more=on))

    def add_another(self, on: bool) -> None:
        """Set whether a run adds a result instead of replacing the earlier one."""
        self.store.set(replace(self.store.state, adds=on))

    def make(self) -> Run:
        """Start a run that creates a result's layers, or replaces those of the earlier result.

        Raises:
            DioptreError: The run was refused.
        """
        if (name := self.store.state.recipe) != "":
            described, options = as_operation(presets()[name])
            return job_manager().start(described, options, *active())
        operation = self.state.operation
        target = find_target(operation, *active())
        self._drop_choices_of_another(target)
        options = dict(self.state.options)
        if target.entry is not None and not self.store.state.adds:
            return editing_runs.start(job_manager(), target.document, target.entry, options)
        return job_manager().start(operation, options, target.document, target.picture, target.depth)

    # -- reading and previews ------------------------------------------------------------------------------------

    def follow_active(self) -> None:
        """Read the layer again if another one has become active. A timer calls this while the docker is visible."""
        if (self._source is None and self._refused is None) or self.state.phase is Phase.READING:
            return
        if job_manager().makes_layers:
            return
        document, node = active()
        if document is None or node is None or self._refused == (document, node):
            return
        try:
            target = self._find_target(document, node)
        except DioptreError:
            return
        if not self._is_shown(target):
            self.look()
        elif target.replaced != self.store.state.replaced:
            self.store.set(replace(self.store.state, replaced=target.replaced))

    def _find_target(self, document: Any, node: Any) -> Target:
        """Return the target; for a recipe, it is the active layer, even if that belongs to a result.

        Raises:
            RefusedError: There is no suitable layer.
        """
        if self.store.state.recipe and document is not None and node is not None:
            return Target(document=document, picture=node)
        return find_target(self.state.operation, document, node)

    def _is_shown(self, target: Target) -> bool:
        source = self._source
        if source is None or source.document != target.document:
            return False
        return source.picture.node == requests.node_of(target)

    def _drop_choices_of_another(self, target: Target) -> None:
        """Reset points, strokes and values that belong to the previous layer."""
        if self.store.state.recipe or self._marked in (None, (target.document, requests.node_of(target))):
            return
        self._set(states.of_next_picture(self.state))

    def _read(self, source: Source) -> None:
        self._source, self._marked = source, (source.document, source.picture.node)
        self.before = _thumbnail(source.node(), source.picture.rect)
        self._set(states.read(self.state))
        self.ask()

    def _ask_soon(self) -> None:
        if self._source is not None and not self._settling.isActive():
            self._settling.start()

    def ask(self) -> None:
        """Request a preview with the current options, or ask again later if the running one should finish first."""
        source = self._source
        if source is None:
            return
        if self.state.missing is not None and not self._lists_networks:
            self._drop_ticket()
            return
        request = requests.request_of(self.state, source)
        if self._ticket is not None and self._previews is not None and self._previews.should_wait(request):
            self._settling.start()
            return
        self._drop_ticket()
        thread = self._started_thread()
        lists, self._lists_networks = self._lists_networks, False

        def work(worker: Any, ticket: Ticket, _report: Report) -> Shown:
            thread.noted.emit(ticket, Step(fraction=0.0, phase="Starting Dioptre", waiting=True))
            worker.connect()
            if lists:
                networks = worker.networks()
                thread.noted.emit(ticket, networks)
                if missing_network(networks, request.operation, request.options) is not None:
                    raise Cancelled
            if self._previews is None:
                self._previews = PreviewSession(worker, requests.FORMAT, poll_s=POLL_S)
            steps: Generator[Any, None, Shown] = self._previews.preview(requests.with_depth_image(request, source))
            return drain(steps, lambda event: thread.noted.emit(ticket, event), lambda: ticket.cancelled)

        self._ticket = thread.put(work)

    def _started_thread(self) -> LinkThread:
        if self._thread is None:
            self._thread = LinkThread(f"Krita {Krita.instance().version()} (preview)")
            self._thread.noted.connect(self._noted)
            self._thread.done.connect(self._arrived)
            self._thread.failed.connect(self._ended)
            QApplication.instance().aboutToQuit.connect(self._thread.stop)
        return self._thread

    def _noted(self, ticket: Ticket, event: Any) -> None:
        if ticket is not self._ticket:
            return
        if isinstance(event, Shown):
            self._set(states.arrived(self.state, event))
        elif isinstance(event, tuple):
            self._set(states.listed(self.state, event))
        else:
            self._set(states.stepped(self.state, event))

    def _arrived(self, ticket: Ticket, shown: Shown) -> None:
        if ticket is self._ticket:
            self._ticket = None
            if self._settling.isActive():
                shown = replace(shown, draft=True)  # The options have changed again since the request.
            self._set(states.arrived(self.state, shown))

    def _ended(self, ticket: Ticket, error: Exception) -> None:
        if ticket is self._ticket:
            self._ticket = None
            if not isinstance(error, Cancelled):
                self._failed(error)
            elif self.state.phase in (Phase.WAITING, Phase.DRAFT):
                self._ask_soon()  # The worker cancelled the job, not the user, so request the preview again.

    def _fetched(self, networks: tuple[Network, ...]) -> None:
        """Continue with the preview after a network has been installed."""
        self._set(fetching.fetched(self.state, networks))
        if self.state.phase is Phase.WAITING:
            self.ask()

    def _failed(self, error: Exception) -> None:
        self._set(states.failed(self.state, in_words(error)))

    def _forget(self) -> None:
        self._reading.stop()
        self._settling.stop()
        self._drop_ticket()
        self._source = self.before = self._refused = None

    def _drop_ticket(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
        self._ticket = None


def _thumbnail(node: Node, rect: Rect) -> QImage:
    """For the preview, return a reduced image of the area `rect` of a layer; Krita can only reduce whole layers."""
    scale, whole = min(1.0, requests.LONGEST_PX / max(rect.width, rect.height)), Rect.of(node)
    image = node.thumbnail(max(1, round(whole.width * scale)), max(1, round(whole.height * scale)))
    if whole == rect:
        return image
    part = (rect.x - whole.x, rect.y - whole.y, rect.width, rect.height)
    return image.copy(*(round(side * scale) for side in part))
