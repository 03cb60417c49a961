"""Sliders, number fields and lists that change by the mouse wheel only while they have the focus."""

from __future__ import annotations

from typing import Any

from .qt import QComboBox, QDoubleSpinBox, QSlider, Qt


class _Unscrolled:
    """Mixin that lets the wheel scroll the panel instead of changing the value of a control without focus."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # type: ignore[attr-defined]

    def wheelEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self.hasFocus():  # type: ignore[attr-defined]
            super().wheelEvent(event)  # type: ignore[misc]
        else:
            event.ignore()


class Slider(_Unscrolled, QSlider):
    pass


class Field(_Unscrolled, QDoubleSpinBox):
    pass


class Box(_Unscrolled, QComboBox):
    pass
