"""Widgets for the options of an operation, which show values and report the user's changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .aperture import Aperture
from .dioptre_link import aperture_picture
from .dioptre_link.catalogue.blur import F_NUMBER
from .dioptre_link.catalogue.focus import FOCUS_RANGE
from .dioptre_link.editing import bokeh, distances, marks, picking, scales, traits
from .dioptre_link.editing.fetching import Offer
from .dioptre_link.editing.state import State
from .dioptre_link.language import Message, translated
from .dioptre_link.operation import LISTS, Kind, Operation, Parameter
from .distance_row import DistanceRow
from .fields import Box, Field, Slider
from .focus_row import FocusRow
from .offer_row import OfferRow
from .qt import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    Qt,
    QVBoxLayout,
    QWidget,
)
from .shapes_row import ShapesRow

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


class Options(QWidget):
    """Rows for all options of an operation: the simple ones, and the others, which a checkbox reveals.

    Attributes:
        described: The operation.
        more: The checkbox that shows the other options; None if there are no others.
    """

    def __init__(self, described: Operation, on_change: OnChange, on_changes: OnChanges) -> None:
        """Build the rows.

        Args:
            described: The operation.
            on_change: Called with the name and the new value of an option.
            on_changes: Called with the new values of several options that change together.
        """
        super().__init__()
        self.described = described
        self._rows: dict[str, Row] = {}
        self._shapes = ShapesRow(on_changes) if bokeh.has_shapes(described) else None
        self._focus: FocusRow | None = None
        self._distance: DistanceRow | None = None
        focuses = traits.focuses(described)
        simple, self._others = _column(self), QWidget()
        others = _column(self._others)
        shown = [parameter for parameter in described.parameters if parameter.kind is not Kind.STROKES]
        any_simple = any(parameter.simple for parameter in shown)
        groups: set[str] = set()
        for parameter in sorted(shown, key=lambda one: focuses and one.name != BLUR):
            place = simple if parameter.simple else others
            if parameter.group and not parameter.simple and parameter.group not in groups:
                groups.add(parameter.group)
                place.addWidget(QLabel(f"<b>{translated(parameter.group)}</b>"))
            if parameter.name == RANGE and focuses:
                self._focus = FocusRow(parameter, on_changes)
                simple.addWidget(self._focus)
            if distances.is_entry(parameter):
                self._distance = DistanceRow(on_changes)
                place.addWidget(self._distance)
            row = self._rows[parameter.name] = _row(parameter, on_change)
            place.addWidget(row)
            if parameter.name == BLUR and self._shapes is not None:
                place.addWidget(self._shapes)
        self._aperture = Aperture() if set(aperture_picture.OPTIONS) <= set(self._rows) else None
        if self._aperture is not None:
            at = min(others.indexOf(self._rows[name]) for name in aperture_picture.OPTIONS)
            others.insertWidget(at, self._aperture)
        self.more: QCheckBox | None = None
        if any_simple and others.count():
            self.more = QCheckBox(translated("More options"))
            self.more.setObjectName("dioptre_more")
            simple.addWidget(self.more)
        simple.addWidget(self._others)
        self.render(described.defaults(), {}, more=False)

    def show_offer(self, offer_row: OfferRow, offer: Offer | None) -> None:
        """Place the offer to download a network below the option that needs it."""
        if offer is not None:
            row = self._rows[offer.parameter]
            column = _column_of(row)
            if _below(column, row) is not offer_row:
                offer_row.setParent(None)
                column.insertWidget(column.indexOf(row) + 1, offer_row)
        offer_row.render(offer)

    def show_state(self, state: State) -> None:
        """Show the options of a state and its depth."""
        self.render(state.options, state.automatic, more=state.more)
        if self._shapes is not None:
            self._shapes.render(state.options)
        if self._focus is not None:
            self._focus.render(state)
        if self._distance is not None:
            self._distance.render(state)
        for row in self._rows.values():
            if isinstance(row, PointRow):
                row.show_automatic(marks.automatic_words(state))

    def render(self, options: Mapping[str, Any], decided: Mapping[str, Any], *, more: bool) -> None:
        """Show these values.

        Args:
            options: Values of the options.
            decided: Values that the preview determined for options set to None.
            more: Show all rows.
        """
        for name, row in self._rows.items():
            row.render(options.get(name, row.parameter.default), decided.get(name))
            row.setVisible(not (name == RANGE and self._focus is not None))
        self._others.setVisible(more or self.more is None)
        if self.more is not None:
            self.more.blockSignals(True)
            self.more.setChecked(more)
            self.more.blockSignals(False)
        if self._aperture is not None and more:
            self._aperture.show_shape({name: options.get(name) for name in aperture_picture.OPTIONS})


def _column(widget: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(3)
    return column


def _column_of(row: QWidget) -> QVBoxLayout:
    column = row.parentWidget().layout()
    assert isinstance(column, QVBoxLayout)
    return column


def _below(column: QVBoxLayout, row: QWidget) -> QWidget | None:
    item = column.itemAt(column.indexOf(row) + 1)
    return None if item is None else item.widget()


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


class ChoiceRow(Row):
    def __init__(self, parameter: Parameter, on_change: OnChange) -> None:
        super().__init__(parameter, on_change)
        self._box = Box()
        for choice in parameter.choices:
            self._box.addItem(translated(parameter.shown_choice(choice)), choice)
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


def _row(parameter: Parameter, on_change: OnChange) -> Row:
    places = {Kind.POINT: PointRow, Kind.POINTS: PlacesRow, Kind.DISTANCES: PlacesRow, Kind.BOX: PlacesRow}
    kinds: dict[Kind, Callable[[Parameter, OnChange], Row]] = {
        Kind.CHOICE: ChoiceRow,
        Kind.BOOLEAN: SwitchRow,
        **places,
    }
    return kinds.get(parameter.kind, NumberRow)(parameter, on_change)
