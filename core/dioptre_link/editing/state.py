"""The state of a dialog or docker as one frozen value, and the changes that events make to it.

Widgets render a `State` and send events; they have no state of their own. Every function here takes a state and
returns the next one, so tests need no editor. A `Store` holds the current state and notifies its observers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Generic, TypeVar

from ..catalogue import white_balance
from ..catalogue.blur import F_NUMBER, MAX_RADIUS
from ..catalogue.focus import FOCAL_DISPARITY, FOCUS_RANGE
from ..catalogue.portrait import KEEP_SUBJECT
from ..errors import Cancelled, DioptreError, UsageError
from ..language import Message
from ..networks import Network, missing_network
from ..operation import Operation
from . import limit_range, picking, ruler, traits, views
from .events import Shown, Step
from .picking import Click
from .ruler import Ruler

Point = tuple[float, float]

ADVICE = (white_balance.SET_LIGHT, white_balance.SET_WARMTH)
"""Messages about options, which are left out where there are none to change."""

LEFT = Message("The focus range has left the subject, which is blurred until the range is back on it.")
"""Told as long as it is true, because a drag of the range may do so unnoticed."""

_NOTCHES = 40  # of the mouse wheel, from one end of a slider to the other


class Phase(Enum):
    """Phases of a preview."""

    EMPTY = "empty"  # no picture yet
    READING = "reading"  # the layer is being sent to the worker
    WAITING = "waiting"  # a preview was requested
    DRAFT = "draft"  # a draft is shown while the exact preview is computed
    READY = "ready"  # the preview matches the options
    MISSING = "missing"  # the options name a network that is not installed
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """The download of a network, which is running or has failed; see `fetching`.

    Attributes:
        network: the network.
        fraction: progress, 0 to 1.
        phase: the current phase as text.
        message: why the download failed; "" while it is running.
        hint: what the user can do about it.
    """

    network: Network
    fraction: float = 0.0
    phase: str = "Connecting"
    message: str = ""
    hint: str = ""

    @property
    def running(self) -> bool:
        """Whether the download is still running."""
        return not self.message


class Tool(Enum):
    """The effect of the pointer in the preview of an operation that has a brush."""

    POINT = "point"  # a click sets the focus point, or adds and removes objects
    KEEP = "keep"  # dragging paints an area to keep sharp, or to select
    LET = "let"  # dragging paints an area to blur by depth, or to leave out of the selection


@dataclass(frozen=True, kw_only=True)
class Brush:
    """The focus brush or the subject brush; see `brush`.

    Attributes:
        tool: the selected tool.
        radius: radius as a fraction of the picture's longer side.
        drawn: points of the stroke being painted, as fractions of the picture's width and height.
        inverted: whether that stroke has the effect of the opposite tool.
    """

    tool: Tool = Tool.POINT
    radius: float = 0.04
    drawn: tuple[Point, ...] = ()
    inverted: bool = False

    @property
    def keeps(self) -> bool:
        """Whether the stroke being painted keeps its area sharp or selected."""
        return (self.tool is Tool.KEEP) != self.inverted

    @property
    def paints(self) -> bool:
        """Whether dragging paints a stroke."""
        return self.tool is not Tool.POINT


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a dialog at one moment.

    Attributes:
        operation: the operation.
        options: all options; the value None stands for an automatic choice.
        view: name of the current view; see `views`.
        behind: the view to return to after a comparison with the unchanged layer; "" if there is none.
        on_canvas: whether the editor's own canvas shows the preview, too.
        phase: phase of the preview.
        fraction: progress of the current step, 0 to 1.
        message: message for the user, in English or as a template.
        hint: hint for the user, in English or as a template.
        shown: the content of the preview.
        decided: values that the preview chose automatically.
        place: centre of the part that an enlargement shows, as fractions of the picture's width and height.
        working: whether the result itself is being computed.
        replaces: id of the recorded result that OK replaces; "" to add a new one.
        networks: the networks in the worker's latest list; empty until it arrives.
        fetch: a download of a network that is running or has failed; None if there is none.
        brush: the brush.
        released: how much of the subject was kept in focus before the focus range left it; None if it did not.
        fixed: whether the window shows no options to change, as for a recipe.
    """

    operation: Operation
    options: Mapping[str, Any]
    view: str
    behind: str = ""
    on_canvas: bool = False
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
    released: float | None = None
    fixed: bool = False

    @property
    def missing(self) -> Network | None:
        """The network that is selected in the options but not installed; it prevents both the preview and OK."""
        return missing_network(self.networks, self.operation, self.options)

    @property
    def busy(self) -> bool:
        """Whether to show progress, because the displayed picture is not final yet."""
        return self.working or self.phase in (Phase.READING, Phase.WAITING, Phase.DRAFT)

    @property
    def out_of_date(self) -> bool:
        """Whether to mark the current view, because it shows no result, or the result of different options."""
        return views.VIEWS[self.view].shows_after and self.phase is not Phase.READY

    @property
    def point(self) -> Point | None:
        """The clicked point, in pixels of the layer."""
        parameter = traits.point_of(self.operation)
        return None if parameter is None else self.options.get(parameter.name)

    @property
    def can_make(self) -> bool:
        """Whether OK is possible now."""
        return not self.working and self.phase is not Phase.EMPTY and self.missing is None

    @property
    def sharp(self) -> tuple[float, float] | None:
        """The disparities between which the picture is sharp, or an effect stays; None if unknown."""
        if traits.focuses(self.operation):
            return ruler.sharp_range(self.decided, self.options)
        return limit_range.range_of(self.options)

    @property
    def sharp_of_subject(self) -> tuple[float, float] | None:
        """The disparities between which the subject is sharp; wider than `sharp` if it is kept in focus."""
        sharp, keep = self.sharp, float(self.options.get(KEEP_SUBJECT) or 0.0)
        if sharp is None or not keep:
            return sharp
        middle, reach = (sharp[0] + sharp[1]) / 2, (sharp[1] - sharp[0]) / 2
        reach = reach / (1 - keep) if keep < 1 else 1.0
        return middle - reach, middle + reach

    @property
    def lens_reach(self) -> float:
        """The disparity on either side of the focus that a real lens renders sharp; 0 without one."""
        return ruler.lens_reach(self.decided, self.options) if traits.focuses(self.operation) else 0.0

    @property
    def ruler(self) -> Ruler | None:
        """The focus and the sharp range in metres; None if they are not known yet."""
        return ruler.ruler_of(self.decided, self.options) if traits.focuses(self.operation) else None

    @property
    def automatic(self) -> Mapping[str, Any]:
        """The values of automatic options: those that the preview decided, and distances in metres."""
        return {**self.decided, **({} if (shown := self.ruler) is None else ruler.distances(shown))}


def opened(operation: Operation, options: Mapping[str, Any] | None = None, *, replaces: str = "") -> State:
    """Return the initial state: the operation's defaults, overridden by `options`.

    Raises:
        UsageError: an option is invalid.
    """
    first = views.views_of(operation)[0].name
    return State(operation=operation, options=operation.check(options or {}), view=first, replaces=replaces)


def reading(state: State) -> State:
    """Start reading a layer; discard everything about the previous one."""
    return replace(state, phase=Phase.READING, fraction=0.0, shown=None, decided={}, message="", hint="")


def read(state: State) -> State:
    """Finish reading: request a preview, unless a selected network is missing."""
    return replace(state, phase=_asking(state), fraction=0.0)


def changed(state: State, name: str, value: Any) -> State:
    """Set one option, as in `changed_all`; None makes it automatic."""
    return changed_all(state, {name: value})


def changed_all(state: State, values: Mapping[str, Any]) -> State:
    """Set several options as one change. A blur amount replaces a blur radius, which would override it.

    Raises:
        UsageError: a value is invalid.
    """
    options = state.operation.check({**state.options, **values})
    if F_NUMBER in values and MAX_RADIUS not in values:
        options[MAX_RADIUS] = None
    return _with(state, options=options)


def of_next_picture(state: State, chosen: Mapping[str, Any] | None = None) -> State:
    """Switch to another picture: keep the style; focus, strokes and estimated values are those chosen or reset."""
    own = {one.name: one.default for one in state.operation.parameters if one.of_one_picture}
    return replace(state, options={**state.options, **own, **(chosen or {})})


def of_this_picture(state: State) -> dict[str, Any]:
    """Return the options that concern the picture alone, such as focus and strokes."""
    return {one.name: state.options[one.name] for one in state.operation.parameters if one.of_one_picture}


def clicked(state: State, x: float, y: float, size: tuple[int, int], *, click: Click = Click.CHOOSE) -> State:
    """Handle a click in the preview.

    Args:
        state: the state before the click.
        x: fraction of the layer's width.
        y: fraction of the layer's height.
        size: (width, height) of the layer in pixels.
        click: the effect of the click.
    """
    if traits.enlarges(state.operation):
        return _with(state, place=(x, y))
    options = picking.clicked(state.operation, state.options, _pixel((x, y), size), size, click)
    return state if options is None else _chosen(state, options)


def moved(state: State, number: int, place: Point, size: tuple[int, int]) -> State:
    """Handle the drag of one of `picking.places` to a place given as fractions of the layer's sides."""
    return _chosen(state, picking.moved(state.operation, state.options, number, _pixel(place, size)))


def scrolled(state: State, notches: float) -> State:
    """Change the option that is shown at the clicked places, within the limits of its slider."""
    one = next(each for each in state.operation.parameters if each.name == state.operation.at_marks)
    low, high = one.slider or (one.minimum or 0.0, one.maximum or 1.0)
    value = state.options[one.name] + notches * (high - low) / _NOTCHES
    return changed(state, one.name, round(min(max(value, low), high), 4))


def _pixel(place: Point, size: tuple[int, int]) -> Point:
    return round(place[0] * (size[0] - 1), 1), round(place[1] * (size[1] - 1), 1)


def boxed(state: State, start: Point, end: Point, size: tuple[int, int]) -> State:
    """Handle a box dragged in the preview, between two corners given as fractions of the layer's sides."""
    options = picking.boxed(state.operation, state.options, start, end, size)
    return state if options is None else _chosen(state, options)


def _chosen(state: State, options: Mapping[str, Any]) -> State:
    try:
        return _with(state, options=state.operation.check(options))
    except UsageError as error:  # the option does not allow that many points
        return replace(state, message=error.message, hint=error.hint)


def chose_view(state: State, view: str) -> State:
    """Switch to another view."""
    return replace(state, view=view, behind="")


def compared(state: State, *, holds: bool) -> State:
    """Show the unchanged layer for as long as the user holds the key or the button, then the chosen view again."""
    if holds == bool(state.behind):
        return state
    if holds:
        return replace(state, view=views.BEFORE, behind=state.view)
    return replace(state, view=state.behind, behind="")


def showed_on_canvas(state: State, *, on: bool) -> State:
    """Show the preview on the editor's canvas, or no longer; it is computed again for its size there."""
    return _with(state, on_canvas=on)


def stepped(state: State, step: Step) -> State:
    """Record the progress of the preview or the result."""
    return replace(state, fraction=step.fraction, message=step.phase, hint="")


def arrived(state: State, shown: Shown) -> State:
    """Show a preview. A draft replaces only the picture and keeps the automatically chosen values, if it can."""
    if state.phase is Phase.MISSING:
        return state  # the options have changed since the preview was requested
    if shown.draft:
        kept = state.shown
        merged = shown if kept is None else replace(kept, after=shown.after, selection=shown.selection, draft=True)
        decided = state.decided or shown.values
        return replace(state, shown=merged, decided=decided, phase=Phase.DRAFT, fraction=0.0, message="", hint="")
    seen = replace(state, shown=shown, decided=shown.values)
    left = (LEFT,) if _is_off_subject(seen) and not state.options.get(KEEP_SUBJECT) else ()
    return replace(
        seen,
        phase=Phase.READY,
        fraction=1.0,
        message=_sentence((*left, *(one for one in shown.messages if not (state.fixed and one in ADVICE)))),
        hint="",
    )


def failed(state: State, error: DioptreError) -> State:
    """Record why the preview or the result failed; a cancellation shows no message."""
    if isinstance(error, Cancelled):
        return replace(state, working=False, fraction=0.0, message="", hint="")
    return replace(state, phase=Phase.FAILED, working=False, fraction=0.0, message=error.message, hint=error.hint)


def closed(state: State, error: DioptreError) -> State:
    """Record that the document or the layer is gone: neither a preview nor a result is possible any more."""
    return replace(state, phase=Phase.EMPTY, working=False, fraction=0.0, message=error.message, hint=error.hint)


def working(state: State) -> State:
    """Start computing the result: OK was pressed."""
    return replace(state, working=True, fraction=0.0, message="", hint="")


def _with(state: State, **changes: Any) -> State:
    """Change the state and request a preview of it; a change to the same values requests none."""
    changed = _released(state, replace(state, **changes))
    if changed == state:
        return state
    if picking.places(state.operation, state.options) != picking.places(state.operation, changed.options):
        kept = changed.shown
        shown = None if kept is None else replace(kept, subject=None, clicked=None)
        changed = replace(changed, decided={}, shown=shown)  # they belong to the former places
    return asked(changed)


def asked(state: State) -> State:
    """Request another preview, because the options or something else has changed, such as the selection."""
    if state.phase in (Phase.EMPTY, Phase.READING):
        return state
    return replace(state, phase=_asking(state), message="", hint="")


def _released(old: State, new: State) -> State:
    """Let the subject blur when the user moves the focus range off it, and keep it again when the range returns."""
    keep, name = new.options.get(KEEP_SUBJECT), KEEP_SUBJECT
    if keep is None or keep != old.options[name]:  # the user chose how much to keep
        return replace(new, released=None)
    off, moves = _is_off_subject(new), (FOCAL_DISPARITY, FOCUS_RANGE)
    if off and keep and any(new.options[each] != old.options[each] for each in moves):
        return replace(new, options={**new.options, name: 0.0}, released=float(keep))
    is_known = new.options[FOCAL_DISPARITY] is None or (new.shown is not None and new.shown.subject is not None)
    if new.released is not None and not off and is_known:
        return replace(new, options={**new.options, name: new.released}, released=None)
    return new


def _is_off_subject(state: State) -> bool:
    """Return whether the focus is at a chosen depth, and the subject lies in front of or behind the sharp range.

    Without a subject, the clicked place counts.
    """
    shown, sharp = state.shown, state.sharp
    if state.options.get(FOCAL_DISPARITY) is None or shown is None or shown.depth is None or sharp is None:
        return False
    subject = views.depth_range(views.depth_counts(shown.depth, shown.subject)[1])
    if subject is None and shown.clicked is not None:
        subject = shown.clicked, shown.clicked
    return subject is not None and (subject[0] > sharp[1] or subject[1] < sharp[0])


def listed(state: State, networks: tuple[Network, ...]) -> State:
    """Record which networks are installed; the editor requests a preview if the phase becomes WAITING."""
    state = replace(state, networks=networks)
    if state.phase is Phase.MISSING or (state.phase is Phase.WAITING and state.missing is not None):
        return replace(state, phase=_asking(state), fraction=0.0, message="", hint="")
    return state


def _asking(state: State) -> Phase:
    return Phase.WAITING if state.missing is None else Phase.MISSING


def _sentence(messages: tuple[str, ...]) -> str:
    """Join messages into one message; a single message remains a template."""
    return messages[0] if len(messages) == 1 else " ".join(messages)


S = TypeVar("S")


class Store(Generic[S]):
    """The current state and its observers."""

    def __init__(self, state: S) -> None:
        self._state = state
        self._observers: list[Callable[[S, S], None]] = []

    @property
    def state(self) -> S:
        return self._state

    def set(self, state: S) -> None:
        """Replace the state; if it differs, call the observers with (old, new)."""
        old, self._state = self._state, state
        if old != state:
            for observer in tuple(self._observers):
                observer(old, state)

    def observe(self, observer: Callable[[S, S], None]) -> Callable[[], None]:
        """Call `observer(old, new)` on every change; return a function that removes the observer."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)
