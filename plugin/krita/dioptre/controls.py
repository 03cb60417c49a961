"""One row per option of an operation. A row shows a value and reports the user's changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .dioptre_link.editing import bokeh, distances, rows
from .dioptre_link.editing.state import State
from .dioptre_link.language import translated
from .dioptre_link.operation import Kind, Parameter
from .toolkit import (
    SHAPE_STYLE,
    ChoiceBox,
    Field,
    QCheckBox,
    QHBoxLayout,
    QIcon,
    QImage,
    QLabel,
    QPixmap,
    QPushButton,
    QSize,
    QSizePolicy,
    Qt,
    QToolButton,
    QWidget,
    Slider,
    laid_out,
    quiet,
    wrapped,
)

OnChanges = Callable[[Mapping[str, Any]], None]
APERTURE_PX = 44


class Aperture(QWidget):
    """Pictures of the disc that an out-of-focus light becomes: one at the picture's centre and one in a corner."""

    def __init__(self, _on_changes: OnChanges) -> None:
        super().__init__()
        self.setObjectName("dioptre_aperture")
        self._shown: dict[str, Any] = {}
        line = laid_out(QHBoxLayout, self)
        self._pictures = {bokeh.CENTRE: QLabel(), bokeh.CORNER: QLabel()}
        for picture, words in zip(
            self._pictures.values(), (translated("Middle"), translated("Corner")), strict=True
        ):
            line.addWidget(picture)
            line.addWidget(QLabel(words), 1)

    def render(self, state: State) -> None:
        options = {name: state.options[name] for name in bokeh.OPTIONS}
        if options == self._shown or not state.more:
            return
        self._shown = options
        side = APERTURE_PX
        for field, label in self._pictures.items():
            data = bokeh.disc(side, options, field=field)
            image = QImage(data, side, side, side, QImage.Format.Format_Grayscale8)
            label.setPixmap(QPixmap.fromImage(image))


PICTURE_PX = 26  # Side of a shape's picture in layout pixels; seven fit next to each other in 300 pixels.
DENSITY = 2  # Pixels of a picture per pixel of the layout, for HiDPI screens.


class ShapesRow(QWidget):
    """Row of shape buttons; none is active if the options match no shape."""

    def __init__(self, on_changes: OnChanges) -> None:
        super().__init__()
        self.setObjectName("dioptre_shapes")
        self.setAccessibleName(translated("Bokeh"))
        self._on_changes = on_changes
        self._buttons: dict[str, QToolButton] = {}
        row = laid_out(QHBoxLayout, self, spacing=1)
        for shape in bokeh.SHAPES:
            button = self._buttons[shape.name] = QToolButton()
            button.setObjectName(f"dioptre_shape_{shape.name}")
            button.setIcon(_icon(shape))
            button.setIconSize(QSize(PICTURE_PX, PICTURE_PX))
            button.setCheckable(True)
            button.setStyleSheet(SHAPE_STYLE)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            button.setToolTip(f"{translated(shape.label)}: {translated(shape.tip)}")
            button.setAccessibleName(translated(shape.label))
            button.setAccessibleDescription(translated(shape.tip))
            button.clicked.connect(lambda *_, chosen=shape: self._chose(chosen))
            row.addWidget(button)

    def render(self, state: State) -> None:
        chosen = bokeh.shape_of(state.options)
        for name, button in self._buttons.items():
            button.setChecked(chosen is not None and chosen.name == name)

    def _chose(self, shape: bokeh.Shape) -> None:
        self._buttons[shape.name].setChecked(True)  # Clicking the active shape must not switch it off.
        self._on_changes(dict(shape.options))


def _icon(shape: bokeh.Shape) -> QIcon:
    side = PICTURE_PX * DENSITY
    image = QImage(shape.picture(side), side, side, side, QImage.Format.Format_Grayscale8).copy()
    return QIcon(QPixmap.fromImage(image))


STEPS = 1000  # Number of slider positions.
LABEL_PX = 84  # Minimum width of a label in pixels; longer labels wrap.
# A label takes up at most this fraction of a row's width. Its large stretch factor gives it any spare width before
# the controls receive some.
LABEL_SHARE, LABEL_STRETCH = 0.3, 100
GAP_PX = 4
# Colours of a slider's left and right ends.
COLOURS = {"temperature": ("#4a7fe0", "#f0a030"), "tint": ("#45a045", "#c84cb8")}
GROOVE = """
QSlider::groove:horizontal {{ height: 6px; border-radius: 3px;
    background: qlineargradient(x1: 0, y1: 0, x2: 1, y2: 0, stop: 0 {left}, stop: 1 {right}); }}
QSlider::handle:horizontal {{ width: 10px; margin: -5px 0; border-radius: 5px; border: 1px solid #404040;
    background: #e8e8e8; }}
QSlider::handle:horizontal:focus {{ border: 2px solid palette(highlight); }}
QSlider::handle:horizontal:disabled {{ background: #8c8c8c; }}
"""


class NumberField(Field):
    """Field of a number that shows a dash while the number is not known."""

    def __init__(self, row: rows.Number | rows.Distance) -> None:
        super().__init__()
        self.setDecimals(row.digits)
        self._least = row.least
        self.setRange(row.least, row.most)
        self.setSingleStep(row.step)
        self.setPrefix(row.prefix)
        self.setSuffix(row.suffix)
        self.setKeyboardTracking(False)

    def show_number(self, number: float | None, *, edited: bool) -> None:
        """Show a number, unless the user is typing one and it is still `edited`."""
        # At its minimum, a field shows its special text; the least number can be entered, too.
        self.setMinimum(self._least - (self.singleStep() if number is None else 0.0))
        self.setSpecialValueText("—" if number is None else "")
        if not (edited and self.hasFocus()):
            self.setValue(self.minimum() if number is None else number)


class DistanceRow(QWidget):
    """Number field that shows the distance of the focus point on the current scale, and takes the true one."""

    def __init__(self, on_changes: OnChanges) -> None:
        super().__init__()
        self.setObjectName("dioptre_distance")
        self.setToolTip(translated(distances.HELP))
        self._on_changes = on_changes
        self._state: State | None = None
        self._field = NumberField(rows.Distance())
        self._field.setAccessibleName(translated(distances.LABEL))
        self._field.setAccessibleDescription(translated(distances.HELP))
        self._field.valueChanged.connect(self._entered)
        line = laid_out(QHBoxLayout, self)
        line.addWidget(wrapped("distance_label", translated(distances.LABEL)), 1)
        line.addWidget(self._field, 0)

    def render(self, state: State) -> None:
        same = self._state is not None and self._state.point == state.point
        self._state = state
        with quiet(self._field):
            self._field.show_number(distances.shown_m(state), edited=same)
        self._field.setEnabled(distances.can_enter(state))

    def _entered(self, distance_m: float) -> None:
        if self._state is not None:
            self._on_changes(distances.entered(self._state, round(distance_m, rows.Distance.digits)))


class Row(QWidget):
    """Row for one option."""

    def __init__(self, parameter: Parameter, on_changes: OnChanges) -> None:
        super().__init__()
        self.parameter = parameter
        self.setObjectName(f"dioptre_option_{parameter.name}")
        self.setToolTip(translated(parameter.help))
        self._on_changes = on_changes
        self._quiet = False
        self.line = laid_out(QHBoxLayout, self, spacing=GAP_PX)
        self._label: QLabel | None = None
        self.label_px = LABEL_PX  # Width for the label where it need not wrap.

    def send(self, changes: Mapping[str, Any]) -> None:
        """Report a change by the user."""
        if not self._quiet:
            self._on_changes(changes)

    def add_label(self) -> None:
        """Add the option's name; labels have the same width in all rows, so that the controls line up."""
        self._label = wrapped("label", rows.label_of(self.parameter).replace("_", ""))
        self._label.setMinimumWidth(LABEL_PX)
        self._label.setMaximumWidth(LABEL_PX)
        self.line.addWidget(self._label, LABEL_STRETCH)

    @property
    def wanted_px(self) -> int:
        """Width of the label on one line, in pixels; 0 without one."""
        label = self._label
        return 0 if label is None else max(LABEL_PX, label.fontMetrics().horizontalAdvance(label.text()) + GAP_PX)

    def name(self, *controls: QWidget) -> None:
        """Set the controls' name and description for screen readers."""
        for control in controls:
            control.setAccessibleName(translated(self.parameter.label))
            control.setAccessibleDescription(translated(self.parameter.help))

    def resizeEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        super().resizeEvent(event)
        if self._label is not None:
            shared = max(LABEL_PX, round(LABEL_SHARE * self.width()))
            self._label.setMaximumWidth(min(self.label_px, shared))

    def render(self, state: State) -> None:
        """Show a state; `self.state` is the one to which the user's input applies."""
        self.state, self._quiet = state, True
        self.show_state(state)
        self._quiet = False

    def show_state(self, state: State) -> None:
        raise NotImplementedError


class NumberRow(Row):
    """Slider and number field, with a checkbox for "automatic" if the option is optional."""

    def __init__(self, parameter: Parameter, on_changes: OnChanges) -> None:
        super().__init__(parameter, on_changes)
        row = self._row = rows.Number(parameter)
        self.add_label()
        self._slider = Slider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, STEPS)
        self._slider.setSingleStep(STEPS // 50)  # A smaller step would change none of the digits of some numbers.
        self._slider.setPageStep(STEPS // 20)
        if parameter.name in COLOURS:
            left, right = COLOURS[parameter.name]
            self._slider.setStyleSheet(GROOVE.format(left=left, right=right))
        self._field = NumberField(row)
        self.line.addWidget(self._slider, 3)
        self.line.addWidget(self._field, 0)
        self.name(self._slider, self._field)
        self._tick: QCheckBox | None = None
        if parameter.default is None:
            self._tick = automatic_tick(parameter, lambda on: self.send(row.ticked(on, self.state)))
            self.line.addWidget(self._tick, 0)
        self._slider.valueChanged.connect(lambda place: self.send(row.slid(place / STEPS)))
        self._field.valueChanged.connect(lambda number: self.send(row.entered(number)))

    @property
    def field_px(self) -> int:
        """Width that the field needs, in pixels."""
        return int(self._field.sizeHint().width())

    @field_px.setter
    def field_px(self, px: int) -> None:
        self._field.setFixedWidth(px)

    def show_state(self, state: State) -> None:
        automatic, place = self._row.is_automatic(state), self._row.place(state)
        if place is not None and not self._slider.isSliderDown():
            self._slider.setValue(round(STEPS * place))
        self._field.show_number(self._row.value(state), edited=automatic)
        if self._tick is not None:
            self._tick.setChecked(automatic)
            self._slider.setEnabled(not automatic)
            self._field.setEnabled(not automatic)


def automatic_tick(parameter: Parameter, on_toggle: Callable[[bool], None]) -> QCheckBox:
    """Return a checkbox that makes an option automatic."""
    tick = QCheckBox(translated(rows.AUTOMATIC))
    tick.setToolTip(translated(rows.HELP_AUTOMATIC))
    tick.setAccessibleName(rows.automatic_name(parameter))
    tick.toggled.connect(on_toggle)
    return tick


def line_up(controls: Iterable[object]) -> None:
    """Give the labels of all rows the same width, and the number fields, so that the sliders line up."""
    lined = [row for row in controls if isinstance(row, Row)]
    label_px = max((row.wanted_px for row in lined), default=0)
    field_px = max((row.field_px for row in lined if isinstance(row, NumberRow)), default=0)
    for row in lined:
        row.label_px = label_px
        if isinstance(row, NumberRow):
            row.field_px = field_px


class ChoiceRow(Row):
    def __init__(self, parameter: Parameter, on_changes: OnChanges) -> None:
        super().__init__(parameter, on_changes)
        self._box = ChoiceBox()
        for choice in parameter.choices:
            self._box.addItem(translated(parameter.shown_choice(choice, krita=True)), choice)
        self._box.setMinimumContentsLength(10)
        self.add_label()
        self.line.addWidget(self._box, 3)
        self.name(self._box)
        self._box.currentIndexChanged.connect(lambda *_: self.send({parameter.name: self._box.currentData()}))

    def show_state(self, state: State) -> None:
        self._box.setCurrentIndex(self._box.findData(state.options[self.parameter.name]))


class SwitchRow(Row):
    def __init__(self, parameter: Parameter, on_changes: OnChanges) -> None:
        super().__init__(parameter, on_changes)
        self._tick = QCheckBox(translated(parameter.label))
        self.line.addWidget(self._tick)
        self.name(self._tick)
        self._tick.toggled.connect(lambda on: self.send({parameter.name: bool(on)}))

    def show_state(self, state: State) -> None:
        self._tick.setChecked(state.options[self.parameter.name])


class PlacesRow(Row):
    """Shows what was clicked in the preview, with buttons that remove it."""

    def __init__(self, parameter: Parameter, on_changes: OnChanges) -> None:
        super().__init__(parameter, on_changes)
        self._row = rows.Places(parameter)
        self._words = wrapped("places")  # A list of distances must not widen the docker.
        self.add_label()
        self.line.addWidget(self._words, 3)
        self._buttons = [self._button(one) for one in self._row.buttons]

    def _button(self, shown: rows.Button) -> QPushButton:
        button = QPushButton(shown.text)
        button.setToolTip(shown.help)
        button.setAccessibleName(shown.name)
        button.clicked.connect(lambda *_: self.send(shown.changes(self.state)))
        if len(shown.text) == 1:  # Styles make a button wider than its sign.
            button.setMaximumWidth(2 * button.sizeHint().height())
        self.line.addWidget(button, 0)
        return button

    def show_state(self, state: State) -> None:
        self._words.setText(self._row.text(state))
        for shown, button in zip(self._row.buttons, self._buttons, strict=True):
            button.setEnabled(shown.enabled(state))


def row_of(parameter: Parameter, on_changes: OnChanges) -> Row:
    """Return the row that suits the parameter's kind."""
    kinds = {Kind.FLOAT: NumberRow, Kind.INTEGER: NumberRow, Kind.CHOICE: ChoiceRow, Kind.BOOLEAN: SwitchRow}
    return kinds.get(parameter.kind, PlacesRow)(parameter, on_changes)
