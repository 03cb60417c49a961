"""The rows for all options of an operation: the simple ones, and the others behind a checkbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from .dioptre_link.editing.state import State
from .dioptre_link.language import translated
from .dioptre_link.operation import Operation
from .downloads import OfferRow
from .focus_row import FocusRow
from .histogram import LimitRow
from .toolkit import (
    QCheckBox,
    QLabel,
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
        self._rows: dict[str, Row] = {}
        self._shapes = ShapesRow(on_changes) if bokeh.has_shapes(described) else None
        self._focus: FocusRow | None = None
        self._distance: DistanceRow | None = None
        self._limit: LimitRow | None = None
        focuses = traits.focuses(described)
        simple, self._others = _column(self), QWidget()
        others = _column(self._others)
        shown = distances.rows(described)
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
            if parameter.name == FARTHEST:
                self._limit = LimitRow(on_changes)
                place.addWidget(self._limit)
            row = self._rows[parameter.name] = row_of(parameter, on_change)
            place.addWidget(row)
            if parameter.name == BLUR and self._shapes is not None:
                place.addWidget(self._shapes)
        for shows_simple in (True, False):
            line_up(row for row in self._rows.values() if row.parameter.simple is shows_simple)
        self._aperture = Aperture() if set(bokeh.OPTIONS) <= set(self._rows) else None
        if self._aperture is not None:
            at = min(others.indexOf(self._rows[name]) for name in bokeh.OPTIONS)
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
        if self._limit is not None:
            self._limit.show_state(state)
        for row in self._rows.values():
            if isinstance(row, PointRow):
                row.show_automatic(scene.automatic_words(state))

    def render(self, options: Mapping[str, Any], decided: Mapping[str, Any], *, more: bool) -> None:
        """Show these values.

        Args:
            options: Values of the options.
            decided: Values that the preview determined for options set to None.
            more: Show all rows.
        """
        for name, row in self._rows.items():
            row.render(options.get(name, row.parameter.default), decided.get(name))
            hidden = name == RANGE and self._focus is not None
            row.setVisible(not hidden and row.parameter.applies(options))
        self._others.setVisible(more or self.more is None)
        if self.more is not None:
            self.more.blockSignals(True)
            self.more.setChecked(more)
            self.more.blockSignals(False)
        if self._aperture is not None and more:
            self._aperture.show_shape({name: options.get(name) for name in bokeh.OPTIONS})


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
