"""Row for entering the distance of the clicked focus point, which sets the scale of the depth map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .dioptre_link.editing import distances
from .dioptre_link.editing.state import State
from .dioptre_link.language import translated
from .fields import Field
from .qt import QHBoxLayout, QLabel, QWidget

DIGITS = 2


class DistanceRow(QWidget):
    """Number field that shows the distance of the focus point on the current scale, and takes the true one."""

    def __init__(self, on_change: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_distance")
        self.setToolTip(translated(distances.HELP))
        self._on_change = on_change
        self._state: State | None = None
        self._field = Field()
        self._field.setDecimals(DIGITS)
        self._field.setRange(distances.LEAST_M, distances.MOST_M)
        self._field.setSingleStep(0.1)
        self._field.setSuffix(" m")
        self._field.setKeyboardTracking(False)
        self._field.setAccessibleName(translated(distances.LABEL))
        self._field.setAccessibleDescription(translated(distances.HELP))
        self._field.valueChanged.connect(self._entered)
        label = QLabel(translated(distances.LABEL))
        label.setWordWrap(True)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(label, 1)
        line.addWidget(self._field, 0)

    def render(self, state: State) -> None:
        moved = self._state is None or self._state.point != state.point
        self._state = state
        shown = distances.shown_m(state)
        self._field.blockSignals(True)
        # At its minimum, a field shows its special text: a dash while the distance is not known.
        self._field.setSpecialValueText("—" if shown is None else "")
        if moved or not self._field.hasFocus():
            self._field.setValue(self._field.minimum() if shown is None else shown)
        self._field.blockSignals(False)
        self._field.setEnabled(distances.can_enter(state))

    def _entered(self, distance_m: float) -> None:
        if self._state is not None:
            self._on_change(distances.entered(self._state, round(distance_m, DIGITS)))
