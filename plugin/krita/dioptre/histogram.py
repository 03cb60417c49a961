"""A histogram of the depth on which a range is dragged: far is on the left, near on the right."""

from __future__ import annotations

from typing import Any

from .controls import OnChanges
from .dioptre_link.editing import scene
from .dioptre_link.editing.focus_range import RangeDrag
from .dioptre_link.editing.limit_range import LimitDrag
from .dioptre_link.editing.state import State
from .dioptre_link.language import translated
from .toolkit import QColor, QEvent, QPainter, QPen, QPointF, QRectF, Qt, QWidget

HIGH_PX, WIDE_PX = 44, 120
BINS = 96
BACK = QColor(32, 32, 34)
ARROWS = {
    Qt.Key.Key_Left: "left",
    Qt.Key.Key_Right: "right",
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
}


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

    def render(self, state: State) -> None:
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

    def __init__(self, on_changes: OnChanges) -> None:
        help_ = translated("Far is on the left, near on the right. Drag either end, or between them.")
        super().__init__(LimitDrag(on_changes), translated("Range of depth"), help_)
