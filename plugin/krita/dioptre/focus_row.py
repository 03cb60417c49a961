"""Row for dragging the focus range on a histogram of the depth: far is on the left, near on the right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .dioptre_link.editing import focus_range, views
from .dioptre_link.editing.events import Image
from .dioptre_link.editing.focus_range import Grip
from .dioptre_link.editing.state import State
from .dioptre_link.language import translated
from .dioptre_link.operation import Parameter
from .qt import (
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
GRIP = 0.03  # Distance from an end of the range within which a press grabs it, as a fraction of the width.
BACK, PLAIN = QColor(32, 32, 34), QColor(150, 150, 150)
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
        self._on_change = on_change
        self._sharp: tuple[float, float] | None = None
        self.histogram = Histogram(on_change)
        self.histogram.setAccessibleName(translated(parameter.label))
        self.histogram.setAccessibleDescription(translated(parameter.help))
        self._tick = QCheckBox(translated("Auto"))
        self._tick.setToolTip(translated("Determine from the picture"))
        self._tick.setAccessibleName(f"{translated(parameter.label)}: {translated('Auto')}")
        self._tick.toggled.connect(self._ticked)
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

    def render(self, state: State) -> None:
        self._sharp = state.sharp
        self._tick.blockSignals(True)
        self._tick.setChecked(focus_range.is_automatic(state.options))
        self._tick.blockSignals(False)
        self.histogram.show_depth(None if state.shown is None else state.shown.depth, state.sharp)

    def _ticked(self, on: bool) -> None:
        if on:
            self._on_change(focus_range.AUTOMATIC)
        elif self._sharp is not None:
            self._on_change(focus_range.fixed(self._sharp))


class Histogram(QWidget):
    """Bars in the preview's colours for depths in front of, within and behind the sharp range."""

    def __init__(self, on_change: Change) -> None:
        super().__init__()
        self.setObjectName("dioptre_histogram")
        self.setMinimumWidth(WIDE_PX)
        self.setFixedHeight(HIGH_PX)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setToolTip(
            translated("Far is on the left, near on the right. Drag either end to change how much stays sharp.")
        )
        self._on_change = on_change
        self._depth: Image | None = None
        self._bars = [0.0] * BINS
        self._sharp: tuple[float, float] | None = None
        self._grip: Grip | None = None  # Set while the mouse button is down.

    def show_depth(self, depth: Image | None, sharp: tuple[float, float] | None) -> None:
        if depth is not self._depth:
            self._depth = depth
            self._bars = [0.0] * BINS if depth is None else views.histogram(depth.data, BINS)
        self._sharp = sharp
        self.setEnabled(depth is not None and sharp is not None)
        self.update()

    def paintEvent(self, _event: Any) -> None:  # noqa: N802  (Qt's name)
        painter = QPainter(self)
        width, height = self.width(), self.height()
        painter.fillRect(QRectF(0, 0, width, height), BACK)
        colours = None if self._sharp is None else views.focus_colours(self._sharp)
        for place, bar in enumerate(self._bars):
            if not bar:
                continue
            colour = PLAIN if colours is None else QColor(*colours[(2 * place + 1) * 128 // BINS][:3])
            tall = max(height * bar**0.6 * 0.92, 1.0)
            left, right = place * width / BINS, (place + 1) * width / BINS
            painter.fillRect(QRectF(left, height - tall, right - left, tall), colour)
        if self._sharp is not None:
            painter.setPen(QPen(QColor(255, 255, 255), 2))
            for value in self._sharp:
                x = min(max(value, 0.0), 1.0) * (width - 2) + 1
                painter.drawLine(QPointF(x, 0), QPointF(x, height))
        if self.hasFocus():
            painter.setPen(QPen(self.palette().highlight().color(), 2))
            painter.drawRect(QRectF(1, 1, width - 2, height - 2))
        painter.end()

    # -- input --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self._sharp is None or event.button() != Qt.MouseButton.LeftButton:
            return
        at = self._at(event)
        self._grip = focus_range.grip_at(self._sharp, at, GRIP)
        if self._grip is Grip.MIDDLE:
            self._on_change(focus_range.dragged(self._sharp, self._grip, at))

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self._grip is not None and self._sharp is not None:
            self._on_change(focus_range.dragged(self._sharp, self._grip, self._at(event)))

    def mouseReleaseEvent(self, _event: Any) -> None:  # noqa: N802  (Qt's name)
        self._grip = None

    def event(self, event: Any) -> bool:
        """Claim the arrow keys for the histogram instead of Krita's shortcuts while it has the focus."""
        if event.type() == QEvent.Type.ShortcutOverride and event.key() in ARROWS:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self._sharp is None or event.key() not in ARROWS:
            super().keyPressEvent(event)
        else:
            self._on_change(focus_range.nudged(self._sharp, ARROWS[event.key()]))

    def _at(self, event: Any) -> float:
        place = event.localPos() if hasattr(event, "localPos") else event.position()
        share: float = place.x() / max(self.width(), 1)
        return min(max(share, 0.0), 1.0)
