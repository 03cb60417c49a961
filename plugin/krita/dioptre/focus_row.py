"""Row for dragging the focus range on a histogram of the depth: far is on the left, near on the right.

A ruler below the histogram shows the sharp range in metres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .dioptre_link.editing import focus_range, ruler, scene
from .dioptre_link.editing.focus_range import RangeDrag
from .dioptre_link.editing.limit_range import LimitDrag
from .dioptre_link.editing.ruler import Ruler
from .dioptre_link.editing.state import State
from .dioptre_link.language import translated
from .dioptre_link.operation import Parameter
from .toolkit import (
    QCheckBox,
    QColor,
    QEvent,
    QHBoxLayout,
    QLabel,
    QPainter,
    QPen,
    QPointF,
    QRectF,
    Qt,
    QVBoxLayout,
    QWidget,
)

HIGH_PX, WIDE_PX = 44, 120
BINS = 96
RULER_PX = 9
LABEL_PX = 44  # Width of a tick's label; ticks are at least this far apart.
BACK = QColor(32, 32, 34)
RULER_SHARP, RULER_MARK = QColor(60, 220, 90), QColor(255, 190, 60)
ARROWS = {
    Qt.Key.Key_Left: "left",
    Qt.Key.Key_Right: "right",
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
}
Change = Callable[[Mapping[str, Any]], None]


class FocusRow(QWidget):
    """Histogram whose range moves by dragging its middle and widens by dragging an end; arrow keys do the same."""

    def __init__(self, parameter: Parameter, on_change: Change) -> None:
        super().__init__()
        self.setObjectName("dioptre_focus_range")
        self._drag = RangeDrag(on_change)
        self.histogram = Histogram(
            self._drag,
            translated(parameter.label),
            translated("Far is on the left, near on the right. Drag either end to change how much stays sharp."),
        )
        self.histogram.setAccessibleDescription(translated(parameter.help))
        self._tick = QCheckBox(translated("Auto"))
        self._tick.setToolTip(translated("Determine from the picture"))
        self._tick.setAccessibleName(f"{translated(parameter.label)}: {translated('Auto')}")
        self._tick.toggled.connect(self._drag.set_automatic)
        ends = QLabel(f"{translated('far')} ← → {translated('near')}")
        ends.setEnabled(False)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(QLabel(translated(parameter.label)))
        top.addWidget(ends, 1, Qt.AlignmentFlag.AlignHCenter)
        top.addWidget(self._tick)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        rows.addLayout(top)
        rows.addWidget(self.histogram)
        self.scale = RulerScale()
        self.scale.hide()
        rows.addWidget(self.scale)
        self.distances = QLabel(ruler.two_lines(None))
        self.distances.setObjectName("dioptre_depth_of_field")
        self.distances.setWordWrap(True)
        self.distances.setAccessibleName(translated("Depth of field"))
        self.distances.setToolTip(translated(ruler.HELP))
        self.distances.hide()
        rows.addWidget(self.distances)

    def render(self, state: State) -> None:
        self._drag.lens_reach = state.lens_reach
        self._tick.blockSignals(True)
        self._tick.setChecked(focus_range.is_automatic(state.options))
        self._tick.blockSignals(False)
        depth = None if state.shown is None else state.shown.depth
        self.histogram.show_state(state)
        shown = None if depth is None else state.ruler
        self.scale.show_ruler(shown)
        if depth is not None:  # Until the depth is known, nothing moves.
            self.scale.setVisible(shown is not None)
            self.distances.setVisible(shown is not None)
        self.distances.setText(ruler.two_lines(shown))


class Histogram(QWidget):
    """Bars in the preview's colours for depths in front of, within and behind the sharp range."""

    def __init__(self, drag: RangeDrag, name: str, help_: str) -> None:
        super().__init__()
        self.setObjectName("dioptre_histogram")
        self.setAccessibleName(name)
        self.setMinimumWidth(WIDE_PX)
        self.setFixedHeight(HIGH_PX)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setToolTip(help_)
        self._drag = drag
        self._bars: list[tuple[scene.Segment, ...]] = []

    def show_state(self, state: State) -> None:
        self._drag.sharp = state.sharp
        self._bars = [*scene.histogram(state, BINS)]
        known = state.shown is not None and state.shown.depth is not None
        self.setEnabled(known and self._drag.sharp is not None)
        self.update()

    def paintEvent(self, _event: Any) -> None:  # noqa: N802  (Qt's name)
        painter = QPainter(self)
        width, height = self.width(), self.height()
        painter.fillRect(QRectF(0, 0, width, height), BACK)
        sharp = self._drag.sharp
        for place, bar in enumerate(self._bars):
            left, right = place * width / BINS, (place + 1) * width / BINS
            for share, colour in bar:
                tall = height * share
                painter.fillRect(QRectF(left, height - tall, right - left, tall), QColor(*colour[:3]))
        if sharp is not None:
            painter.setPen(QPen(QColor(255, 255, 255), 2))
            for value in sharp:
                x = min(max(value, 0.0), 1.0) * (width - 2) + 1
                painter.drawLine(QPointF(x, 0), QPointF(x, height))
        if self.hasFocus():
            painter.setPen(QPen(self.palette().highlight().color(), 2))
            painter.drawRect(QRectF(1, 1, width - 2, height - 2))
        painter.end()

    # -- input --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag.pressed(self._at(event))

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        self._drag.moved(self._at(event))

    def mouseReleaseEvent(self, _event: Any) -> None:  # noqa: N802  (Qt's name)
        self._drag.released()

    def event(self, event: Any) -> bool:
        """Claim the arrow keys for the histogram instead of Krita's shortcuts while it has the focus."""
        if event.type() == QEvent.Type.ShortcutOverride and event.key() in ARROWS:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if not self._drag.key(ARROWS.get(event.key(), "")):
            super().keyPressEvent(event)

    def _at(self, event: Any) -> float:
        place = event.localPos() if hasattr(event, "localPos") else event.position()
        share: float = place.x() / max(self.width(), 1)
        return min(max(share, 0.0), 1.0)


class LimitRow(Histogram):
    """The histogram of the range of depth that an effect is limited to."""

    def __init__(self, on_change: Change) -> None:
        help_ = translated("Far is on the left, near on the right. Drag either end, or between them.")
        super().__init__(LimitDrag(on_change), translated("Range of depth"), help_)


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
