"""The docker's preview: view buttons, brush tools, and a picture with a notice when it is out of date."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from .canvas import INVITATION, Canvas
from .dioptre_link.editing import brush, picking, recipes, scene, traits, views
from .dioptre_link.editing import state as states
from .dioptre_link.editing.events import Image
from .dioptre_link.editing.picking import Click
from .dioptre_link.editing.state import Phase, State, Tool
from .dioptre_link.language import translated
from .on_canvas import OnCanvas, Overlay, is_key
from .session import Panel, Session
from .toolkit import (
    VIEW_STYLE,
    QButtonGroup,
    QCheckBox,
    QColor,
    QEvent,
    QHBoxLayout,
    QImage,
    QLabel,
    QSlider,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
    Shared,
    button_of,
    laid_out,
    quiet,
)

SIZE_STEPS = 100  # Number of slider positions.


class BrushRow(QWidget):
    """Row of tool buttons that renders the state and forwards the user's input."""

    def __init__(self, on_change: brush.Change) -> None:
        super().__init__()
        self.setObjectName("dioptre_brush")
        self._on_change = on_change
        self._buttons: dict[Tool, QToolButton] = {}
        group = QButtonGroup(self)
        tools = laid_out(QHBoxLayout, spacing=1)
        tools.addStretch()
        for tool in Tool:
            chooses = partial(on_change, partial(brush.chose, tool=tool))
            button = self._buttons[tool] = button_of(QToolButton, f"tool_{tool.value}", "", chooses)
            button.setCheckable(True)
            button.setStyleSheet(VIEW_STYLE)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            group.addButton(button)
            tools.addWidget(button)
        tools.addStretch()
        self._size = QSlider(Qt.Orientation.Horizontal)
        self._size.setRange(0, SIZE_STEPS)
        self._size.setPageStep(SIZE_STEPS // 10)
        self._size.setObjectName("dioptre_brush_size")
        self._size.setToolTip(translated("Brush size (or Ctrl+scroll over the picture)"))
        self._size.setAccessibleName(translated("Brush size"))
        self._size.valueChanged.connect(lambda place: self._sized(place / SIZE_STEPS))
        lower = QHBoxLayout()
        lower.addWidget(QLabel(translated("Size")))
        lower.addWidget(self._size, 1)
        self._removal = []
        for name, text, words, change in (
            ("undo_stroke", "↶", translated("Undo the last stroke (Ctrl+Z in the picture)"), brush.undone),
            ("clear_strokes", translated("Clear strokes"), translated("Remove all strokes"), brush.cleared),
        ):
            button = button_of(QToolButton, name, text, partial(on_change, change), words)
            lower.addWidget(button)
            self._removal.append(button)
        rows = laid_out(QVBoxLayout, self, spacing=2)
        rows.addLayout(tools)
        rows.addLayout(lower)

    def _sized(self, place: float) -> None:
        self._on_change(lambda state: brush.sized(state, brush.radius_at(place)))

    def render(self, state: State) -> None:
        for tool, button in self._buttons.items():
            tip = brush.tip(state.operation, tool)
            button.setText(brush.label(state.operation, tool))
            button.setToolTip(tip)
            button.setAccessibleDescription(tip)
        self._buttons[state.brush.tool].setChecked(True)
        if not self._size.isSliderDown():
            with quiet(self._size):
                self._size.setValue(round(SIZE_STEPS * brush.slider_place(state.brush.radius)))
        for button in self._removal:
            button.setEnabled(bool(brush.strokes(state)))
        self._size.setEnabled(state.brush.paints)  # Always visible: the picture must not move before a stroke.


SELECTED_EDGE: views.Colours = ((0, 0, 0, 0), (255, 255, 255, 220), *[(0, 0, 0, 0)] * 254)
_GREYS: views.Colours = tuple((value, value, value, 255) for value in range(256))


class PictureView(Shared):
    """View buttons with the picture below them, unless Krita's canvas shows it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._painting = brush.Painting(session.brush, lambda: session.size)
        self._brush_row = BrushRow(session.brush)
        self._strokes = brush.Overlay()
        self.canvas = Canvas(self._clicked)
        self._on_canvas = OnCanvas(self._clicked, self._takes_key, session.look)
        self._over: Overlay | None = None  # The canvas that shows the picture in place of the docker's.
        tip, shows = translated("Preview the result in the document itself"), session.show_on_canvas
        self._switch = button_of(QCheckBox, "on_canvas_switch", translated("Show on the canvas"), shows, tip)
        self._buttons: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        row = self._row = laid_out(QHBoxLayout, spacing=1)
        row.addStretch()
        for name, view in views.VIEWS.items():
            holds = name == views.BEFORE
            tip = translated("Hold to compare (key: Y)." if holds else view.tip)
            act = (lambda: None) if holds else partial(session.brush, partial(states.chose_view, view=name))
            made = self._buttons[name] = button_of(QToolButton, f"view_{name}", translated(view.label), act, tip)
            made.setStyleSheet(VIEW_STYLE)
            if holds:
                made.pressed.connect(lambda: session.compare(holds=True))
                made.released.connect(lambda: session.compare(holds=False))
            else:
                made.setCheckable(True)
                group.addButton(made)
            row.addWidget(made)
        row.addStretch()
        layout = laid_out(QVBoxLayout, self, spacing=2)
        layout.addLayout(row)
        layout.addWidget(self._switch)
        layout.addWidget(self._brush_row)
        layout.addWidget(self.canvas, 1)

    def render(self, panel: Panel) -> None:
        """Show the state of the docker."""
        state, before, size = panel.state, panel.before, self._session.size
        brushes = not panel.recipe
        focusing = None if panel.followed is None else recipes.focusing(panel.followed)
        self._offer([view.name for view in views.views_of(state.operation)])
        self._buttons[state.behind or state.view].setChecked(True)
        self._switch.setVisible(traits.stays_in_place(state.operation))
        self._switch.setEnabled(size is not None)
        self._brush_row.setVisible(brushes and brush.is_offered(state))
        self._brush_row.render(state)
        painting = self._painting if brushes and brush.is_active(state) and size is not None else None
        own = before if state.shown is None or state.shown.before is None else coloured(state.shown.before)
        picture = scene.picture_of(state)
        image = before if picture is None else coloured(picture)
        failed = image is None and state.phase is Phase.FAILED
        clickable = state if focusing is None else replace(state, operation=focusing[0], options=focusing[1])
        marks = None if size is None else scene.marks_of(clickable, size)
        part = None if state.shown is None or state.view != views.PLACE else state.shown.part
        boxes = brushes and picking.box_of(state.operation) is not None
        shown: dict[str, Any] = {
            "over": self._overlays(state, self._session.selected),
            "left": own if state.view == views.SPLIT else None,
            "frame": part or (marks and marks.box),
            "marks": marks,
        }
        self._over = over = self._canvas_over()
        with quiet(self._switch):  # It never says more than the canvas shows.
            self._switch.setChecked(over is not None)
        if over is not None:
            see_through = panel.entry is None  # Otherwise the canvas shows an earlier result in place of the layer.
            over.show_images(None if picture is None and see_through else image, see_through=see_through, **shown)
            clicks = traits.point_of(clickable.operation) is not None or picking.picks(clickable.operation)
            over.takes = clicks or boxes or painting is not None or state.view == views.SPLIT
        self.canvas.setVisible(over is None)
        self.canvas.show_images(image, **shown)
        # A tooltip would cover the picture while the user paints, and on Krita's canvas.
        self.canvas.setToolTip("" if painting is not None else picking.hint(clickable.operation))
        self.canvas.setText("" if state.busy else translated("No preview" if failed else INVITATION))
        sign = "" if failed else scene.sign(state)
        for canvas, band in ((self.canvas, sign), (over, sign or translated("Preview"))):
            if canvas is not None:
                canvas.set_brush(painting, brush.SEEN * state.brush.radius)
                canvas.viewport.on_box = self._session.box if boxes else None
                canvas.viewport.on_mark = None if panel.recipe else self._session.move
                canvas.viewport.on_notches = self._session.scroll if state.operation.at_marks else None
                canvas.show_progress(band, state.fraction if state.busy else None)
        self.fit()

    def fit(self) -> None:
        """Grow no higher than the picture, so that no space around it is empty while the options need it."""
        rows = self.layout().sizeHint().height()
        if self._over is None:
            rows += self.canvas.height_for(self.width()) - self.canvas.sizeHint().height()
        self.setMaximumHeight(rows)

    def follow_canvas(self) -> bool:
        """Follow Krita's canvas; return whether to render the state again, for another canvas or the docker's."""
        return self._canvas_over() is not self._over

    def _canvas_over(self) -> Overlay | None:
        """Return the canvas over Krita's at the previewed layer; None if the docker's own canvas shows it."""
        panel, placed, over = self._session.store.state, self._session.placed, None
        state, covers = panel.state, panel.covers and panel.state.on_canvas and self.isVisible()
        if placed is not None and covers and traits.stays_in_place(state.operation):
            over = self._on_canvas.over(*placed)
        else:
            self._on_canvas.remove()
        self._session.seen_px = 0.0 if over is None else over.longest_px
        return over

    def hideEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        super().hideEvent(event)
        self._canvas_over()  # None now.

    def eventFilter(self, _docker: QWidget, event: Any) -> bool:  # noqa: N802  (Qt's name)
        """Watch the keys of the docker; the window misses their release while another one is active."""
        if event.type() == QEvent.Type.WindowDeactivate:
            self._session.compare(holds=False)
        return self._takes_key(event)

    def _takes_key(self, event: Any) -> bool:
        """Compare for as long as the key is held, also on Krita's canvas; return whether it is that key."""
        if not is_key(event) or event.key() != Qt.Key.Key_Y or event.modifiers():
            return False
        event.accept()
        kind = event.type()
        if kind != QEvent.Type.ShortcutOverride and not event.isAutoRepeat():
            self._session.compare(holds=kind == QEvent.Type.KeyPress)
        return True

    def resizeEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        super().resizeEvent(event)
        self.fit()

    def _offer(self, names: list[str]) -> None:
        if [name for name, button in self._buttons.items() if not button.isHidden()] == names:
            return
        # Hide buttons before showing others, because all of them together would not fit.
        for name in sorted(self._buttons, key=names.__contains__):
            self._buttons[name].setVisible(name in names)
        for place, name in enumerate(names):
            self._row.removeWidget(self._buttons[name])
            self._row.insertWidget(1 + place, self._buttons[name])  # Index 0 is the stretch.

    def _overlays(self, state: State, selected: Image | None) -> list[QImage]:
        """Return the images to draw over the picture: selection or focus, and the strokes."""
        over = [_table(one.image, one.colours) for one in scene.overlays(state)]
        if selected is not None and views.VIEWS[state.view].shows_after:
            over.append(_table(scene.outline(selected), SELECTED_EDGE))
        size = self._session.size
        painted = None if size is None else self._strokes.picture(state, size)
        return over if painted is None else [*over, _table(painted, brush.COLOURS)]

    def _clicked(self, x: float, y: float, click: Click) -> None:
        """Convert a click's position from fractions of the visible crop to fractions of the layer."""
        state = self._session.state
        if state.shown is not None and (part := state.shown.part) is not None and state.view != views.PLACE:
            left, top, width, height = part
            x, y = left + x * width, top + y * height
        self._session.click(x, y, click)


@lru_cache(maxsize=4)
def coloured(image: Image) -> QImage:
    """Return a QImage that owns its bytes."""
    if image.channels == 1:
        return _table(image, _GREYS)
    return QImage(image.data, image.width, image.height, 4 * image.width, QImage.Format.Format_ARGB32).copy()


@lru_cache(maxsize=8)
def _table(image: Image, colours: views.Colours) -> QImage:
    """Map a grey image through a table of 256 colours."""
    found = QImage(image.data, image.width, image.height, image.width, QImage.Format.Format_Indexed8)
    found.setColorTable([QColor(*colour).rgba() for colour in colours])
    return found.convertToFormat(QImage.Format.Format_ARGB32)
