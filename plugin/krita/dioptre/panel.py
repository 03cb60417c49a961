"""The docker: options, preview with click-to-focus, progress, cancel, and the results made so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from krita import DockWidget, Document, Krita, Node

from . import enlarge, recipe, updating
from .dioptre_link.editing.traits import changes_depth, enlarges, looks_into_file, takes_selection
from .dioptre_link.errors import Cancelled, DioptreError
from .dioptre_link.language import translated
from .dioptre_link.operations import OPERATIONS, Kind, Operation, Role
from .dioptre_link.records import Entry
from .jobs import Run, desk, in_short, in_words
from .link import LinkThread, Ticket
from .options import Options
from .picture_view import AFTER, BEFORE, CONFIDENCE, DEPTH, FOCUS, OLD_DEPTH, PLACE, PictureView
from .previews import LONGEST_PX, Previews, Request, Shown
from .qt import (
    QApplication,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    Qt,
    QTimer,
    QVBoxLayout,
    QWidget,
)
from .sources import Source, find
from .steps import Stepper

DOCKER_ID = "dioptre_docker"
SETTLE_MS = 30  # a moved slider sends many changes: the preview follows the last one
PATIENCE_S = 1.0  # a preview this young is not given up: a slider that keeps moving would never show anything
HISTORY_PX = 90
USUAL_RANGE = 0.03  # of the focus, to either side, where nothing is said: for the coloured view
# What a click on a point changes beside the point: what would stand in its way.
CLICKED = {
    "focus": {"focal_disparity": None},
    "neutral": {"temperature": None, "tint": None},
    "at": {"value": None, "mode": "match"},
}


class DioptreDocker(DockWidget):
    """Krita makes one for each window."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Dioptre")
        self._source: Source | None = None
        self._run: Run | None = None
        self._ticket: Ticket | None = None  # of the preview that was asked for last
        self._waiting = False  # for it
        self._asked_s = 0.0
        self._previews = Previews()
        self._reading = Stepper()
        self._thread: LinkThread | None = None
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLE_MS)
        self._settling.timeout.connect(self._settled)
        self._place = (0.5, 0.5)
        self._build()
        self._choose_operation(0)
        self._idle()
        desk().started.connect(self._follow)

    def canvasChanged(self, _canvas: object) -> None:  # noqa: N802  (Krita's name)
        QTimer.singleShot(0, self._list_history)  # Krita may be in the middle of closing a document

    # -- building ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._operations = list(OPERATIONS.values())
        self._choice = QComboBox()
        self._choice.setObjectName("dioptre_operation")
        for described in self._operations:
            self._choice.addItem(translated(described.title))
        self._choice.currentIndexChanged.connect(self._choose_operation)
        self._look = QPushButton(translated("Preview"))
        self._look.setObjectName("dioptre_look")
        self._look.setToolTip(translated("Show the active layer with these settings"))
        self._look.clicked.connect(lambda *_: self._begin_preview())
        self._view = PictureView(self._clicked)
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._words.setObjectName("dioptre_words")
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._all = QCheckBox(translated("All options"))
        self._all.toggled.connect(self._show_all)
        self._options: dict[str, Options] = {}
        self._option_place = QVBoxLayout()
        self._make = self._button(translated("Make layers"), "dioptre_make", self._make_layers)
        self._make_document = self._button(translated("Whole document…"), "dioptre_whole", self._make_whole)
        self._make_document.setToolTip(translated("Enlarge every layer into a new document"))
        self._update = self._button(translated("Update"), "dioptre_update_button", self._update_layers)
        self._update.setToolTip(translated("Make again what the active layer belongs to, after it was painted on"))
        self._cancel = self._button(translated("Cancel"), "dioptre_cancel_button", self._cancel_run)
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._history = QListWidget()
        self._history.setObjectName("dioptre_history")
        self._history.setMaximumHeight(HISTORY_PX)
        self._history.setToolTip(
            translated("Results in this document. Double-click takes over the settings of one.")
        )
        self._history.itemDoubleClicked.connect(self._take_over)

        head = QHBoxLayout()
        head.addWidget(self._choice, 1)
        head.addWidget(self._look)
        buttons = QGridLayout()
        buttons.addWidget(self._make, 0, 0)
        buttons.addWidget(self._cancel, 0, 1)
        buttons.addWidget(self._update, 1, 0)
        buttons.addWidget(self._make_document, 1, 1)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setSpacing(5)
        layout.addLayout(head)
        layout.addWidget(self._view, 1)
        layout.addLayout(self._option_place)
        layout.addWidget(self._all)
        layout.addLayout(buttons)
        layout.addWidget(self._bar)
        layout.addWidget(self._words)
        layout.addWidget(QLabel(translated("Results")))
        layout.addWidget(self._history)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        scroll.setWidget(inside)
        self.setWidget(scroll)

    def _button(self, text: str, name: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.clicked.connect(lambda *_: self._guarded(act))
        return button

    # -- options -------------------------------------------------------------------------------------------------

    @property
    def _described(self) -> Operation:
        return self._operations[self._choice.currentIndex()]

    def _choose_operation(self, _index: int) -> None:
        described = self._described
        for options in self._options.values():
            options.hide()
        if described.name not in self._options:
            made = self._options[described.name] = Options(described, self._changed)
            self._option_place.addWidget(made)
        options = self._options[described.name]
        options.show_all(self._all.isChecked())
        options.show()
        self._all.setVisible(options.has_more)
        self._make_document.setVisible(enlarges(described))
        self._view.offer(_views(described))
        self._view.clear()
        self._reading.stop()
        self._source = None
        self._words.setText(translated(described.help))

    def _show_all(self, _on: object) -> None:
        for options in self._options.values():
            options.show_all(self._all.isChecked())

    def _changed(self) -> None:
        """An option was changed by hand."""
        described = self._described
        values = self._options[described.name].values()
        point = next((one.name for one in described.parameters if one.kind is Kind.POINT), None)
        if point is not None and values.pop(point, None) is None:
            self._view.mark(None)
            desk().points.pop(described.name, None)
        desk().options[described.name] = values
        if self._source is not None and not self._settling.isActive():
            self._settling.start()

    def _settled(self) -> None:
        if self._waiting and time.monotonic() - self._asked_s < PATIENCE_S:
            self._settling.start()
        else:
            self._ask()

    # -- preview -------------------------------------------------------------------------------------------------

    def _begin_preview(self) -> None:
        """Read the active layer, show it, and ask for its preview."""
        described = self._described
        try:
            reading = find(described, *_active(), fresh=False).read()
        except Exception as error:  # noqa: BLE001  (an exception would open a window that stops everything)
            self._say(in_words(error))
            return
        self._words.setText(translated("Preview: reading the layer…"))
        self._reading.start(reading, self._show_source, lambda error: self._say(in_words(error)))

    def _show_source(self, source: Source) -> None:
        self._source = source
        rect = source.picture.rect
        node = source.node()
        if desk().points.get(self._described.name, ("",))[0] != source.picture.node:
            desk().points.pop(self._described.name, None)
            self._options[self._described.name].set_point(None)
        self._view.clear()
        scale = min(1.0, LONGEST_PX / max(rect.width, rect.height))
        self._view.show_before(
            node.thumbnail(max(1, round(rect.width * scale)), max(1, round(rect.height * scale)))
        )
        self._mark()
        self._ask()

    def _ask(self) -> None:
        source = self._source
        if source is None:
            return
        if self._thread is None:
            self._thread = LinkThread(f"Krita {Krita.instance().version()} (preview)")
            self._thread.progressed.connect(self._preview_progressed)
            self._thread.done.connect(self._preview_done)
            self._thread.failed.connect(self._preview_failed)
            QApplication.instance().aboutToQuit.connect(self._thread.stop)
        if self._ticket is not None:
            self._ticket.cancel()
        described = self._described
        try:
            options = described.check(desk().chosen_options(described, source.document, source.node()))
        except DioptreError as error:
            self._say(error)
            return
        if Role.CONFIDENCE in described.outputs:
            options["confidence"] = True  # known anyway, and there is a view for it
        request = Request(
            described=described,
            options=options,
            picture=source.picture,
            depth=source.depth,
            selection=source.selection if takes_selection(described) else None,
            place=self._place,
            opened_file=source.opened_file if looks_into_file(described) else None,
        )
        previews = self._previews
        self._ticket = self._thread.put(lambda *given: previews.make(request, *given))
        self._waiting, self._asked_s = True, time.monotonic()

    def _preview_progressed(self, ticket: Ticket, _fraction: float, phase: str) -> None:
        if ticket is self._ticket and self._run is None:
            self._words.setText(translated(f"Preview: {phase}…"))

    def _preview_done(self, ticket: Ticket, shown: Shown) -> None:
        if ticket is not self._ticket:
            return
        self._waiting = False
        self._view.show_after(shown.after)
        self._view.show_depth(shown.depth, _sharp(shown))
        self._view.show_more(OLD_DEPTH, shown.depth_before)
        self._view.show_more(CONFIDENCE, shown.confidence)
        if shown.before is not None and shown.part is not None:
            self._view.show_part(shown.before, shown.part)
        self._options[self._described.name].show_decided(shown.values)
        if self._run is None:
            self._words.setText(" ".join(map(translated, shown.messages)))

    def _preview_failed(self, ticket: Ticket, error: Exception) -> None:
        if ticket is not self._ticket:
            return
        self._waiting = False
        if not isinstance(error, Cancelled):
            self._say(in_words(error))

    def _clicked(self, x: float, y: float) -> None:
        if self._source is None:
            self._begin_preview()
            return
        described, rect = self._described, self._source.picture.rect
        if enlarges(described):
            self._place = (x, y)
            self._ask()
            return
        name = next((one.name for one in described.parameters if one.kind is Kind.POINT), None)
        if name is None:
            return
        point = (round(x * rect.width, 1), round(y * rect.height, 1))
        desk().points[described.name] = (self._source.picture.node, point)
        options = self._options[described.name]
        options.set_values({**options.values(), **CLICKED.get(name, {}), name: point})
        desk().options[described.name] = {key: value for key, value in options.values().items() if key != name}
        self._mark()
        self._ask()

    def _mark(self) -> None:
        clicked = desk().points.get(self._described.name)
        if self._source is None or clicked is None:
            self._view.mark(None)
            return
        rect = self._source.picture.rect
        x, y = clicked[1]
        self._view.mark((x / rect.width, y / rect.height))

    # -- runs ----------------------------------------------------------------------------------------------------

    def _make_layers(self) -> None:
        document, node = _active()
        options = desk().chosen_options(self._described, document, node)
        desk().start(self._described, options, document, node)

    def _make_whole(self) -> None:
        enlarge.start(desk(), _active()[0])

    def _update_layers(self) -> None:
        updating.start(desk(), *_active())

    def _cancel_run(self) -> None:
        if self._run is not None:
            self._run.cancel()

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001  (an exception would open a window that stops everything)
            self._say(in_words(error))

    def _follow(self, run: Run) -> None:
        """Show a run, wherever it was started."""
        self._run = run
        self._cancel.setEnabled(True)
        self._words.setText(translated(run.title))
        run.progressed.connect(lambda fraction, phase: self._progressed(run, fraction, phase))
        run.finished.connect(lambda _node, messages: self._ended(run, in_short(run, messages)))
        run.failed.connect(lambda error: self._ended(run, _sentence(error)))

    def _progressed(self, run: Run, fraction: float, phase: str) -> None:
        if run is self._run:
            self._bar.setValue(round(1000 * fraction))
            self._words.setText(f"{translated(run.title)}: {translated(phase)}…")

    def _ended(self, run: Run, words: str) -> None:
        self._list_history()
        if run is self._run:
            self._run = next(iter(desk().runs), None)
            self._words.setText(words)
        if self._run is None or self._run is run:
            self._run = None
            self._idle()

    def _idle(self) -> None:
        self._bar.setValue(0)
        self._cancel.setEnabled(False)

    def _say(self, error: DioptreError) -> None:
        self._words.setText(_sentence(error))

    # -- history -------------------------------------------------------------------------------------------------

    def _list_history(self) -> None:
        self._history.clear()
        document = Krita.instance().activeDocument()
        if document is None:
            return
        for entry in reversed(recipe.of(document).readable()):
            if recipe.nodes(document, entry) and entry.operation in OPERATIONS:
                item = QListWidgetItem(_line(entry))
                item.setData(Qt.ItemDataRole.UserRole, entry.id)
                item.setToolTip("\n".join(f"{name}: {value}" for name, value in entry.options.items()))
                self._history.addItem(item)

    def _take_over(self, item: QListWidgetItem) -> None:
        """Use the settings of a result again."""
        document = Krita.instance().activeDocument()
        known = {entry.id: entry for entry in recipe.of(document).readable()} if document is not None else {}
        entry = known.get(item.data(Qt.ItemDataRole.UserRole))
        if entry is None:
            return
        described = OPERATIONS[entry.operation]
        self._choice.setCurrentIndex(self._operations.index(described))
        with suppress(DioptreError):
            values = described.check(dict(entry.options))
            self._options[described.name].set_values(values)
            self._changed()
            point = next((values[one.name] for one in described.parameters if one.kind is Kind.POINT), None)
            if point is not None:
                desk().points[described.name] = (entry.inputs["picture"].id, point)


def _active() -> tuple[Document | None, Node | None]:
    document = Krita.instance().activeDocument()
    return document, document.activeNode() if document is not None else None


def _views(described: Operation) -> tuple[str, ...]:
    """What there is to see of an operation."""
    if enlarges(described):
        return AFTER, BEFORE, PLACE
    if changes_depth(described):
        return DEPTH, OLD_DEPTH, BEFORE
    if Role.RESULT not in described.outputs:
        return (DEPTH, BEFORE, CONFIDENCE) if Role.CONFIDENCE in described.outputs else (DEPTH, BEFORE)
    focuses = any(parameter.name == "focal_disparity" for parameter in described.parameters)
    return (AFTER, BEFORE, DEPTH, FOCUS) if focuses else (AFTER, BEFORE)


def _sentence(error: DioptreError) -> str:
    return f"{translated(error.message)} {translated(error.hint)}".strip()


def _sharp(shown: Shown) -> tuple[float, float] | None:
    focus = shown.values.get("focal_disparity")
    if focus is None:
        return None
    reach = shown.values.get("focus_range", shown.request.options.get("focus_range"))
    reach = USUAL_RANGE if reach is None else max(float(reach), 0.01)
    return focus - reach, focus + reach


def _line(entry: Entry) -> str:
    described = OPERATIONS[entry.operation]
    defaults: dict[str, Any] = described.defaults()
    changed = [
        f"{translated(one.label)} {_short(entry.options[one.name])}"
        for one in described.parameters
        if one.name in entry.options and entry.options[one.name] != defaults[one.name]
    ]
    return f"{entry.when[11:16]}  {translated(described.title)}" + (
        f": {', '.join(changed[:3])}" if changed else ""
    )


def _short(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(f"{number:.0f}" for number in value)
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
