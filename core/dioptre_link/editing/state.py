"""What a dialog or docker shows, as one frozen value, and how each event changes it.

The widgets render a `State` and send events; they hold nothing of their own. Every function here takes a state and
returns the next one, so a test needs no editor. A `Store` keeps the current state and tells its observers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Generic, TypeVar

from ..errors import Cancelled, DioptreError, UsageError
from ..networks import Network, missing_network
from ..operation import Operation
from . import picking, traits, views
from .events import Shown, Step
from .picking import Click

Point = tuple[float, float]


class Phase(Enum):
    """What the preview is doing."""

    EMPTY = "empty"  # no picture yet
    READING = "reading"  # the layer goes to the worker
    WAITING = "waiting"  # a preview was asked for
    DRAFT = "draft"  # a quick one is shown, the exact one is on its way
    READY = "ready"  # the preview matches the options
    MISSING = "missing"  # the options name a network that is not installed
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """The download of a network: under way, or failed with a message and a hint. See `fetching`."""

    network: Network
    fraction: float = 0.0
    phase: str = "Connecting"
    message: str = ""
    hint: str = ""

    @property
    def running(self) -> bool:
        return not self.message


class Tool(Enum):
    """What the pointer does in the preview of an operation that has a focus brush."""

    POINT = "point"  # a click sets the point to focus on
    KEEP = "keep"  # a drag paints what stays sharp
    LET = "let"  # a drag paints what blurs as its depth says


@dataclass(frozen=True, kw_only=True)
class Brush:
    """The focus brush. See `brush`.

    radius: as a fraction of the picture's longer side. drawn: the stroke under way, as fractions of the sides.
    """

    tool: Tool = Tool.POINT
    radius: float = 0.04
    drawn: tuple[Point, ...] = ()

    @property
    def paints(self) -> bool:
        return self.tool is not Tool.POINT


@dataclass(frozen=True, kw_only=True)
class State:
    """One moment of a dialog.

    options: every option of the operation; None where it is decided from the picture. decided: what the preview
    decided for those. place: centre of the part that an enlargement shows, as fractions of the picture's sides.
    fraction: of the step in progress, 0 to 1. message, hint: English, or templates. working: whether the result
    itself is being computed. replaces: id of the recorded result that OK replaces; "" adds a new one. networks: as
    the worker listed them last, empty until then. fetch: the download of one of them.
    """

    operation: Operation
    options: Mapping[str, Any]
    view: str
    phase: Phase = Phase.EMPTY
    fraction: float = 0.0
    message: str = ""
    hint: str = ""
    shown: Shown | None = None
    decided: Mapping[str, Any] = field(default_factory=dict)
    place: Point = (0.5, 0.5)
    more: bool = False
    working: bool = False
    replaces: str = ""
    networks: tuple[Network, ...] = ()
    fetch: Fetch | None = None
    brush: Brush = Brush()

    @property
    def missing(self) -> Network | None:
        """The network that the options name and that is not installed: neither a preview nor OK can work."""
        return missing_network(self.networks, self.operation, self.options)

    @property
    def busy(self) -> bool:
        """Whether what the user sees is not final yet: show progress."""
        return self.working or self.phase in (Phase.READING, Phase.WAITING, Phase.DRAFT)

    @property
    def out_of_date(self) -> bool:
        """Whether the chosen view shows a result of other options, or none: mark it."""
        return views.VIEWS[self.view].shows_after and self.phase is not Phase.READY

    @property
    def point(self) -> Point | None:
        """The clicked point, in pixels of the layer."""
        parameter = traits.point_of(self.operation)
        return None if parameter is None else self.options.get(parameter.name)

    @property
    def can_make(self) -> bool:
        """Whether OK can work now."""
        return not self.working and self.phase is not Phase.EMPTY and self.missing is None

    @property
    def sharp(self) -> tuple[float, float] | None:
        """The disparities between which the picture is sharp, as far as they are known."""
        return views.sharp_range(self.decided, self.options) if traits.focuses(self.operation) else None


def opened(operation: Operation, options: Mapping[str, Any] | None = None, *, replaces: str = "") -> State:
    """The first state: the operation's defaults with `options` over them. Raises UsageError for a wrong option."""
    first = views.views_of(operation)[0].name
    return State(operation=operation, options=operation.check(options or {}), view=first, replaces=replaces)


def reading(state: State) -> State:
    """The layer is being read: nothing of an earlier one stays."""
    return replace(state, phase=Phase.READING, fraction=0.0, shown=None, decided={}, message="", hint="")


def read(state: State) -> State:
    """The layer is with the worker: ask for a preview, unless the options name a network that is missing."""
    return replace(state, phase=_asking(state), fraction=0.0)


def changed(state: State, name: str, value: Any) -> State:
    """The user set one option; None hands it back to the picture. Raises UsageError for a wrong value."""
    options = state.operation.check({**state.options, name: value})
    return _asked(replace(state, options=options))


def of_next_picture(state: State) -> State:
    """Another picture takes the place of this one: the style stays; focus, strokes and values read off it go."""
    own = {one.name: one.default for one in state.operation.parameters if one.of_one_picture}
    return replace(state, options={**state.options, **own})


def clicked(state: State, x: float, y: float, size: tuple[int, int], *, click: Click = Click.CHOOSE) -> State:
    """The user clicked in the preview. x, y: fractions of the layer's sides. size: the layer's, in pixels."""
    if traits.enlarges(state.operation):
        return _asked(replace(state, place=(x, y)))
    point = (round(x * (size[0] - 1), 1), round(y * (size[1] - 1), 1))
    options = picking.clicked(state.operation, state.options, point, size, click)
    return state if options is None else _chosen(state, options)


def boxed(state: State, start: Point, end: Point, size: tuple[int, int]) -> State:
    """The user dragged a box in the preview, from corner to corner, as fractions of the layer's sides."""
    options = picking.boxed(state.operation, state.options, start, end, size)
    return state if options is None else _chosen(state, options)


def _chosen(state: State, options: Mapping[str, Any]) -> State:
    try:
        return _asked(replace(state, options=state.operation.check(options)))
    except UsageError as error:  # more points than an option takes
        return replace(state, message=error.message, hint=error.hint)


def unclicked(state: State) -> State:
    """The user handed the point back to the picture."""
    parameter = traits.point_of(state.operation)
    return state if parameter is None else changed(state, parameter.name, None)


def chose_view(state: State, view: str) -> State:
    return replace(state, view=view)


def stepped(state: State, step: Step) -> State:
    """The preview, or the result, is under way."""
    return replace(state, fraction=step.fraction, message=step.phase, hint="")


def arrived(state: State, shown: Shown) -> State:
    """A preview came. A draft replaces the picture alone: what was decided stays."""
    if state.phase is Phase.MISSING:
        return state  # of earlier options
    if shown.draft:
        kept = state.shown
        merged = shown if kept is None else replace(kept, after=shown.after, selection=shown.selection, draft=True)
        return replace(state, shown=merged, phase=Phase.DRAFT)
    return replace(
        state,
        shown=shown,
        decided=shown.values,
        phase=Phase.READY,
        fraction=1.0,
        message=_sentence(shown.messages),
        hint="",
    )


def failed(state: State, error: DioptreError) -> State:
    """The preview or the result could not be computed; a cancelled one says nothing."""
    if isinstance(error, Cancelled):
        return replace(state, working=False, fraction=0.0)
    return replace(state, phase=Phase.FAILED, working=False, fraction=0.0, message=error.message, hint=error.hint)


def working(state: State) -> State:
    """OK was pressed."""
    return replace(state, working=True, fraction=0.0, message="", hint="")


def finished(state: State, messages: tuple[str, ...] = ()) -> State:
    """The result is in the document."""
    return replace(state, working=False, fraction=0.0, message=_sentence(messages), hint="")


def _asked(state: State) -> State:
    if state.phase in (Phase.EMPTY, Phase.READING):
        return state
    return replace(state, phase=_asking(state), message="", hint="")


def listed(state: State, networks: tuple[Network, ...]) -> State:
    """The worker said which networks are installed. The editor asks for a preview where the phase turns WAITING."""
    state = replace(state, networks=networks)
    if state.phase is Phase.MISSING or (state.phase is Phase.WAITING and state.missing is not None):
        return replace(state, phase=_asking(state), fraction=0.0, message="", hint="")
    return state


def _asking(state: State) -> Phase:
    return Phase.WAITING if state.missing is None else Phase.MISSING


def _sentence(messages: tuple[str, ...]) -> str:
    """One message stays a template; several become one text."""
    return messages[0] if len(messages) == 1 else " ".join(messages)


S = TypeVar("S")


class Store(Generic[S]):
    """The current state and who watches it."""

    def __init__(self, state: S) -> None:
        self._state = state
        self._observers: list[Callable[[S, S], None]] = []

    @property
    def state(self) -> S:
        return self._state

    def set(self, state: S) -> None:
        """Replace the state; observers get (old, new) where it differs."""
        old, self._state = self._state, state
        if old != state:
            for observer in tuple(self._observers):
                observer(old, state)

    def observe(self, observer: Callable[[S, S], None]) -> Callable[[], None]:
        """Call `observer(old, new)` on every change; returns a function that ends it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)
