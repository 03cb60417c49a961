"""The rows for all options of an operation: the simple ones, and the others behind a checkbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .controls import Aperture, DistanceRow, OnChanges, Row, ShapesRow, line_up, row_of
from .dioptre_link.catalogue.focus import FOCUS_RANGE
from .dioptre_link.editing.fetching import Offer
from .dioptre_link.editing.sections import Extra, Part, Rows, rows_of
from .dioptre_link.editing.state import State
from .dioptre_link.language import translated
from .dioptre_link.operation import Operation
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
    laid_out,
    quiet,
)

AnyRow = Row | FocusRow | DistanceRow | LimitRow | ShapesRow | Aperture
EXTRAS: Mapping[Extra, Callable[[OnChanges], AnyRow]] = {
    Extra.DISTANCE: DistanceRow,
    Extra.LIMIT: LimitRow,
    Extra.SHAPES: ShapesRow,
    Extra.DISC: Aperture,
}


class Options(QWidget):
    """Rows for all options of an operation: the simple ones, and the others, which a checkbox reveals.

    Attributes:
        more: The checkbox that shows the other options; None if there are no others.
    """

    def __init__(self, described: Operation, on_changes: OnChanges) -> None:
        """Build the rows.

        Args:
            described: The operation.
            on_changes: Called with the new values of options that change together.
        """
        super().__init__()
        self._on_changes = on_changes
        self._rows: list[AnyRow] = []
        column, self._others = laid_out(QVBoxLayout, self, spacing=3), QWidget()
        rows = rows_of(described)
        self._add_parts(column, rows.first)
        line_up(self._rows)
        self.more: QCheckBox | None = None
        if rows.further:
            self.more = QCheckBox(translated("More options"))
            self.more.setObjectName("dioptre_more")
            column.addWidget(self.more)
        column.addWidget(self._others)
        self._add_sections(laid_out(QVBoxLayout, self._others, spacing=3), rows)

    def _add_parts(self, column: QVBoxLayout, parts: Sequence[Part]) -> None:
        """Add rows; the pictures of the disc come first."""
        for part in parts:
            if isinstance(part, Extra):
                row: AnyRow = EXTRAS[part](self._on_changes)
            else:
                row = (FocusRow if part.name == FOCUS_RANGE else row_of)(part, self._on_changes)
            self._rows.append(row)
            column.insertWidget(0 if part is Extra.DISC else -1, row)

    def _add_sections(self, column: QVBoxLayout, rows: Rows) -> None:
        """Add the sections: all of them under headings, or many options below buttons, of which one is open."""
        for title, parts in rows.further:
            first, inside = len(self._rows), column
            if rows.folds:
                section = QWidget()
                column.addWidget(_head(translated(title), section, opened=not column.count()))
                column.addWidget(section)
                inside = laid_out(QVBoxLayout, section, spacing=3)
            elif title:
                column.addWidget(QLabel(f"<b>{translated(title)}</b>"))
            self._add_parts(inside, parts)
            line_up(self._rows[first:])

    def show_offer(self, offer_row: OfferRow, offer: Offer | None) -> None:
        """Place the offer to download a network below the option that needs it."""
        if offer is not None:
            options = (each for each in self._rows if isinstance(each, Row))
            row = next(each for each in options if each.parameter.name == offer.parameter)
            column = _column_of(row)
            if _below(column, row) is not offer_row:
                offer_row.setParent(None)
                column.insertWidget(column.indexOf(row) + 1, offer_row)
        offer_row.render(offer)

    def show_state(self, state: State) -> None:
        """Show the options of a state and its depth."""
        for row in self._rows:
            row.render(state)
            if isinstance(row, Row):
                row.setVisible(row.parameter.applies(state.options))
        self._others.setVisible(state.more)
        if self.more is not None:
            with quiet(self.more):
                self.more.setChecked(state.more)


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


def _column_of(row: QWidget) -> QVBoxLayout:
    column = row.parentWidget().layout()
    assert isinstance(column, QVBoxLayout)
    return column


def _below(column: QVBoxLayout, row: QWidget) -> QWidget | None:
    item = column.itemAt(column.indexOf(row) + 1)
    return None if item is None else item.widget()
