"""A label that shortens its text instead of wrapping it, so that nothing below it moves when the text changes."""

from __future__ import annotations

from typing import Any

from .qt import QLabel, QSizePolicy, Qt


class OneLine(QLabel):
    """Label whose full text appears as a tooltip if it does not fit."""

    def __init__(self) -> None:
        super().__init__()
        self._full = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str) -> None:
        """Show `text`, shortened in the middle if it does not fit."""
        self._full = text
        self._fit()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        fitted = self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideMiddle, self.width())
        self.setToolTip("" if fitted == self._full else self._full)
        self.setText(fitted)
