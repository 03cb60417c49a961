"""The docker, which renders a session's state and forwards the user's input to it.

It is designed for a narrow column: the preview at the top, as large as the picture allows, and the options in a
scroll area below. The button that creates layers and the progress of the jobs are at the bottom and always visible.
Messages and jobs appear above it and cover the end of the options, so that neither the preview nor an option moves
under the pointer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from krita import DockWidget, Krita

from . import depth_editing, painting, updating
from .dioptre_link.catalogue import IN_EDITORS
from .dioptre_link.editing import brush, fetching, picking, recipes
from .dioptre_link.editing.request import preview_of
from .dioptre_link.editing.state import Phase
from .dioptre_link.editing.strokes import LOOK_MS
from .dioptre_link.editing.traits import changes_depth, enlarges, films, selects
from .dioptre_link.language import Message, translated
from .dioptre_link.operation import Operation
from .dioptre_link.presets import FIRST
from .document import LOG, active, find_node, remember, remembered
from .downloads import OfferRow
from .first_start import before
from .jobs import Run, in_short, job_manager
from .lists import JobList, RecipeList, ResultList
from .options import Options
from .preview import PictureView
from .session import FROM_FILE, Panel, Session
from .tint import Tint
from .toolkit import (
    ChoiceBox,
    OneLine,
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    Qt,
    QTimer,
    QToolButton,
    QVBoxLayout,
    QWidget,
    Shared,
    button_of,
    laid_out,
    quiet,
    wrapped,
)

DOCKER_ID = "dioptre_docker"
OPTIONS_PX = 40  # Minimum height of the options below which messages and jobs cannot cover them, in pixels.
LOWER_PX = 240  # Minimum height of the options and everything below them, in pixels.
LEFT_PX, RIGHT_PX = 4, 2  # Margins of the contents, in pixels.
PREVIEW, LOWER = 5, 4  # How the preview and all below it share the height, as far as the picture fills its part.
AFTER_STROKE, SNAPS = "after_stroke", "snaps"  # Settings that Krita remembers.
RECIPES = "recipes"  # The entry of the list of operations that shows the recipes.
MAIN = """
QPushButton { background: palette(highlight); color: palette(highlighted-text); font-weight: bold; padding: 7px;
    border: 1px solid palette(highlight); border-radius: 4px; }
QPushButton:hover, QPushButton:focus { border-color: palette(text); }
QPushButton:pressed { background: palette(dark); }
QPushButton:disabled { background: palette(button); color: #8c8c8c; border-color: palette(mid); }
"""


class DioptreDocker(DockWidget):
    """The docker; Krita creates one per window."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Dioptre")
        self.session = Session()
        self._options: dict[str, Options] = {}
        self._ordered: Options | None = None  # The options that Tab visits.
        self._said = ""  # Outcome of the last run, until the user requests something else.
        self._said_of: tuple[object, ...] = ()  # The active document and its results then.
        self._paints_on = ""  # Name of the depth layer that the user paints on.
        self._tint = Tint()
        self._build()
        self.session.store.observe(self._render)
        self._render(self.session.store.state, self.session.store.state)
        job_manager().started.connect(self._follow_run)
        self._following = QTimer(self)
        self._following.setInterval(LOOK_MS)  # Krita has no signal for the active layer.
        self._following.timeout.connect(self._follow_active)
        self._following.start()
        self._follow_canvas()

    def canvasChanged(self, _canvas: object) -> None:  # noqa: N802  (Krita's name)
        QTimer.singleShot(0, self._follow_canvas)  # Deferred, because Krita may be closing a document right now.

    def open(self, operation: Operation, *, keep: bool = False, whole: bool = False) -> None:
        """Open an operation on the active layer.

        Args:
            operation: The operation to open.
            keep: Keep the current options if this operation is open already.
            whole: Enlarge the whole document into a new one.
        """
        panel = self.session.store.state
        if not keep or panel.recipe or panel.state.operation != operation:
            self.session.open(operation)
        self.session.enlarge_whole(whole)
        self.session.look()

    def choose_file(self) -> None:
        """Let the user choose the file of a recipe, and show its effect before it runs."""
        file, _ = QFileDialog.getOpenFileName(self, translated("Recipe"), "", "*.json")
        if file:
            self._guarded(lambda: self.session.open_file(Path(file)))
        self._render_recipes(self.session.store.state)

    # -- building ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._view = PictureView(self.session)
        self.installEventFilter(self._view)
        layout = laid_out(QVBoxLayout, spacing=4)
        layout.setContentsMargins(LEFT_PX, 3, RIGHT_PX, 3)
        layout.addLayout(self._head())
        layout.addWidget(self._view, PREVIEW)
        layout.addWidget(self._lower(), LOWER)
        inside, whole = QWidget(), QWidget()
        inside.setLayout(layout)
        QVBoxLayout(whole).addWidget(inside)  # Krita sets the margins of the outermost layout to 1 pixel.
        self.setWidget(before(whole, lambda: self._guarded(self.session.look)))

    def _head(self) -> QHBoxLayout:
        self._choice = ChoiceBox()
        self._choice.setObjectName("dioptre_operation")
        self._choice.setAccessibleName(translated("Operation"))
        self._choice.setMinimumContentsLength(12)
        for described in IN_EDITORS.values():
            self._choice.addItem(translated(described.title), ("operation", described.name))
        self._choice.insertSeparator(self._choice.count())
        self._choice.addItem(translated("Recipes"), (RECIPES, ""))
        self._choice.activated.connect(lambda *_: self._chosen())
        head = QHBoxLayout()
        head.addWidget(self._choice, 1)
        words = translated("Reread the active layer")
        head.addWidget(button_of(QToolButton, "look", "⟳", self.session.look, words))
        return head

    def _lower(self) -> QWidget:
        """Return everything below the preview; its height depends only on the docker's and the picture's shape."""
        lower = Shared()
        lower.setObjectName("dioptre_lower")
        lower.setMinimumHeight(LOWER_PX)
        layout = laid_out(QVBoxLayout, lower, spacing=4)
        self._title = OneLine()
        self._title.setObjectName("dioptre_title")
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        layout.addWidget(self._title)
        layout.addWidget(self._scrolled(), 1)
        layout.addLayout(self._pinned())
        return lower

    def _scrolled(self) -> QScrollArea:
        self._recipes = RecipeList(self._choose_tile)
        self._about = wrapped("about")
        self._option_place = QVBoxLayout()
        self._offer_row = OfferRow(self.session.fetch, self.session.fetcher.cancel)
        self._results_title = QLabel(f"<b>{translated('Results')}</b>")
        self._results = ResultList(lambda: self._guarded(self.session.edit))
        inside = QWidget()
        layout = laid_out(QVBoxLayout, inside, spacing=4)
        layout.setContentsMargins(0, 0, 4, 0)
        layout.addWidget(self._about)
        layout.addWidget(self._recipes)
        layout.addLayout(self._option_place)
        layout.addWidget(self._results_title)
        layout.addWidget(self._results)
        layout.addStretch(1)
        scroll = self._scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        scroll.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        scroll.setMinimumHeight(OPTIONS_PX)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(inside)
        return scroll

    def _pinned(self) -> QVBoxLayout:
        self._words = wrapped("words")
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        tip = translated("Add another group and keep the current result")
        adds, text = self.session.add_another, translated("Add instead of replacing")
        self._adds = button_of(QCheckBox, "adds", text, adds, tip)
        tip = translated("Enlarge every layer into a new document")
        self._whole = button_of(QCheckBox, "whole", translated("Whole document"), self.session.enlarge_whole, tip)
        self._snaps = self._setting(
            SNAPS,
            translated("Snap strokes to edges"),
            translated("Let what you paint on the depth end at the edges of the photo"),
        )
        self._after_stroke = self._setting(
            AFTER_STROKE,
            translated("Update after each stroke"),
            translated("While you paint on the depth, show the result of each stroke"),
        )
        self._make = self._button(translated("Create layers"), "make", self.session.make)
        self._make.setStyleSheet(MAIN)
        tip = translated("Show the depth layer of the active result so that you can paint on it")
        self._edit_depth = self._button(translated("Edit depth"), "edit_depth_button", begin_depth, tip)
        tip = translated("Recompute the active result after you paint on its layers")
        self._update = self._button(
            translated("Update"), "update_button", lambda: updating.start(job_manager(), *active()), tip
        )
        buttons = self._buttons = laid_out(QGridLayout, spacing=4)
        buttons.addWidget(self._make, 0, 0, 1, 2)
        buttons.addWidget(self._edit_depth, 1, 0)
        buttons.addWidget(self._update, 1, 1)
        pinned = laid_out(QVBoxLayout, spacing=4)
        pinned.addWidget(self._words)
        pinned.addWidget(JobList())
        pinned.addWidget(self._whole)
        pinned.addWidget(self._adds)
        pinned.addWidget(self._snaps)
        pinned.addWidget(self._after_stroke)
        pinned.addLayout(buttons)
        return pinned

    def _setting(self, name: str, text: str, tip: str) -> QCheckBox:
        """Return a switch that Krita remembers."""
        tick = button_of(QCheckBox, name, text, lambda on: remember(name, on), tip)
        tick.setChecked(remembered(name))
        return tick

    def _button(self, text: str, name: str, act: Callable[[], object], tip: str = "") -> QPushButton:
        return button_of(QPushButton, name, text, lambda: self._guarded(act), tip)

    # -- rendering -----------------------------------------------------------------------------------------------

    def _render(self, old: Panel, panel: Panel) -> None:
        state = panel.state
        chosen = (RECIPES, "") if panel.recipe else ("operation", state.operation.name)
        places = [self._choice.itemData(place) for place in range(self._choice.count())]
        self._choice.setCurrentIndex(next(at for at, data in enumerate(places) if data and tuple(data) == chosen))
        self._view.render(panel)
        self._about.setVisible(bool(panel.recipe))
        if panel.followed is not None:
            seen = preview_of(panel.followed)
            title = panel.followed.title if panel.recipe == FROM_FILE else ""
            words = (title and f"{title}:", panel.followed.description, seen.note if seen.shown else "")
            self._about.setText(" ".join(translated(one) for one in words if one))
        self._render_recipes(panel)
        self._render_options(panel)
        self._title.show_text(title_of(panel, self.session.size))
        for tick, shown, on in (
            (self._adds, panel.entry is not None and not panel.recipe and not panel.whole, panel.adds),
            (self._whole, enlarges(state.operation) and not panel.recipe, panel.whole),
        ):
            tick.setVisible(shown)
            with quiet(tick):
                tick.setChecked(on)
        self._make.setText(action_of(panel))
        self._make.setEnabled(panel.can_make)
        if (panel.recipe, state.operation, state.options) != (old.recipe, old.state.operation, old.state.options):
            self._said = ""
        if panel != old or not self._words.text():
            self._words.setText(self._words_of(panel) or self._said)

    def _render_recipes(self, panel: Panel) -> None:
        names, state = self.session.tiles, panel.state
        chosen = panel.recipe or recipes.preset_in(state.options, state.operation)
        names = tuple(dict.fromkeys((*names, FROM_FILE))) if panel.recipe else names
        self._recipes.render(names, chosen, panel.pictures, panel.before)

    def _render_options(self, panel: Panel) -> None:
        name = "" if panel.recipe else panel.state.operation.name
        for each, options in self._options.items():
            options.setVisible(each == name)
        if panel.recipe:
            return
        if name not in self._options:
            options = Options(panel.state.operation, self.session.change_all)
            if options.more is not None:
                options.more.toggled.connect(self.session.show_more)
            self._options[name] = options
            self._option_place.addWidget(options)
        options = self._options[name]
        if options is not self._ordered:
            self._ordered = options
            self._order_tabs(options)
        options.show_state(panel.state)
        options.show_offer(self._offer_row, fetching.offer_of(panel.state))

    def _order_tabs(self, options: Options) -> None:
        """Make Tab visit the options after the docker's head and before its buttons, although they are newer."""
        none, window = Qt.FocusPolicy.NoFocus, self.window()
        # The list of a choice box is a window of its own.
        widgets = [each for each in options.findChildren(QWidget) if each.window() == window]
        controls = [each for each in widgets if each.focusPolicy() != none and each.focusProxy() is None]
        below = (self._results, self._adds, self._make, self._whole, self._snaps, self._after_stroke)
        for earlier, later in pairwise((self._scroll, *controls, *below, self._edit_depth, self._update)):
            QWidget.setTabOrder(earlier, later)

    def _words_of(self, panel: Panel) -> str:
        state = panel.state
        if self._paints_on and not (self._said or state.message):
            return how_to_paint(self._paints_on)
        if state.phase in (Phase.READING, Phase.WAITING, Phase.DRAFT) or (self._said and not state.message):
            return ""  # The preview itself shows the message.
        if state.message:
            return f"{translated(state.message)} {translated(state.hint) if state.hint else ''}".strip()
        if state.phase is Phase.READY and not panel.recipe:
            if brush.is_active(state):
                return brush.tip(state.operation, state.brush.tool)
            return picking.hint(state.operation, chosen=state.point is not None)
        if panel.followed is not None and state.phase is Phase.READY:
            found = recipes.focusing(panel.followed)
            return "" if found is None else picking.hint(found[0])
        return translated(state.operation.help) if state.phase is Phase.EMPTY and not panel.recipe else ""

    # -- events --------------------------------------------------------------------------------------------------

    def _chosen(self) -> None:
        kind, name = self._choice.currentData()
        if kind == RECIPES:
            self._choose_recipe(self.session.store.state.recipe or FIRST)
        else:
            self.session.open(IN_EDITORS[name])
            self.session.look()

    def _choose_tile(self, name: str) -> None:
        if self.session.store.state.recipe:
            self._choose_recipe(name)
        else:
            self.session.choose_preset(name)

    def _choose_recipe(self, name: str) -> None:
        if name == FROM_FILE:
            self.choose_file()
        elif name != self.session.store.state.recipe:
            self.session.open_recipe(name)

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001  (an uncaught exception would open a modal error window)
            self._say(LOG.told(error).shown)

    def _say(self, words: str) -> None:
        """Show words until the user requests something else, whatever is rendered meanwhile."""
        self._said, self._said_of = words, updating.results_mark(Krita.instance().activeDocument())
        self._words.setText(words or self._words_of(self.session.store.state))

    def _follow_active(self) -> None:
        self.session.drop_closed()
        if self._said and self._said_of != updating.results_mark(Krita.instance().activeDocument()):
            self._say("")  # It may speak of what is undone.
        if self.isVisible():
            self.session.follow_active()
            self._follow_canvas()
            self._follow_strokes()
        else:
            self._tint.follow(None)

    def _follow_strokes(self) -> None:
        """Snap strokes on the depth to edges and update the results, as far as the user wants it."""
        strokes, snaps, updates = painting.under_way(), self._snaps.isChecked(), self._after_stroke.isChecked()
        over = strokes is not None and strokes.are_over(busy=bool(job_manager().runs), follows=snaps or updates)
        self._tint.follow(strokes)
        if strokes is None or not over:
            return

        def update() -> None:
            if updates and strokes.is_as_before():
                depth = find_node(strokes.document, strokes.depth)
                self._guarded(lambda: updating.start(job_manager(), strokes.document, depth, paints=True))

        if snaps:
            snap, manager = depth_editing.Snap(painting=strokes), job_manager()
            apply = functools.partial(snap.apply, undo_sync=manager.undo_sync)
            run = manager.put("Snap strokes to edges", snap.read(), snap.work, apply, strokes.document)
            run.finished.connect(lambda *_: update())
        else:
            update()

    def _follow_canvas(self) -> None:
        """Show the preview as the canvas shows the layer, the results, and what can be done with them."""
        changed = self.session.follow_canvas()
        if self._view.follow_canvas():
            self._render(self.session.store.state, self.session.store.state)
        self.session.follow_zoom()
        if changed:
            self._list_results()
        self._offer_changes()

    def _offer_changes(self) -> None:
        """Grey what changes an earlier result unless one is active; enlarge Update while depth is painted on."""
        updates, has_depth = updating.changeable(*active())
        self._update.setEnabled(updates)
        self._edit_depth.setEnabled(has_depth)
        strokes = painting.under_way()
        node = None if strokes is None else strokes.shown()
        paints = node is not None
        for tick in (self._snaps, self._after_stroke):
            tick.setVisible(paints)
        if paints == self._make.isHidden():
            return
        self._make.setHidden(paints)
        self._paints_on, self._said = ("", self._said) if node is None else (node.name(), "")
        self._words.setText(self._said or self._words_of(self.session.store.state))
        self._update.setStyleSheet(MAIN if paints else "")
        self._buttons.addWidget(self._update, *((0, 0, 1, 2) if paints else (1, 1)))

    def _follow_run(self, run: Run) -> None:
        """Report the outcome of a run, no matter where it was started."""
        self._said = ""
        run.finished.connect(lambda _node, messages: self._ended(in_short(run, messages), reread=run.rereads))
        run.failed.connect(lambda error: self._ended(error.shown))

    def _ended(self, words: str, *, reread: bool = False) -> None:
        self._say(words)
        if reread and self.isVisible() and self.session.size is not None:
            self.session.look()
        else:
            self.session.look_again()
        self._list_results()
        self._offer_changes()

    def _list_results(self) -> None:
        self._results.refresh()
        self._results_title.setVisible(self._results.count() > 0)


def action_of(panel: Panel) -> str:
    """Return in the user's language what the main button does."""
    if panel.whole or films(panel.state.operation):
        return translated("Create a document")
    if panel.replaces:
        return translated("Replace the result")
    if changes_depth(panel.state.operation):
        return translated("Repair the depth layer")
    return translated("Select") if selects(panel.state.operation) else translated("Create layers")


def title_of(panel: Panel, size: tuple[int, int] | None) -> str:
    """Say in the user's language whose settings the docker shows.

    Args:
        panel: What the docker shows.
        size: Width and height of the previewed layer, in pixels.
    """
    if not panel.layer:
        return ""
    if panel.whole:
        words = translated("A new document with every layer enlarged")
    elif panel.replaces:
        own = Message("Settings of “{result}”", result=panel.replaced)
        changed = Message("Changed settings of “{result}”", result=panel.replaced)
        words = translated(changed if panel.changed else own)
    else:
        words = translated(Message("New result for “{layer}”", layer=panel.layer))
    state, followed = panel.state, panel.followed
    scale = recipes.scale(followed) if followed else state.operation.scale(state.options)
    if size is None or panel.whole or scale == 1:
        return words
    width, height = (round(side * scale) for side in size)
    return f"{words}: {width} × {height} px"


def begin_depth() -> str:
    """Show the depth layer behind the active result for painting; return how to, in the user's language.

    Raises:
        RefusedError: No result with a depth layer is active.
    """
    document, node = active()
    depth = depth_editing.begin(document, node)
    job_manager().undo_sync.activated(document, depth, ())  # An earlier change keeps no other layer active.
    return how_to_paint(depth.name())


def how_to_paint(name: str) -> str:
    """Return the instruction for a depth layer in the user's language."""
    return translated(Message("Paint on “{name}”: white is near, black is far. Then choose Update.", name=name))
