"""The focus range, dragged on a histogram of the depth: far on the left, near on the right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .dioptre_link.editing import views
from .dioptre_link.editing.events import Image
from .dioptre_link.editing.state import State
from .dioptre_link.language import translated
from .dioptre_link.operations import Parameter
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
GRIP = 0.03  # reach of an end of the range, as a fraction of the width
KEY_STEP = 0.02
BACK, PLAIN = QColor(32, 32, 34), QColor(150, 150, 150)
ARROWS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down)
Change = Callable[[Mapping[str, Any]], None]


class FocusRow(QWidget):
    """Drag an end to widen the range, or the middle to move the focus; the arrow keys do the same."""

    def __init__(self, parameter: Parameter, on_change: Change) -> None:
        super().__init__()
        self.setObjectName("dioptre_focus_range")
        self._on_change = on_change
        self._sharp: tuple[float, float] | None = None
        self.histogram = Histogram(self._chose_focus, self._chose_reach)
        self.histogram.setAccessibleName(translated(parameter.label))
        self.histogram.setAccessibleDescription(translated(parameter.help))
        self._tick = QCheckBox(translated("Auto"))
        self._tick.setToolTip(translated("Decide from the picture"))
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
        self._tick.setChecked(state.options["focus_range"] is None and state.options["focal_disparity"] is None)
        self._tick.blockSignals(False)
        self.histogram.show_depth(None if state.shown is None else state.shown.depth, state.sharp)

    def _chose_focus(self, disparity: float) -> None:
        """A depth that is chosen here replaces a clicked point."""
        self._on_change({"focus": None, "focal_disparity": round(min(max(disparity, 0.0), 1.0), 4)})

    def _chose_reach(self, reach: float) -> None:
        self._on_change({"focus_range": round(min(max(reach, 0.0), 1.0), 4)})

    def _ticked(self, on: bool) -> None:
        if on:
            self._on_change({"focus_range": None, "focal_disparity": None})
        elif self._sharp is not None:
            self._chose_reach((self._sharp[1] - self._sharp[0]) / 2)


class Histogram(QWidget):
    """Bars in the colours that the preview has for in front, sharp and behind."""

    def __init__(self, on_focus: Callable[[float], None], on_reach: Callable[[float], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_histogram")
        self.setMinimumWidth(WIDE_PX)
        self.setFixedHeight(HIGH_PX)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setToolTip(
            translated("Far is on the left, near on the right. Drag an end to keep more or less of it sharp.")
        )
        self._on_focus, self._on_reach = on_focus, on_reach
        self._depth: Image | None = None
        self._bars = [0.0] * BINS
        self._sharp: tuple[float, float] | None = None
        self._grip = ""  # "middle" or "end", while the button is down

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

    # -- what the user does --------------------------------------------------------------------------------------

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self._sharp is None or event.button() != Qt.MouseButton.LeftButton:
            return
        at = self._at(event)
        self._grip = "end" if min(abs(at - end) for end in self._sharp) <= GRIP else "middle"
        if self._grip == "middle":
            self._on_focus(at)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if not self._grip or self._sharp is None:
            return
        at = self._at(event)
        if self._grip == "middle":
            self._on_focus(at)
        else:
            self._on_reach(abs(at - sum(self._sharp) / 2))

    def mouseReleaseEvent(self, _event: Any) -> None:  # noqa: N802  (Qt's name)
        self._grip = ""

    def event(self, event: Any) -> bool:
        """Arrow keys are the histogram's while it has the focus, not shortcuts of Krita's."""
        if event.type() == QEvent.Type.ShortcutOverride and event.key() in ARROWS:
            event.accept()
            return True
        handled: bool = super().event(event)
        return handled

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        keys = Qt.Key
        if self._sharp is None or event.key() not in ARROWS:
            super().keyPressEvent(event)
            return
        middle, reach = sum(self._sharp) / 2, (self._sharp[1] - self._sharp[0]) / 2
        if event.key() in (keys.Key_Left, keys.Key_Right):
            self._on_focus(middle + (KEY_STEP if event.key() == keys.Key_Right else -KEY_STEP))
        else:
            self._on_reach(reach + (KEY_STEP / 2 if event.key() == keys.Key_Up else -KEY_STEP / 2))

    def _at(self, event: Any) -> float:
        place = event.localPos() if hasattr(event, "localPos") else event.position()
        share: float = place.x() / max(self.width(), 1)
        return min(max(share, 0.0), 1.0)
