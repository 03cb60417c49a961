"""The docker's logic without its widgets: the state, the layer that it shows, and the actions of the user.

The state is immutable and replaced as a whole. The widgets render it and call the methods here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import enlarge, updating
from .dioptre_link.catalogue import OPERATIONS
from .dioptre_link.chain import as_operation
from .dioptre_link.editing import fetching, recipes
from .dioptre_link.editing import state as states
from .dioptre_link.editing.events import Image, Shown, Step
from .dioptre_link.editing.picking import Click
from .dioptre_link.editing.request import preview_of
from .dioptre_link.editing.state import Phase, Point, State, Store
from .dioptre_link.editing.traits import enlarges, finds_depth_layer, selects, takes_selection
from .dioptre_link.editing.views import views_of
from .dioptre_link.errors import DioptreError, RefusedError
from .dioptre_link.networks import Network
from .dioptre_link.operation import LISTS, Operation
from .dioptre_link.presets import presets
from .dioptre_link.recipe import Recipe
from .dioptre_link.records import Entry
from .document import (
    LOG,
    Document,
    Node,
    Rect,
    active,
    canvas_mark,
    coverage_mark,
    find_node,
    is_open,
    node_id,
    own_id,
    remember,
    remembered,
)
from .downloads import Fetcher
from .jobs import Run, Stepper, job_manager
from .previews import LONGEST_PX, Previews, small_coverage, small_selection
from .sources import NO_SELECTION, Found, Source, find, photo_and_depth, selection_in, selection_mark
from .toolkit import QImage, QObject, QPainter
from .updating import Target, find_target

# Previews on the canvas are a multiple of STEP_PX long; one of MOST_PX can still be blurred quickly.
STEP_PX, MOST_PX = 128, 1536
ON_CANVAS = "on_canvas"  # The setting that keeps the switch.
FROM_FILE = "file"  # Name of the recipe from a file, beside those of the presets.


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Everything that the docker shows.

    Attributes:
        state: State of the operation.
        recipe: Name of the chosen preset, or `FROM_FILE`; "" for an operation.
        followed: The recipe itself, with the focus that the user has clicked; None for an operation.
        pictures: The recipes' effects on the previewed layer, as far as they are known, by name.
        layer: Name of the previewed layer.
        before: That layer as it is, at a reduced size.
        entry: The result of the same operation that a run replaces; None if there is none.
        replaced: Name of that result; "" if there is none.
        adds: Whether the user wants to add another result instead.
        whole: Whether to enlarge every layer of the document into a new one.
        covers: Whether the preview may lie on the canvas: until something happens in the document but strokes.
    """

    state: State
    recipe: str = ""
    followed: Recipe | None = None
    pictures: Mapping[str, Image | None] = field(default_factory=dict)
    layer: str = ""
    before: QImage | None = None
    entry: Entry | None = None
    replaced: str = ""
    adds: bool = False
    whole: bool = False
    covers: bool = True

    @property
    def replaces(self) -> bool:
        """Whether a run replaces the earlier result."""
        return self.entry is not None and not (self.recipe or self.adds)

    @property
    def can_make(self) -> bool:
        """Whether a run is possible: no network is missing, and the active layer has not been refused."""
        refused = self.state.phase is Phase.FAILED and not self.layer
        return self.whole or (not refused and (bool(self.recipe) or self.state.missing is None))

    @property
    def changed(self) -> bool:
        """Whether the settings differ from those of the earlier result."""
        operation = self.state.operation
        return self.entry is None or operation.check(self.entry.chosen_options) != self.state.options


class Session(QObject):
    """The state of one docker and the actions that change it."""

    def __init__(self) -> None:
        super().__init__()
        self.store: Store[Panel] = Store(
            Panel(state=replace(states.opened(next(iter(OPERATIONS.values()))), on_canvas=remembered(ON_CANVAS)))
        )
        self.recipes = dict(presets())  # By name, as they were before a click.
        self.selected: Image | None = None  # The selection that limits the result, at a reduced size.
        self._source: Source | None = None
        self._canvas: tuple[object, ...] = ()  # The latest mark since the latest choice; see `follow_canvas`.
        # Place of the latest target, which the focus, points and strokes belong to; see `follow_active`.
        self._looked: tuple[Any, ...] = ()
        self._left: dict[str, dict[str, Any]] = {}  # By picture: what was chosen there since the operation is open.
        # Document and layer that could not be read, and whether that may change while they stay active.
        self._refused: tuple[Document | None, str] | None = None
        self._passes = False
        self._tiles: dict[str, Mapping[str, Any]] = {}  # Options of the tiles that have a picture.
        self._asked: Mapping[str, Any] = {}  # Options of the latest tile that a picture was asked for.
        self._selects = False  # Whether there was a selection that limits a new result.
        self._adds_set = False  # Whether the user has set whether to add a result, and not the selection.
        self._limits_mark: tuple[object, ...] | None = None  # Of the selection, masks and opacity; see `_limited`.
        self._thumbnail: QImage | None = None  # The reduced layer without its masks and opacity.
        self._reading = Stepper()
        self.seen_px = 0.0  # Longer side of the picture on Krita's canvas; 0 if the docker shows it.
        self._previews = Previews(self._wanted)
        self._previews.noted.connect(self._event)
        self._previews.failed.connect(self._failed)
        self._previews.pictured.connect(self._pictured)
        self.fetcher = Fetcher()
        self.fetcher.stepped.connect(lambda step: self._set(fetching.stepped(self.state, step)))
        self.fetcher.done.connect(self._fetched)
        self.fetcher.failed.connect(lambda error: self._set(fetching.failed(self.state, LOG.told(error))))

    @property
    def state(self) -> State:
        return self.store.state.state

    @property
    def tiles(self) -> tuple[str, ...]:
        """Names of the recipes to choose from: all, or the presets of the operation."""
        panel = self.store.state
        return tuple(self.recipes if panel.recipe else recipes.presets_of(panel.state.operation))

    @property
    def size(self) -> tuple[int, int] | None:
        """Size of the previewed layer, in pixels."""
        return None if self._source is None else self._source.picture.rect[2:]

    @property
    def placed(self) -> tuple[Document, Rect] | None:
        """The document of the previewed layer, and the layer's place in it."""
        return None if self._source is None else (self._source.document, self._source.picture.rect)

    def _set(self, state: State, **changes: Any) -> None:
        self.store.set(replace(self.store.state, state=state, **changes))

    def _choose(self, state: State) -> None:
        """Take over a choice of the user, and show it, on the canvas too if previews are shown there."""
        before, self._canvas = self.state, ()
        self._set(state, covers=True)
        same = (state.options, state.place, state.on_canvas) == (before.options, before.place, before.on_canvas)
        if not same or state.phase is Phase.FAILED:
            self._previews.ask_soon()

    # -- input ---------------------------------------------------------------------------------------------------

    def open(self, operation: Operation, *, more: bool = False, whole: bool = False) -> None:
        """Open an operation with its defaults; `look` replaces them by the settings of an earlier result.

        Args:
            operation: The operation.
            more: Whether to show all options.
            whole: Whether to enlarge the whole document.
        """
        self._forget()
        self._looked, self._left = (), {}
        state = replace(fetching.carried(states.opened(operation), self.state), more=more)
        self.store.set(Panel(state=state, whole=whole))

    def open_recipe(self, name: str) -> None:
        """Choose a recipe and preview its effect on the active layer."""
        recipe, seen = self.recipes[name], preview_of(self.recipes[name])
        opened = replace(states.opened(seen.operation, dict(seen.options)), fixed=True)
        state = fetching.carried(opened, self.state)
        before, chosen = self.store.state, Panel(state=state, recipe=name, followed=recipe)
        if not before.recipe or not self._serves(recipe):
            self._forget()
            self._looked = ()
            self.store.set(chosen)
            self.look()
            return
        # The layer has been read already.
        self._previews.stop()
        if before.state.view in [view.name for view in views_of(state.operation)]:
            state = states.chose_view(state, before.state.view)
        kept = {name: getattr(before, name) for name in ("pictures", "layer", "before")}
        self.store.set(replace(chosen, state=states.read(state), **kept))
        self._previews.ask()

    def choose_preset(self, name: str) -> None:
        """Set the operation's options to those of one of its presets."""
        self.change_all(recipes.with_preset(self.state.options, name, self.state.operation))

    def open_file(self, file: Path) -> None:
        """Choose a recipe from a file and preview its effect on the active layer.

        Raises:
            DioptreError: The file has no recipe for layers.
        """
        recipe, panel = Recipe.read(file), self.store.state
        as_operation(recipe)
        self.recipes[FROM_FILE] = recipe
        pictures = {name: picture for name, picture in panel.pictures.items() if name != FROM_FILE}
        self.store.set(replace(panel, pictures=pictures))
        self.open_recipe(FROM_FILE)

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
        self.open(described, more=hidden)
        self.look()

    def look(self) -> None:
        """Read the layer again and show its preview."""
        found = None
        try:
            target, found = self._find()
            reading = updating.replacing(target.entry, found.read())
            before = _thumbnail(found.picture, Rect.of(found.picture))
        except Exception as error:  # noqa: BLE001  (an uncaught exception would open a modal error window)
            self._refuse(error, passes=found is None and isinstance(error, DioptreError))
            return
        self._adopt(target)
        self._looked, self._refused = target.place, None
        self._previews.list_again()
        self._set(states.reading(self.state), layer=target.name, before=before)
        self._reading.start(_with_thumbnail(reading), self._read, self._refuse)

    def look_again(self) -> None:
        """Retry a refused layer, because the group of a result is empty until its run has ended."""
        if self._refused is not None:
            self.look()

    def change_all(self, values: Mapping[str, Any]) -> None:
        """Set several options as one change."""
        try:
            state = states.changed_all(self.state, values)
        except DioptreError as error:
            self._failed(error)
            return
        self._choose(state)

    def click(self, x: float, y: float, click: Click = Click.CHOOSE) -> None:
        """Handle a click in the preview, given as fractions of the layer's sides."""
        if self.size is None:
            self.look()
            return
        if (recipe := self.store.state.followed) is not None and not enlarges(self.state.operation):
            clicked = recipes.clicked(recipe, x, y, self.size, click=click)
            if clicked == recipe:
                return
            self._follow(clicked)
            self._choose(self.state)
            self._previews.ask_soon()
        else:
            self._choose(states.clicked(self.state, x, y, self.size, click=click))

    def box(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Handle a box dragged in the preview, with corners given as fractions of the layer's sides."""
        if self.size is not None and not self.store.state.recipe:
            self._choose(states.boxed(self.state, start, end, self.size))

    def move(self, number: int, place: Point) -> None:
        """Handle the drag of a mark in the preview to a place given as fractions of the layer's sides."""
        if self.size is not None:
            self._choose(states.moved(self.state, number, place, self.size))

    def scroll(self, notches: float) -> None:
        """Change the option that is shown at the marks."""
        self._choose(states.scrolled(self.state, notches))

    def brush(self, change: Callable[[State], State]) -> None:
        """Apply a change from `editing.brush` to the state."""
        self._choose(change(self.state))

    def fetch(self, network: Network) -> None:
        """Download a network; the preview starts once it is installed."""
        self._set(fetching.began(self.state, network))
        self.fetcher.start(network)

    def compare(self, *, holds: bool) -> None:
        """Show the unchanged layer for as long as the user holds the key or the button."""
        self._set(states.compared(self.state, holds=holds))

    def show_on_canvas(self, on: bool) -> None:
        """Show the preview on Krita's canvas, or in the docker."""
        remember(ON_CANVAS, on)
        self._choose(states.showed_on_canvas(self.state, on=on))

    def follow_canvas(self) -> bool:
        """Uncover the canvas if another tool was chosen, or layers have come, gone or changed sight.

        Returns:
            Whether that was so, or another document or something in the docker was chosen.
        """
        before, now = self._canvas, canvas_mark()
        if now == before:
            return False
        self._canvas = now
        if before[:1] == now[:1]:  # The docker shows the preview until the user's next choice.
            self.store.set(replace(self.store.state, covers=False))
        return True

    def follow_zoom(self) -> None:
        """Ask for another preview if the picture has become larger on the screen."""
        if 0 < self._previews.asked_px < self._longest_px() and self._source is not None:
            self._set(states.asked(self.state))
            self._previews.ask_soon()

    def show_more(self, on: bool) -> None:
        self._set(replace(self.state, more=on))

    def add_another(self, on: bool) -> None:
        """Set whether a run adds a result instead of replacing the earlier one."""
        self._adds_set = True
        self.store.set(replace(self.store.state, adds=on))
        if self._source is not None and self._source.painted:
            self._previews.ask_soon()  # Another result does not take over what was painted.
        self._follow_selection()

    def enlarge_whole(self, on: bool) -> None:
        """Set whether a run enlarges the whole document into a new one."""
        self.store.set(replace(self.store.state, whole=on))

    def make(self) -> Run:
        """Start a run that creates a result's layers, or replaces those of the earlier result.

        Raises:
            DioptreError: The run was refused.
        """
        panel = self.store.state
        document, node = active()
        if panel.followed is not None:
            described, options = as_operation(panel.followed)
            return job_manager().start(described, options, document, node, notes=panel.followed.notes)
        if panel.whole:
            return enlarge.start(job_manager(), document, dict(self.state.options))
        operation = self.state.operation
        target = find_target(operation, document, node)
        # A saved copy of a document has results with the same ids.
        shown = same_entry(panel.entry, target.entry) and self._looked in ((), target.place)
        if target.entry is not None and not (panel.adds or shown):
            self.look()
            raise RefusedError(
                "The docker now shows the settings of “{name}”.",
                hint="Check them, then click again.",
                name=target.replaced,
            )
        self._adopt(target)
        self._follow_switch(target.document)
        options = dict(self.state.options)
        if target.entry is not None and self.store.state.replaces:
            return updating.start_edit(job_manager(), target.document, target.entry, options)
        document, picture, depth = target.document, target.picture, target.depth
        return job_manager().start(operation, options, document, picture, depth, layer=target.layer)

    # -- reading and previews ------------------------------------------------------------------------------------

    def drop_closed(self) -> None:
        """Show nothing of a closed document, and free its pixels; the next one that becomes active is read."""
        if not self._looked or is_open(self._looked[0]):
            return
        self._forget()
        self._looked, self._refused = (), (None, "")
        if name := self.store.state.recipe:
            self._follow(self.recipes[name])
        else:
            self._set(states.of_next_picture(self.state))
        state = replace(states.reading(self.state), phase=Phase.EMPTY)
        self._set(state, layer="", entry=None, replaced="", pictures={}, before=None)

    def follow_active(self) -> None:
        """Read the layer again if another one has become active. A timer calls this while the docker is visible."""
        if (self._source is None and self._refused is None) or self.state.phase is Phase.READING:
            return
        if job_manager().makes_layers:
            return
        document, node = active()
        if document is None or node is None:
            return
        refused = self._refused == (document, own_id(node))
        if refused and not self._passes:
            return
        try:
            target = self._find()[0] if refused else self._find_target(document, node)
        except DioptreError as error:
            if error.message != self.state.message:
                self._refuse(error, passes=True)
            return
        panel = self.store.state
        if not self._is_shown(target):
            self.look()
            return
        if panel.entry is not None and target.entry is not None and not same_entry(panel.entry, target.entry):
            self._adopt(target)  # Another result of the same picture, with its own settings.
            self._set(states.asked(self.state))
            self._previews.ask_soon()
        elif (panel.entry, panel.replaced) != (target.entry, target.replaced):
            adds = panel.adds
            if panel.entry is None:  # A redo has brought it back.
                adds, self._adds_set = self._has_selection(document) and not target.chosen, False
            adds = adds and target.entry is not None
            self.store.set(replace(panel, entry=target.entry, replaced=target.replaced, adds=adds))
        self._follow_switch(document)
        self._follow_selection()

    def _find(self) -> tuple[Target, Found]:
        """Return the target on the active layer, and its checked inputs.

        Raises:
            RefusedError: The operation cannot work on it.
        """
        target = self._find_target(*active())
        operation, document, picture = self.state.operation, target.document, target.picture
        return target, find(operation, document, picture, target.depth, layer=target.layer, fresh=False)

    def _serves(self, recipe: Recipe) -> bool:
        """Return whether the layers that have been read are those that the recipe takes."""
        source = self._source
        if source is None or not is_open(source.document):
            return False
        picture, depth = (
            None if one is None else find_node(source.document, one.node) for one in (source.picture, source.depth)
        )
        operation = as_operation(recipe)[0]
        try:
            found = find(operation, source.document, picture, fresh=False)
        except DioptreError:
            return False
        return found.picture == picture and (found.depth == depth or not finds_depth_layer(operation))

    def _find_target(self, document: Any, node: Any) -> Target:
        """Return the target; for a recipe, it is the active layer, even if that belongs to a result.

        Raises:
            RefusedError: There is no suitable layer.
        """
        if self.store.state.recipe and document is not None and node is not None:
            picture, depth = photo_and_depth(document, node)
            return Target(document=document, picture=picture, depth=depth)
        return find_target(self.state.operation, document, node)

    def _is_shown(self, target: Target) -> bool:
        """Return whether the latest look was at this target, whatever it found."""
        if self._source is None or self._looked != target.place:
            return False
        read, given = self._source.depth, target.depth
        return read is None or given is None or read.node == node_id(target.document, given)

    def _adopt(self, target: Target) -> None:
        """Take over the settings of the result that a run replaces, or keep the style for another layer.

        The settings of a result that this docker shows already stay as the user has changed them.
        """
        panel, moves = self.store.state, self._looked[:2] not in ((), target.place[:2])
        if panel.recipe:
            if moves:
                self._follow(self.recipes[panel.recipe])
            return
        state, entry, adds = self.state, target.entry, panel.adds
        if moves:
            self._left[self._looked[1]] = states.of_this_picture(state)
        if entry is not None and (moves or not same_entry(panel.entry, entry)):
            state = replace(state, options=state.operation.check(dict(entry.chosen_options)))
            self._selects, self._adds_set = self._has_selection(target.document), False
            adds = self._selects and not target.chosen
        elif moves:
            state = states.of_next_picture(state, self._left.get(target.place[1]))
        self._set(state, entry=entry, replaced=target.replaced, adds=adds and entry is not None)

    def _has_selection(self, document: Document) -> bool:
        """Return whether there is a selection that limits a new result."""
        return not self.state.operation.places and selection_mark(document) != NO_SELECTION

    def _follow_switch(self, document: Document) -> None:
        """Let a new selection ask for a new result, which it limits, unless the user has chosen otherwise."""
        panel, before, self._selects = self.store.state, self._selects, self._has_selection(document)
        if panel.entry is not None and self._selects != before and not self._adds_set:
            self.store.set(replace(panel, adds=self._selects))

    def _follow(self, recipe: Recipe) -> None:
        """Show a recipe, which differs from the earlier one in its focus."""
        self._set(states.changed_all(self.state, preview_of(recipe).options), followed=recipe)

    def _follow_selection(self) -> None:
        """Limit the preview to the selection, the masks and the opacity as they are now."""
        source = self._source
        if source is None or self.state.phase is Phase.READING or not is_open(source.document):
            return
        if (limited := self._limited(source)) is not None:
            self._source = limited
            self._set(states.asked(self.state))
            self._previews.ask_soon()

    def _limited(self, source: Source) -> Source | None:
        """Return the source with the selection, masks and opacity as they are now; None if they are the same."""
        operation, mark = self.state.operation, NO_SELECTION
        if takes_selection(operation) or not (
            selects(operation) or enlarges(operation) or operation.places or self.store.state.replaces
        ):
            mark = selection_mark(source.document)
        node, rect = find_node(source.document, source.picture.node), source.picture.rect
        marks = mark, node and coverage_mark(node, rect)
        if marks == self._limits_mark:
            return None
        self._limits_mark = marks
        coverage = node and small_coverage(node, rect)
        self._set(self.state, before=self._thumbnail and _faded(self._thumbnail, coverage))
        selection = None if mark == NO_SELECTION else selection_in(source.document, rect)
        limits = selection is not None and not takes_selection(operation)
        self.selected = small_selection(selection, rect.width) if selection and limits else None
        return replace(source, selection=selection, coverage=coverage)

    def _refuse(self, error: Exception, *, passes: bool = False) -> None:
        """Say why the active layer cannot be read; the next one that becomes active is read again.

        Args:
            error: The reason.
            passes: Whether to read the same layer again once nothing speaks against it any more.
        """
        self._forget()
        document, node = active()
        # A node that outlives its document could crash Krita; its id cannot.
        self._refused, self._passes = (document, "" if node is None else own_id(node)), passes
        self._set(
            states.failed(replace(self.state, shown=None), LOG.told(error)),
            layer="",
            entry=None,
            replaced="",
            before=None,
        )

    def _read(self, read: tuple[Source, QImage]) -> None:
        source, self._thumbnail = read
        self._limits_mark = None
        self._source = self._limited(source) or source
        self._set(states.read(self.state), pictures={})
        self._previews.ask()

    def _event(self, event: Any) -> None:
        handle = next(handle for kind, handle in _EVENTS.items() if isinstance(event, kind))
        self._set(handle(self.state, event))
        self._ask_picture()

    def _wanted(self) -> tuple[State, Source, int] | None:
        """Return what to preview, at which size; a new result beside another one has a depth of its own."""
        source = self._source
        if source is not None and source.painted and not self.store.state.replaces:
            source = replace(source, depth=None, depth_metres=None)
        return None if source is None else (self.state, source, self._longest_px())

    def _longest_px(self) -> int:
        """Return the longest side of a preview that fits the picture's size on the screen."""
        return min(max(LONGEST_PX, -round(-self.seen_px // STEP_PX) * STEP_PX), MOST_PX)

    def _ask_picture(self) -> None:
        """Request the picture of the next tile once the preview itself is ready."""
        if self.state.phase is not Phase.READY:
            return
        for name in self.tiles:
            state = self._tile(name)
            if name in self.store.state.pictures and self._tiles.get(name) == state.options:
                continue
            self._asked = state.options
            if self._serves(self.recipes[name]):
                self._previews.ask_picture(name, state)
            else:
                self._pictured(name, None)
            return

    def _tile(self, name: str) -> State:
        """Return the state whose preview a tile shows; a preset keeps what the user has clicked."""
        seen = preview_of(self.recipes[name])
        if self.store.state.recipe:
            return states.opened(seen.operation, dict(seen.options))
        return states.opened(seen.operation, recipes.with_preset(self.state.options, name, seen.operation))

    def _pictured(self, name: str, picture: Image | None) -> None:
        panel, self._tiles[name] = self.store.state, self._asked
        self.store.set(replace(panel, pictures={**panel.pictures, name: picture}))
        self._ask_picture()

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
        self._source = self._thumbnail = None
        self._canvas = ()
        self.selected = self._refused = self._limits_mark = None


def same_entry(one: Entry | None, other: Entry | None) -> bool:
    """Return whether two records concern the same result, which an update may have changed."""
    return (None if one is None else one.id) == (None if other is None else other.id)


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


def _faded(image: QImage, coverage: Image | None) -> QImage:
    """Return a picture of a layer as its masks and opacity show it."""
    if coverage is None:
        return image
    width, height = coverage.width, coverage.height
    faded = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
    painter = QPainter(faded)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
    painter.drawImage(faded.rect(), QImage(coverage.data, width, height, width, QImage.Format.Format_Alpha8))
    painter.end()
    return faded
