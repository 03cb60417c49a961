"""Row for dragging the focus range on a histogram of the depth, with a ruler in metres below it."""

from __future__ import annotations

from typing import Any

from .controls import OnChanges, automatic_tick
from .dioptre_link.editing import focus_range, ruler
from .dioptre_link.editing.focus_range import RangeDrag
from .dioptre_link.editing.ruler import Ruler
from .dioptre_link.editing.state import State
from .dioptre_link.language import translated
from .dioptre_link.operation import Parameter
from .histogram import BACK, WIDE_PX, Histogram
from .toolkit import (
    QColor,
    QHBoxLayout,
    QLabel,
    QPainter,
    QRectF,
    Qt,
    QVBoxLayout,
    QWidget,
    laid_out,
    quiet,
    wrapped,
)

RULER_PX = 9
LABEL_PX = 44  # Width of a tick's label; ticks are at least this far apart.
RULER_SHARP, RULER_MARK = QColor(60, 220, 90), QColor(255, 190, 60)


class FocusRow(QWidget):
    """Histogram whose range moves by dragging its middle and widens by dragging an end; arrow keys do the same."""

    def __init__(self, parameter: Parameter, on_changes: OnChanges) -> None:
        super().__init__()
        self.setObjectName("dioptre_focus_range")
        self._drag = RangeDrag(on_changes)
        self.histogram = Histogram(
            self._drag,
            translated(parameter.label),
            translated("Far is on the left, near on the right. Drag either end to change how much stays sharp."),
        )
        self.histogram.setAccessibleDescription(translated(parameter.help))
        self._tick = automatic_tick(parameter, self._drag.set_automatic)
        self._ends = QLabel()
        self._ends.setObjectName("dioptre_ends")
        self._ends.setEnabled(False)
        top = laid_out(QHBoxLayout, spacing=4)
        top.addWidget(QLabel(translated(parameter.label)))
        top.addWidget(self._ends, 1, Qt.AlignmentFlag.AlignHCenter)
        top.addWidget(self._tick)
        rows = laid_out(QVBoxLayout, self, spacing=2)
        rows.addLayout(top)
        rows.addWidget(self.histogram)
        self.scale = RulerScale()
        self.scale.hide()
        rows.addWidget(self.scale)
        self.distances = wrapped("depth_of_field", ruler.two_lines(None))
        self.distances.setAccessibleName(translated("Depth of field"))
        self.distances.setToolTip(translated(ruler.HELP))
        self.distances.hide()
        rows.addWidget(self.distances)

    def render(self, state: State) -> None:
        self._drag.lens_reach = state.lens_reach
        with quiet(self._tick):
            self._tick.setChecked(focus_range.is_automatic(state.options))
        depth = None if state.shown is None else state.shown.depth
        self._ends.setText(focus_range.ends_words(state.sharp))
        self.histogram.render(state)
        shown = None if depth is None else state.ruler
        self.scale.show_ruler(shown)
        if depth is not None:  # Until the depth is known, nothing moves.
            self.scale.setVisible(shown is not None)
            self.distances.setVisible(shown is not None)
        self.distances.setText(ruler.two_lines(shown))


class RulerScale(QWidget):
    """The ruler: a bar from the far to the near limit, the hyperfocal distance, and ticks with their distances."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("dioptre_ruler")
        self._ruler: Ruler | None = None
        font = self.font()
        font.setPointSizeF(max(font.pointSizeF() * 0.85, 6.0))
        self.setFont(font)
        self.setFixedHeight(RULER_PX + self.fontMetrics().height())
        self.setMinimumWidth(WIDE_PX)
        self.setToolTip(translated(ruler.HELP))

    def show_ruler(self, shown: Ruler | None) -> None:
        if shown != self._ruler:
            self._ruler = shown
            self.update()

    def paintEvent(self, _event: Any) -> None:  # noqa: N802  (Qt's name)
        painter = QPainter(self)
        width, shown = self.width(), self._ruler
        painter.fillRect(QRectF(0, 0, width, RULER_PX), BACK)
        if shown is not None:
            far, near = (position * (width - 1) for position in shown.sharp)
            painter.fillRect(QRectF(far, 0, max(near - far, 1.0), RULER_PX), RULER_SHARP)
            self._draw_ticks(painter, shown.ticks(LABEL_PX / max(width, LABEL_PX)))
            if shown.hyperfocal is not None:
                painter.fillRect(QRectF(shown.hyperfocal * (width - 1) - 1, 0, 2, RULER_PX), RULER_MARK)
        painter.end()

    def _draw_ticks(self, painter: QPainter, ticks: tuple[tuple[float, str], ...]) -> None:
        width, high = self.width(), self.height() - RULER_PX
        text_colour = self.palette().text().color()
        for position, text in ticks:
            x = position * (width - 1)
            painter.fillRect(QRectF(x, RULER_PX * 2 / 3, 1, RULER_PX / 3), QColor(255, 255, 255))
            left, align = ruler.label_place(position, width, LABEL_PX)
            sides = {0.0: Qt.AlignmentFlag.AlignLeft, 0.5: Qt.AlignmentFlag.AlignHCenter}
            side = sides.get(align, Qt.AlignmentFlag.AlignRight)
            flags = int(side | Qt.AlignmentFlag.AlignVCenter)
            painter.setPen(text_colour)
            painter.drawText(QRectF(left, RULER_PX, LABEL_PX, high), flags, text)
