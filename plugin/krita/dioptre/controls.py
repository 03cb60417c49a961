"""One row per option of an operation. A row shows a value and reports the user's changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .dioptre_link.catalogue.blur import F_NUMBER
from .dioptre_link.catalogue.focus import FOCUS_RANGE
from .dioptre_link.editing import bokeh, distances, picking, scales
from .dioptre_link.editing.state import State
from .dioptre_link.language import Message, translated
from .dioptre_link.operation import LISTS, Kind, Parameter
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
)

APERTURE_PX = 44


class Aperture(QWidget):
    """Pictures of the disc that an out-of-focus light becomes: one at the picture's centre and one in a corner."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("dioptre_aperture")
        self._shown: Mapping[str, Any] = {}
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        self._pictures = {bokeh.CENTRE: QLabel(), bokeh.CORNER: QLabel()}
        for picture, words in zip(
            self._pictures.values(), (translated("Middle"), translated("Corner")), strict=True
        ):
            line.addWidget(picture)
            line.addWidget(QLabel(words), 1)

    def show_shape(self, options: Mapping[str, Any]) -> None:
        if options == self._shown:
            return
        self._shown = dict(options)
        side = APERTURE_PX
        for field, label in self._pictures.items():
            data = bokeh.disc(side, options, field=field)
            image = QImage(data, side, side, side, QImage.Format.Format_Grayscale8)
            label.setPixmap(QPixmap.fromImage(image))


PICTURE_PX = 26  # Side of a shape's picture in layout pixels; seven fit next to each other in 300 pixels.
DENSITY = 2  # Pixels of a picture per pixel of the layout, for HiDPI screens.


class ShapesRow(QWidget):
    """Row of shape buttons; none is active if the options match no shape."""

    def __init__(self, on_change: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_shapes")
        self.setAccessibleName(translated("Bokeh"))
        self._on_change = on_change
        self._buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
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

    def render(self, options: Mapping[str, Any]) -> None:
        chosen = bokeh.shape_of(options)
        for name, button in self._buttons.items():
            button.setChecked(chosen is not None and chosen.name == name)

    def _chose(self, shape: bokeh.Shape) -> None:
        self._buttons[shape.name].setChecked(True)  # Clicking the active shape must not switch it off.
        self._on_change(dict(shape.options))


def _icon(shape: bokeh.Shape) -> QIcon:
    side = PICTURE_PX * DENSITY
    image = QImage(shape.picture(side), side, side, side, QImage.Format.Format_Grayscale8).copy()
    return QIcon(QPixmap.fromImage(image))


DIGITS = 2


class DistanceRow(QWidget):
    """Number field that shows the distance of the focus point on the current scale, and takes the true one."""

    def __init__(self, on_change: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_distance")
        self.setToolTip(translated(distances.HELP))
        self._on_change = on_change
        self._state: State | None = None
        self._field = Field()
        self._field.setDecimals(DIGITS)
        self._field.setRange(distances.LEAST_M, distances.MOST_M)
        self._field.setSingleStep(0.1)
        self._field.setSuffix(" m")
        self._field.setKeyboardTracking(False)
        self._field.setAccessibleName(translated(distances.LABEL))
        self._field.setAccessibleDescription(translated(distances.HELP))
        self._field.valueChanged.connect(self._entered)
        label = QLabel(translated(distances.LABEL))
        label.setWordWrap(True)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(label, 1)
        line.addWidget(self._field, 0)

    def render(self, state: State) -> None:
        moved = self._state is None or self._state.point != state.point
        self._state = state
        shown = distances.shown_m(state)
        self._field.blockSignals(True)
        # At its minimum, a field shows its special text: a dash while the distance is not known.
        self._field.setSpecialValueText("—" if shown is None else "")
        if moved or not self._field.hasFocus():
            self._field.setValue(self._field.minimum() if shown is None else shown)
        self._field.blockSignals(False)
        self._field.setEnabled(distances.can_enter(state))

    def _entered(self, distance_m: float) -> None:
        if self._state is not None:
            self._on_change(distances.entered(self._state, round(distance_m, DIGITS)))


STEPS = 1000  # Number of slider positions.
LABEL_PX = 84  # Minimum width of a label in pixels; longer labels wrap.
# A label takes up at most this fraction of a row's width. Its large stretch factor gives it any spare width before
# the controls receive some.
LABEL_SHARE, LABEL_STRETCH = 0.36, 100
GAP_PX = 4
# BLUR is the option in the first row, RANGE the option that the histogram shows.
BLUR, RANGE = F_NUMBER, FOCUS_RANGE
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
OnChange = Callable[[str, Any], None]
OnChanges = Callable[[Mapping[str, Any]], None]


class Row(QWidget):
    """Row for one option."""

    def __init__(self, parameter: Parameter, on_change: OnChange) -> None:
        super().__init__()
        self.parameter = parameter
        self.setObjectName(f"dioptre_option_{parameter.name}")
        self.setToolTip(translated(parameter.help))
        self._on_change = on_change
        self.line = QHBoxLayout(self)
        self.line.setContentsMargins(0, 0, 0, 0)
        self.line.setSpacing(GAP_PX)
        self._label: QLabel | None = None

    @property
    def label(self) -> str:
        return "Blur amount" if self.parameter.name == BLUR else self.parameter.label

    def send(self, value: Any) -> None:
        """Report a change by the user."""
        self._on_change(self.parameter.name, value)

    def add_label(self) -> None:
        """Add the option's name; labels have the same width in all rows, so that the controls line up."""
        self._label = QLabel(translated(self.label))
        self._label.setMinimumWidth(LABEL_PX)
        self._label.setMaximumWidth(LABEL_PX)
        self._label.setWordWrap(True)
        self.line.addWidget(self._label, LABEL_STRETCH)

    def name(self, *controls: QWidget) -> None:
        """Set the controls' name and description for screen readers."""
        for control in controls:
            control.setAccessibleName(translated(self.parameter.label))
            control.setAccessibleDescription(translated(self.parameter.help))

    def resizeEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        super().resizeEvent(event)
        if self._label is not None:
            self._label.setMaximumWidth(max(LABEL_PX, round(LABEL_SHARE * self.width())))

    def render(self, value: Any, decided: Any) -> None:
        """Show `value`, or the automatically determined `decided` if `value` is None."""
        raise NotImplementedError


class NumberRow(Row):
    """Slider and number field, with a checkbox for "automatic" if the option is optional."""

    def __init__(self, parameter: Parameter, on_change: OnChange) -> None:
        super().__init__(parameter, on_change)
        # The f-number's slider shows the amount of blur, which grows to the right.
        is_blur = parameter.name == BLUR
        self._scale = scales.blur_amount(parameter) if is_blur else scales.scale_of(parameter)
        self.add_label()
        self._slider = Slider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, STEPS)
        self._slider.setPageStep(STEPS // 20)
        if parameter.name in COLOURS:
            left, right = COLOURS[parameter.name]
            self._slider.setStyleSheet(GROOVE.format(left=left, right=right))
        self._field = Field()
        self._field.setDecimals(self._scale.digits)
        self._field.setRange(self._scale.least, self._scale.most)
        self._field.setSingleStep(self._scale.step)
        self._field.setKeyboardTracking(False)
        if is_blur:
            self._field.setPrefix("f/")
        elif parameter.unit:
            self._field.setSuffix(f" {parameter.unit}")
        self.line.addWidget(self._slider, 3)
        self.line.addWidget(self._field, 0)
        self.name(self._slider, self._field)
        self._tick: QCheckBox | None = None
        self._known = False  # Whether there is a number, set or automatic.
        if parameter.default is None:
            self._tick = QCheckBox(translated("Auto"))
            self._tick.setToolTip(translated("Determine from the picture"))
            self._tick.setAccessibleName(f"{translated(parameter.label)}: {translated('Auto')}")
            self.line.addWidget(self._tick, 0)
            self._tick.toggled.connect(self._ticked)
        self._slider.valueChanged.connect(self._slid)
        self._field.valueChanged.connect(self._send)

    @property
    def field_px(self) -> int:
        """Width that the field needs, in pixels."""
        return int(self._field.sizeHint().width())

    @property
    def tick_px(self) -> int:
        """Width that the checkbox needs, in pixels; 0 without one."""
        return 0 if self._tick is None else int(self._tick.sizeHint().width())

    def widen(self, field_px: int, tick_px: int) -> None:
        """Set the width of the field, and leave room for a checkbox as wide as `tick_px` in pixels."""
        self._field.setFixedWidth(field_px)
        if self._tick is None and tick_px:
            self.line.addSpacing(tick_px + GAP_PX)

    def render(self, value: Any, decided: Any) -> None:
        widgets = [self._field, self._slider, *([self._tick] if self._tick is not None else [])]
        for widget in widgets:
            widget.blockSignals(True)
        number = value if value is not None else decided
        self._known = number is not None
        if isinstance(number, (int, float)) and not self._slider.isSliderDown():
            self._slider.setValue(round(STEPS * self._scale.position(float(number))))
        # At its minimum, a field shows its special text: a dash while the automatic value is not known.
        self._field.setSpecialValueText("—" if number is None else "")
        if not (self._field.hasFocus() and value is None):
            self._field.setValue(float(number) if isinstance(number, (int, float)) else self._field.minimum())
        if self._tick is not None:
            self._tick.setChecked(value is None)
            self._slider.setEnabled(value is not None)
            self._field.setEnabled(value is not None)
        for widget in widgets:
            widget.blockSignals(False)

    def _slid(self, place: int) -> None:
        self._send(self._scale.value(place / STEPS))

    def _ticked(self, checked: object) -> None:
        if checked:
            self.send(None)
        else:
            self._send(self._field.value() if self._known else self._scale.value(0.5))

    def _send(self, number: float) -> None:
        self.send(round(number) if self.parameter.kind is Kind.INTEGER else round(number, self._scale.digits + 1))


def line_up(rows: Iterable[Row]) -> None:
    """Give the number fields of all rows the same width and place, so that the sliders line up."""
    numbers = [row for row in rows if isinstance(row, NumberRow)]
    field_px = max((row.field_px for row in numbers), default=0)
    tick_px = max((row.tick_px for row in numbers), default=0)
    for row in numbers:
        row.widen(field_px, tick_px)


class ChoiceRow(Row):
    def __init__(self, parameter: Parameter, on_change: OnChange) -> None:
        super().__init__(parameter, on_change)
        self._box = ChoiceBox()
        for choice in parameter.choices:
            self._box.addItem(translated(parameter.shown_choice(choice, krita=True)), choice)
        self._box.setMinimumContentsLength(10)
        self.add_label()
        self.line.addWidget(self._box, 3)
        self.name(self._box)
        self._box.currentIndexChanged.connect(lambda *_: self.send(self._box.currentData()))

    def render(self, value: Any, decided: Any) -> None:
        self._box.blockSignals(True)
        self._box.setCurrentIndex(self._box.findData(str(value)))
        self._box.blockSignals(False)


class SwitchRow(Row):
    def __init__(self, parameter: Parameter, on_change: OnChange) -> None:
        super().__init__(parameter, on_change)
        self._tick = QCheckBox(translated(parameter.label))
        self.line.addWidget(self._tick)
        self.name(self._tick)
        self._tick.toggled.connect(lambda on: self.send(bool(on)))

    def render(self, value: Any, decided: Any) -> None:
        self._tick.blockSignals(True)
        self._tick.setChecked(bool(value))
        self._tick.blockSignals(False)


class PointRow(Row):
    """Row for a point that is clicked in the preview."""

    def __init__(self, parameter: Parameter, on_change: OnChange) -> None:
        super().__init__(parameter, on_change)
        self._automatic = ""
        self._value: tuple[float, float] | None = None
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._clear = QPushButton(translated("Auto"))
        self._clear.setToolTip(translated("Determine from the picture"))
        self._clear.setAccessibleName(f"{translated(parameter.label)}: {translated('Auto')}")
        self._clear.clicked.connect(lambda *_: self.send(None))
        self.add_label()
        self.line.addWidget(self._words, 3)
        self.line.addWidget(self._clear, 0)

    def render(self, value: Any, decided: Any) -> None:
        self._value = value
        self._words.setText(self._automatic if value is None else f"{value[0]:.0f}, {value[1]:.0f} px")
        self._clear.setEnabled(value is not None)

    def show_automatic(self, words: str) -> None:
        """Set the text to show while there is no point."""
        self._automatic = words
        self.render(self._value, None)


class PlacesRow(Row):
    """Shows the number of clicked points or the box, with buttons that remove the last point or everything."""

    def __init__(self, parameter: Parameter, on_change: OnChange) -> None:
        super().__init__(parameter, on_change)
        self._value: Any = parameter.default
        self._words = QLabel()
        self._words.setWordWrap(True)  # A list of distances must not widen the docker.
        self.add_label()
        self.line.addWidget(self._words, 3)
        self._undo = self._button("↶", Message("Remove the last point"), lambda: self._value[:-1])
        self._undo.setMaximumWidth(2 * self._undo.sizeHint().height())  # Styles make a button wider than its sign.
        self._undo.setVisible(parameter.kind in LISTS)
        self._clear = self._button(translated("Clear"), Message("Remove everything"), lambda: parameter.default)

    def _button(self, text: str, words: str, change: Callable[[], Any]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(translated(words))
        button.setAccessibleName(f"{translated(self.parameter.label)}: {translated(words)}")
        button.clicked.connect(lambda *_: self.send(change()))
        self.line.addWidget(button, 0)
        return button

    def render(self, value: Any, decided: Any) -> None:
        self._value = value
        self._words.setText(picking.words_of(self.parameter, value))
        self._undo.setEnabled(bool(value))
        self._clear.setEnabled(bool(value))


def row_of(parameter: Parameter, on_change: OnChange) -> Row:
    places = {Kind.POINT: PointRow, Kind.POINTS: PlacesRow, Kind.DISTANCES: PlacesRow, Kind.BOX: PlacesRow}
    kinds: dict[Kind, Callable[[Parameter, OnChange], Row]] = {
        Kind.CHOICE: ChoiceRow,
        Kind.BOOLEAN: SwitchRow,
        **places,
    }
    return kinds.get(parameter.kind, NumberRow)(parameter, on_change)
