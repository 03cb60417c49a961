"""The rows for all options of an operation: the simple ones, and the others behind a checkbox."""

from __future__ import annotations

from collections.abc import Sequence

from .controls import (
    BLUR,
    RANGE,
    Aperture,
    DistanceRow,
    OnChange,
    OnChanges,
    PointRow,
    Row,
    ShapesRow,
    line_up,
    row_of,
)
from .dioptre_link.catalogue.limit import FARTHEST
from .dioptre_link.editing import bokeh, distances, scene, traits
from .dioptre_link.editing.fetching import Offer
from .dioptre_link.editing.sections import FEW, sections
from .dioptre_link.editing.state import State
from .dioptre_link.language import translated
from .dioptre_link.operation import Operation, Parameter
from .downloads import OfferRow
from .focus_row import FocusRow
from .histogram import LimitRow
from .toolkit import (
    QCheckBox,
    QLabel,
    QSizePolicy,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
)


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
        self._on_change, self._on_changes = on_change, on_changes
        self._rows: dict[str, Row] = {}
        self._shapes = ShapesRow(on_changes) if bokeh.has_shapes(described) else None
        self._focus: FocusRow | None = None
        self._distance: DistanceRow | None = None
        self._limit: LimitRow | None = None
        self._aperture: Aperture | None = None
        column, self._others = _column(self), QWidget()
        shown = sorted(distances.rows(described), key=lambda one: traits.focuses(described) and one.name != BLUR)
        simple, others = ([one for one in shown if one.simple is wanted] for wanted in (True, False))
        for parameter in simple:
            self._add_row(column, parameter)
        self.more: QCheckBox | None = None
        if simple and others:
            self.more = QCheckBox(translated("More options"))
            self.more.setObjectName("dioptre_more")
            column.addWidget(self.more)
        column.addWidget(self._others)
        self._add_sections(_column(self._others), others)
        for one in (simple, others):
            line_up(self._rows[parameter.name] for parameter in one)

    def _add_row(self, column: QVBoxLayout, parameter: Parameter) -> None:
        """Add a row, and what belongs to it."""
        if parameter.name == RANGE and traits.focuses(self.described):
            self._focus = FocusRow(parameter, self._on_changes)
            column.addWidget(self._focus)
        if distances.is_entry(parameter):
            self._distance = DistanceRow(self._on_changes)
            column.addWidget(self._distance)
        if parameter.name == FARTHEST:
            self._limit = LimitRow(self._on_changes)
            column.addWidget(self._limit)
        row = self._rows[parameter.name] = row_of(parameter, self._on_change)
        column.addWidget(row)
        if parameter.name == BLUR and self._shapes is not None:
            column.addWidget(self._shapes)

    def _add_sections(self, column: QVBoxLayout, parameters: Sequence[Parameter]) -> None:
        """Add the sections: all of them under headings, or many options below buttons, of which one is open."""
        opens = False
        for title, members in sections(parameters):
            inside = column
            if len(parameters) > FEW:
                section = QWidget()
                column.addWidget(_head(translated(title), section, opened=not opens))
                column.addWidget(section)
                inside, opens = _column(section), True
            elif title:
                column.addWidget(QLabel(f"<b>{translated(title)}</b>"))
            if set(bokeh.OPTIONS) <= {parameter.name for parameter in members}:
                self._aperture = Aperture()
                inside.addWidget(self._aperture)
            for parameter in members:
                self._add_row(inside, parameter)

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
        for name, row in self._rows.items():
            row.render(state.options[name], state.automatic.get(name))
            hidden = name == RANGE and self._focus is not None
            row.setVisible(not hidden and row.parameter.applies(state.options))
            if isinstance(row, PointRow):
                row.show_automatic(scene.automatic_words(state))
        self._others.setVisible(state.more or self.more is None)
        if self.more is not None:
            self.more.blockSignals(True)
            self.more.setChecked(state.more)
            self.more.blockSignals(False)
        if self._aperture is not None and state.more:
            self._aperture.show_shape({name: state.options[name] for name in bokeh.OPTIONS})
        if self._shapes is not None:
            self._shapes.render(state.options)
        if self._focus is not None:
            self._focus.render(state)
        if self._distance is not None:
            self._distance.render(state)
        if self._limit is not None:
            self._limit.show_state(state)


def _head(title: str, section: QWidget, *, opened: bool) -> QToolButton:
    """Return a button that shows a section, and closes the one that was open."""
    head = QToolButton()
    head.setText(title)
    head.setObjectName("dioptre_section")
    head.setCheckable(True)
    head.setAutoExclusive(True)
    head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    head.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def show(on: bool) -> None:
        head.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        section.setVisible(on)

    head.toggled.connect(show)
    head.setChecked(opened)
    show(opened)
    return head


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
