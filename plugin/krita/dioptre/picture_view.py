"""The docker's preview: view buttons, and a picture to zoom and click, with a notice when it is out of date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import style
from .brush_row import BrushRow
from .canvas import AMBER, INVITATION, Canvas
from .dioptre_link.catalogue.focus import FOCAL_DISPARITY
from .dioptre_link.editing import brush, fetching, marks, picking, selecting, traits, views
from .dioptre_link.editing.events import Image
from .dioptre_link.editing.picking import Click
from .dioptre_link.editing.state import Phase, State
from .dioptre_link.language import translated
from .qt import QButtonGroup, QColor, QHBoxLayout, QImage, QToolButton, QVBoxLayout, QWidget

_GREYS = [(value, value, value, 255) for value in range(256)]


class PictureView(QWidget):
    """View buttons with the picture below them. `on_click` receives fractions of the layer, 0 to 1."""

    def __init__(
        self,
        on_click: Callable[[float, float, Click], None],
        on_view: Callable[[str], None],
        on_brush: brush.Change,
        on_box: Callable[[tuple[float, float], tuple[float, float]], None],
    ) -> None:
        super().__init__()
        self._painting = brush.Painting(on_brush, lambda: self._size)
        self._brush_row = BrushRow(on_brush)
        self._strokes = brush.Overlay()
        self._size: tuple[int, int] | None = None  # Width and height of the layer, in pixels.
        self.canvas = Canvas(self._clicked)
        self._on_click, self._on_box = on_click, on_box
        self._state: State | None = None
        self._buttons: dict[str, QToolButton] = {}
        self._converted: dict[tuple[int, str], QImage] = {}
        self._focus_place: tuple[tuple[Any, ...], tuple[float, float] | None] | None = None
        group = QButtonGroup(self)
        row = self._row = QHBoxLayout()
        row.setSpacing(1)
        row.addStretch()
        for name, view in views.VIEWS.items():
            button = self._buttons[name] = QToolButton()
            button.setText(translated(view.label))
            button.setToolTip(translated(view.tip))
            button.setAccessibleDescription(translated(view.tip))
            button.setCheckable(True)
            button.setStyleSheet(style.VIEW)
            button.setObjectName(f"dioptre_view_{name}")
            button.clicked.connect(lambda *_, n=name: on_view(n))
            group.addButton(button)
            row.addWidget(button)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self._brush_row)
        layout.addWidget(self.canvas, 1)

    def render(
        self, state: State, before: QImage | None, size: tuple[int, int] | None, *, brushes: bool = True
    ) -> None:
        """Show a state.

        Args:
            state: The state to show.
            before: The reduced original layer.
            size: Width and height of the layer, in pixels.
            brushes: Whether strokes can be painted.
        """
        self._offer([view.name for view in views.views_of(state.operation)])
        self._buttons[state.view].setChecked(True)
        if self._state is None or self._state.shown is not state.shown:
            self._converted.clear()
        self._state, self._size = state, size
        self._brush_row.setVisible(brushes and brush.is_offered(state))
        self._brush_row.render(state)
        painting = self._painting if brushes and brush.is_active(state) and size is not None else None
        self.canvas.set_brush(painting, brush.SEEN * state.brush.radius)
        marker = None
        if state.point is not None and size is not None and state.view != views.PLACE:
            marker = (state.point[0] / size[0], state.point[1] / size[1])
        image = self._image(state, before)
        failed = image is None and state.phase is Phase.FAILED
        self.canvas.show_images(
            image,
            over=self._overlays(state),
            left=self._before(state, before) if state.view == views.SPLIT else None,
            frame=self._frame(state),
            marker=marker,
            automatic=None if marker is not None else self._automatic(state),
        )
        size = size or (1, 1)
        boxes = brushes and picking.box_of(state.operation) is not None
        picked = picking.marked(state.operation, state.options, size) if brushes else []
        self.canvas.show_picks(picked, self._on_box if boxes else None)
        self.canvas.show_distances(picking.measured(state.operation, state.options, size) if brushes else [])
        # A tooltip would cover the picture while the user paints.
        self.canvas.setToolTip(picking.hint(state.operation) if brushes and painting is None else "")
        self.canvas.show_words("" if state.busy else translated("No preview" if failed else INVITATION))
        self.canvas.show_progress("" if failed else _sign(state), state.fraction if state.busy else None)

    def _frame(self, state: State) -> Any:
        """Return the crop that an enlargement shows, or the chosen box, as fractions of the layer."""
        if state.shown is not None and state.view == views.PLACE:
            return state.shown.part
        return None if self._size is None else picking.box_places(state.operation, state.options, self._size)

    def _offer(self, names: list[str]) -> None:
        if [name for name, button in self._buttons.items() if not button.isHidden()] == names:
            return
        # Hide buttons before showing others, because all of them together would not fit.
        for name in sorted(self._buttons, key=names.__contains__):
            self._buttons[name].setVisible(name in names)
        for place, name in enumerate(names):
            self._row.removeWidget(self._buttons[name])
            self._row.insertWidget(1 + place, self._buttons[name])  # Index 0 is the stretch.

    def _image(self, state: State, before: QImage | None) -> QImage | None:
        shown = state.shown
        if shown is None or state.view == views.PLACE:
            return before
        if state.view in (views.BEFORE, views.SELECTED, views.CUT_OUT):
            return self._before(state, before)
        pictures = {
            views.DEPTH: shown.depth,
            views.OLD_DEPTH: shown.depth_before,
            views.CONFIDENCE: shown.confidence,
        }
        if state.view in pictures:
            grey = pictures[state.view]
            return before if grey is None else self._kept(grey, state.view)
        return before if shown.after is None else self._kept(shown.after, "colour")

    def _before(self, state: State, before: QImage | None) -> QImage | None:
        part = None if state.shown is None else state.shown.before
        return before if part is None else self._kept(part, "colour")

    def _overlays(self, state: State) -> list[QImage]:
        """Return the images to draw over the picture: selection, strokes, focus colours and subject outline."""
        shown = state.shown
        over = []
        selected = None if shown is None or state.phase is Phase.FAILED else shown.selection
        if selected is not None and state.view in (views.SELECTED, views.CUT_OUT):
            over.append(self._kept(selected, state.view))
        painted = None if self._size is None else self._strokes.picture(state, self._size)
        if painted is not None:
            over.append(_table(painted, brush.COLOURS))
        if state.view != views.FOCUS or shown is None:
            return over
        if (parts := marks.focus_parts(state)) is not None:
            over.append(_table(parts, views.FOCUS_COLOURS))
        if shown.subject is not None:
            over.append(self._kept(shown.subject, "outline"))
        return over

    def _automatic(self, state: State) -> tuple[float, float] | None:
        """Return the automatic focus point as fractions of the layer, or None if the user chose the focus."""
        key = (id(state.shown), state.view, state.point, state.options.get(FOCAL_DISPARITY), state.decided)
        if self._focus_place is None or self._focus_place[0] != key:
            self._focus_place = key, marks.automatic_place(state)
        return self._focus_place[1]

    def _kept(self, image: Image, how: str) -> QImage:
        key = (id(image), how)
        if key not in self._converted:
            self._converted[key] = _converted(image, how)
        return self._converted[key]

    def _clicked(self, x: float, y: float, click: Click) -> None:
        """Convert a click's position from fractions of the visible crop to fractions of the layer."""
        state = self._state
        shown = None if state is None else state.shown
        if state is not None and shown is not None and shown.part is not None and state.view != views.PLACE:
            left, top, width, height = shown.part
            x, y = left + x * width, top + y * height
        self._on_click(x, y, click)


def _sign(state: State) -> str:
    """Return the text to show over the picture while it does not match the options."""
    if state.phase is Phase.EMPTY:
        return ""
    if state.phase is Phase.MISSING:
        return translated(fetching.needs(state) or "") if state.out_of_date else ""
    if state.phase is Phase.FAILED:
        # The user must click in the picture now, so no text may cover it.
        points_it_out = traits.selects(state.operation)
        return translated("No preview") if state.out_of_date and not points_it_out else ""
    if state.phase is Phase.READY:
        return ""
    if state.phase is Phase.DRAFT:
        return translated("Draft")
    words = translated(state.message) if state.message else translated("Waiting for the preview")
    return f"{words}…"


def _converted(image: Image, how: str) -> QImage:
    if how == "colour":
        return coloured(image)
    if how == "outline":
        edge = Image(width=image.width, height=image.height, channels=1, data=marks.outline(image))
        return _table(edge, [(0, 0, 0, 0), AMBER, *[(0, 0, 0, 0)] * 254])
    if how in (views.SELECTED, views.CUT_OUT):
        return _table(image, selecting.RED if how == views.SELECTED else selecting.OUTSIDE)
    return _table(image, _GREYS)


def coloured(image: Image) -> QImage:
    """Return a QImage that owns its bytes."""
    return QImage(image.data, image.width, image.height, 4 * image.width, QImage.Format.Format_ARGB32).copy()


def _table(image: Image, colours: list[tuple[int, int, int, int]]) -> QImage:
    """Map a grey image through a table of 256 colours."""
    found = QImage(image.data, image.width, image.height, image.width, QImage.Format.Format_Indexed8)
    found.setColorTable([QColor(*colour).rgba() for colour in colours])
    return found.convertToFormat(QImage.Format.Format_ARGB32)
