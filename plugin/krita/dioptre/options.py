"""Widgets for the options of an operation, made from its description."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .dioptre_link import aperture_picture
from .dioptre_link.language import translated
from .dioptre_link.operations import Kind, Operation, Parameter
from .qt import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QImage,
    QLabel,
    QPixmap,
    QPushButton,
    QSlider,
    Qt,
    QVBoxLayout,
    QWidget,
)

STEPS = 1000  # of a slider
LOGARITHMIC_RATIO = 10  # a range from 0.7 to 32 is felt by its ratios
LABEL_PX = 84  # wide at least; longer labels wrap
LABEL_SHARE, LABEL_STRETCH = 0.36, 100  # of a row's width; more than all else in it, up to that share
GAP_PX = 4
APERTURE_PX = 44
DIGITS = ((0.5, 3), (10.0, 2), (1000.0, 1))  # behind the point, for ranges up to so wide a one


class Options(QWidget):
    """Rows for all options of an operation: the simple ones, or all of them."""

    def __init__(self, described: Operation, on_change: Callable[[], None]) -> None:
        super().__init__()
        self.described = described
        self._on_change = on_change
        self._setting = False  # by the program, which knows of it
        self._rows: dict[str, Row] = {}
        self._headings: dict[str, QLabel] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for parameter in described.parameters:
            if parameter.group and parameter.group not in self._headings:
                heading = self._headings[parameter.group] = QLabel(f"<b>{translated(parameter.group)}</b>")
                layout.addWidget(heading)
            row = self._rows[parameter.name] = _row(parameter, self._changed)
            layout.addWidget(row)
        self._aperture = Aperture() if set(aperture_picture.OPTIONS) <= set(self._rows) else None
        if self._aperture is not None:
            place = min(layout.indexOf(self._rows[name]) for name in aperture_picture.OPTIONS)
            layout.insertWidget(place, self._aperture)
            self._show_aperture()
        self.show_all(False)

    @property
    def has_more(self) -> bool:
        return any(not row.parameter.simple for row in self._rows.values()) and self._any_simple

    @property
    def _any_simple(self) -> bool:
        return any(row.parameter.simple for row in self._rows.values())

    def show_all(self, everything: bool) -> None:
        for row in self._rows.values():
            row.setVisible(everything or row.parameter.simple or not self._any_simple)
        for group, heading in self._headings.items():
            heading.setVisible(any(not r.isHidden() for r in self._rows.values() if r.parameter.group == group))
        if self._aperture is not None:
            self._aperture.setVisible(not self._rows[aperture_picture.OPTIONS[0]].isHidden())

    def values(self) -> dict[str, Any]:
        """What differs from the defaults."""
        found = {name: row.value() for name, row in self._rows.items()}
        return {name: value for name, value in found.items() if value != self._rows[name].parameter.default}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show other values; `on_change` is for changes by hand alone."""
        self._setting = True
        for name, row in self._rows.items():
            row.set_value(values.get(name, row.parameter.default))
        self._setting = False
        self._show_aperture()

    def set_point(self, point: tuple[float, float] | None) -> None:
        for row in self._rows.values():
            if row.parameter.kind is Kind.POINT:
                row.set_value(point)

    def _changed(self) -> None:
        if not self._setting:
            self._show_aperture()
            self._on_change()

    def _show_aperture(self) -> None:
        if self._aperture is not None:
            self._aperture.show_shape({name: self._rows[name].value() for name in aperture_picture.OPTIONS})

    def show_decided(self, values: Mapping[str, Any]) -> None:
        """Show what was decided automatically."""
        for name, row in self._rows.items():
            if isinstance(row, NumberRow) and isinstance(values.get(name), (int, float)):
                row.show_decided(float(values[name]))


class Aperture(QWidget):
    """The disc that a point of light out of focus becomes, in the picture's middle and in a corner."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("dioptre_aperture")
        self._shown: Mapping[str, Any] = {}
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        self._pictures = {aperture_picture.CENTRE: QLabel(), aperture_picture.CORNER: QLabel()}
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
            data = aperture_picture.disc(side, options, field=field)
            image = QImage(data, side, side, side, QImage.Format.Format_Grayscale8)
            label.setPixmap(QPixmap.fromImage(image))


class Row(QWidget):
    """One option."""

    def __init__(self, parameter: Parameter, on_change: Callable[[], None]) -> None:
        super().__init__()
        self.parameter = parameter
        self.setObjectName(f"dioptre_option_{parameter.name}")
        self.setToolTip(translated(parameter.help))
        self.on_change = on_change
        self.line = QHBoxLayout(self)
        self.line.setContentsMargins(0, 0, 0, 0)
        self.line.setSpacing(GAP_PX)
        self._label: QLabel | None = None

    def add_label(self) -> None:
        """The option's name, as wide in every row of its width: what follows is in one line below each other."""
        self._label = QLabel(translated(self.parameter.label))
        self._label.setMinimumWidth(LABEL_PX)
        self._label.setMaximumWidth(LABEL_PX)
        self._label.setWordWrap(True)
        self.line.addWidget(self._label, LABEL_STRETCH)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        super().resizeEvent(event)
        if self._label is not None:
            self._label.setMaximumWidth(max(LABEL_PX, round(LABEL_SHARE * self.width())))

    def value(self) -> Any:
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        raise NotImplementedError


class NumberRow(Row):
    """A slider and a field; with a tick where the number is decided from the picture when left out."""

    def __init__(self, parameter: Parameter, on_change: Callable[[], None]) -> None:
        super().__init__(parameter, on_change)
        self._low = parameter.minimum or 0.0
        self._high = 1.0 if parameter.maximum is None else parameter.maximum
        self._ratio = self._low > 0 and self._high / self._low >= LOGARITHMIC_RATIO
        whole = parameter.kind is Kind.INTEGER
        self.add_label()
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, STEPS)
        self._field = QDoubleSpinBox()
        self._field.setDecimals(0 if whole else _decimals(self._high - self._low))
        self._field.setRange(self._low, self._high)
        self._field.setSingleStep(1.0 if whole else max(0.01, (self._high - self._low) / 100))
        if parameter.unit:
            self._field.setSuffix(f" {parameter.unit}")
        self.line.addWidget(self._slider, 3)
        self.line.addWidget(self._field, 0)
        self._tick: QCheckBox | None = None
        if parameter.default is None:
            self._tick = QCheckBox(translated("Auto"))
            self._tick.setToolTip(translated("Decide from the picture"))
            self.line.addWidget(self._tick, 0)
        self.set_value(parameter.default)
        self._slider.valueChanged.connect(self._slid)
        self._field.valueChanged.connect(self._typed)
        if self._tick is not None:
            self._tick.toggled.connect(self._ticked)

    def value(self) -> Any:
        if self._tick is not None and self._tick.isChecked():
            return None
        number = self._field.value()
        return int(number) if self.parameter.kind is Kind.INTEGER else round(number, 4)

    def set_value(self, value: Any) -> None:
        if self._tick is not None:
            self._tick.setChecked(value is None)
        if value is not None:
            self._show(float(value))
        self._enable()

    def show_decided(self, number: float) -> None:
        if self._tick is not None and self._tick.isChecked():
            self._show(number)

    def _show(self, number: float) -> None:
        for widget in (self._field, self._slider):
            widget.blockSignals(True)
        self._field.setValue(number)
        self._slider.setValue(round(STEPS * self._share(number)))
        for widget in (self._field, self._slider):
            widget.blockSignals(False)

    def _share(self, number: float) -> float:
        number = min(max(number, self._low), self._high)
        if self._ratio:
            return math.log(number / self._low) / math.log(self._high / self._low)
        return (number - self._low) / (self._high - self._low)

    def _slid(self, place: int) -> None:
        share = place / STEPS
        span = self._high - self._low
        number = self._low * (self._high / self._low) ** share if self._ratio else self._low + span * share
        self._field.blockSignals(True)
        self._field.setValue(number)
        self._field.blockSignals(False)
        self.on_change()

    def _typed(self, number: float) -> None:
        self._slider.blockSignals(True)
        self._slider.setValue(round(STEPS * self._share(number)))
        self._slider.blockSignals(False)
        self.on_change()

    def _ticked(self, _checked: object) -> None:
        self._enable()
        self.on_change()

    def _enable(self) -> None:
        free = self._tick is None or not self._tick.isChecked()
        self._slider.setEnabled(free)
        self._field.setEnabled(free)


class ChoiceRow(Row):
    def __init__(self, parameter: Parameter, on_change: Callable[[], None]) -> None:
        super().__init__(parameter, on_change)
        self._box = QComboBox()
        for choice in parameter.choices:
            self._box.addItem(translated(parameter.shown_choice(choice)), choice)
        self._box.setMinimumContentsLength(10)
        self.add_label()
        self.line.addWidget(self._box, 3)
        self.set_value(parameter.default)
        self._box.currentIndexChanged.connect(lambda *_: self.on_change())

    def value(self) -> Any:
        return self._box.currentData()

    def set_value(self, value: Any) -> None:
        self._box.setCurrentIndex(self._box.findData(str(value)))


class SwitchRow(Row):
    def __init__(self, parameter: Parameter, on_change: Callable[[], None]) -> None:
        super().__init__(parameter, on_change)
        self._tick = QCheckBox(translated(parameter.label))
        self.line.addWidget(self._tick)
        self.set_value(parameter.default)
        self._tick.toggled.connect(lambda *_: self.on_change())

    def value(self) -> Any:
        return self._tick.isChecked()

    def set_value(self, value: Any) -> None:
        self._tick.setChecked(bool(value))


class PointRow(Row):
    """A point that is clicked in the preview."""

    def __init__(self, parameter: Parameter, on_change: Callable[[], None]) -> None:
        super().__init__(parameter, on_change)
        self._point: tuple[float, float] | None = None
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._clear = QPushButton(translated("Auto"))
        self._clear.setToolTip(translated("Decide from the picture"))
        self._clear.clicked.connect(self._cleared)
        self.add_label()
        self.line.addWidget(self._words, 3)
        self.line.addWidget(self._clear, 0)
        self.set_value(None)

    def value(self) -> Any:
        return self._point

    def set_value(self, value: Any) -> None:
        self._point = None if value is None else (float(value[0]), float(value[1]))
        words = translated("click in the preview")
        if self._point is not None:
            words = f"{self._point[0]:.0f}, {self._point[1]:.0f}"
        self._words.setText(words)
        self._clear.setEnabled(self._point is not None)

    def _cleared(self, *_: object) -> None:
        self.set_value(None)
        self.on_change()


def _decimals(span: float) -> int:
    return next((digits for limit, digits in DIGITS if span <= limit), 0)


def _row(parameter: Parameter, on_change: Callable[[], None]) -> Row:
    kinds = {Kind.CHOICE: ChoiceRow, Kind.BOOLEAN: SwitchRow, Kind.POINT: PointRow}
    return kinds.get(parameter.kind, NumberRow)(parameter, on_change)
