"""The docker's logic without its widgets: the state, the layer that it shows, and the actions of the user.

The state is immutable and replaced as a whole. The widgets render it and call the methods here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import updating
from .dioptre_link.catalogue import OPERATIONS
from .dioptre_link.chain import as_operation
from .dioptre_link.editing import fetching
from .dioptre_link.editing import state as states
from .dioptre_link.editing.events import Shown, Step
from .dioptre_link.editing.picking import Click
from .dioptre_link.editing.request import preview_of
from .dioptre_link.editing.state import Phase, State, Store
from .dioptre_link.errors import DioptreError
from .dioptre_link.networks import Network
from .dioptre_link.operation import LISTS, Operation
from .dioptre_link.presets import presets
from .document import LOG, Node, Rect, active
from .downloads import Fetcher
from .jobs import Run, Stepper, job_manager
from .previews import LONGEST_PX, Previews
from .sources import Source, find
from .toolkit import QImage, QObject
from .updating import Target, find_target


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
        self._previews = Previews(lambda: None if self._source is None else (self.state, self._source))
        self._previews.noted.connect(self._event)
        self._previews.failed.connect(self._failed)
        self.fetcher = Fetcher()
        self.fetcher.stepped.connect(lambda step: self._set(fetching.stepped(self.state, step)))
        self.fetcher.done.connect(self._fetched)
        self.fetcher.failed.connect(lambda error: self._set(fetching.failed(self.state, LOG.told(error))))

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
        _target, entry = updating.find_edited(*active())
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
            self._refuse(error)
            return
        self._drop_choices_of_another(target)
        self._previews.list_again()
        self._set(states.reading(self.state), layer=target.picture.name(), replaced=target.replaced)
        self._reading.start(_with_thumbnail(reading), self._read, self._refuse)

    def look_again(self) -> None:
        """Retry a refused layer, because the group of a result is empty until its run has ended."""
        if self._refused is not None:
            self.look()

    def change(self, name: str, value: Any) -> None:
        """Set one option."""
        self.change_all({name: value})

    def change_all(self, values: Mapping[str, Any]) -> None:
        """Set several options as one change."""
        try:
            state = states.changed_all(self.state, values)
        except DioptreError as error:
            self._failed(error)
            return
        self._set(state)
        self._previews.ask_soon()

    def click(self, x: float, y: float, click: Click = Click.CHOOSE) -> None:
        """Handle a click in the preview, given as fractions of the layer's sides."""
        if self.size is None:
            self.look()
            return
        if self.store.state.recipe:
            return  # A recipe determines all options.
        self._set(states.clicked(self.state, x, y, self.size, click=click))
        self._previews.ask_soon()

    def box(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Handle a box dragged in the preview, with corners given as fractions of the layer's sides."""
        if self.size is not None and not self.store.state.recipe:
            self._set(states.boxed(self.state, start, end, self.size))
            self._previews.ask_soon()

    def brush(self, change: Callable[[State], State]) -> None:
        """Apply a change from `editing.brush` to the state."""
        before = self.state
        self._set(change(before))
        if self.state.options != before.options:
            self._previews.ask_soon()

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
            return updating.start_edit(job_manager(), target.document, target.entry, options)
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
        return source.picture.node == target.node

    def _drop_choices_of_another(self, target: Target) -> None:
        """Reset points, strokes and values that belong to the previous layer."""
        if self.store.state.recipe or self._marked in (
            None,
            (target.document, target.node),
        ):
            return
        self._set(states.of_next_picture(self.state))

    def _refuse(self, error: Exception) -> None:
        """Say why the active layer cannot be read; the next one that becomes active is read again."""
        self._forget()
        self._refused = active()
        self._set(states.failed(replace(self.state, shown=None), LOG.told(error)), layer="", replaced="")

    def _read(self, read: tuple[Source, QImage]) -> None:
        source, self.before = read
        self._source, self._marked = source, (source.document, source.picture.node)
        self._set(states.read(self.state))
        self._previews.ask()

    def _event(self, event: Any) -> None:
        handle = next(handle for kind, handle in _EVENTS.items() if isinstance(event, kind))
        self._set(handle(self.state, event))

    def _fetched(self, networks: tuple[Network, ...]) -> None:
        """Continue with the preview after a network has been installed."""
        self._set(fetching.fetched(self.state, networks))
        if self.state.phase is Phase.WAITING:
            self._previews.ask()

    def _failed(self, error: Exception) -> None:
        self._set(states.failed(self.state, LOG.told(error)))

    def _forget(self) -> None:
        self._reading.stop()
        self._previews.stop()
        self._source = self.before = self._refused = None


_EVENTS: dict[type, Callable[[State, Any], State]] = {
    Shown: states.arrived,
    Step: states.stepped,
    tuple: states.listed,  # Of networks.
}


def _with_thumbnail(reading: Generator[None, None, Source]) -> Generator[None, None, tuple[Source, QImage]]:
    """Add a reduced image to what was read. The document may have been closed between two steps of the reading."""
    source = yield from reading
    return source, _thumbnail(source.node(), source.picture.rect)


def _thumbnail(node: Node, rect: Rect) -> QImage:
    """For the preview, return a reduced image of the area `rect` of a layer; Krita can only reduce whole layers."""
    scale, whole = min(1.0, LONGEST_PX / max(rect.width, rect.height)), Rect.of(node)
    image = node.thumbnail(max(1, round(whole.width * scale)), max(1, round(whole.height * scale)))
    if whole == rect:
        return image
    part = (rect.x - whole.x, rect.y - whole.y, rect.width, rect.height)
    return image.copy(*(round(side * scale) for side in part))
