"""Krita's Qt binding, and the plug-in's own variants of its widgets.

It is PyQt5 in Krita 5 and PyQt6 in Krita 6. Use full enumeration names, which both accept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

try:
    from PyQt5 import QtCore, QtGui, QtWidgets
except ImportError:
    from PyQt6 import QtCore, QtGui, QtWidgets

pyqtSignal = QtCore.pyqtSignal  # noqa: N816  (Qt's name)
QByteArray = QtCore.QByteArray
QEvent = QtCore.QEvent
QObject = QtCore.QObject
QPoint = QtCore.QPoint
QPointF = QtCore.QPointF
QRectF = QtCore.QRectF
QSize = QtCore.QSize
Qt = QtCore.Qt
QThread = QtCore.QThread
QTimer = QtCore.QTimer
QUuid = QtCore.QUuid
QColor = QtGui.QColor
QIcon = QtGui.QIcon
QImage = QtGui.QImage
QPainter = QtGui.QPainter
QPen = QtGui.QPen
QPixmap = QtGui.QPixmap
QTransform = QtGui.QTransform
QAbstractScrollArea = QtWidgets.QAbstractScrollArea
QApplication = QtWidgets.QApplication
QButtonGroup = QtWidgets.QButtonGroup
QCheckBox = QtWidgets.QCheckBox
QFileDialog = QtWidgets.QFileDialog
QGridLayout = QtWidgets.QGridLayout
QHBoxLayout = QtWidgets.QHBoxLayout
QLabel = QtWidgets.QLabel
QListWidget = QtWidgets.QListWidget
QListWidgetItem = QtWidgets.QListWidgetItem
QMdiArea = QtWidgets.QMdiArea
QMenu = QtWidgets.QMenu
QMessageBox = QtWidgets.QMessageBox
QProgressBar = QtWidgets.QProgressBar
QPushButton = QtWidgets.QPushButton
QScrollArea = QtWidgets.QScrollArea
QSizePolicy = QtWidgets.QSizePolicy
QSlider = QtWidgets.QSlider
QStackedWidget = QtWidgets.QStackedWidget
QToolButton = QtWidgets.QToolButton
QVBoxLayout = QtWidgets.QVBoxLayout
QWidget = QtWidgets.QWidget

BAR_STEPS, BAR_PX = 1000, 8  # Number of positions of a progress bar, and its height in pixels.
_BUTTON = """
QToolButton {{ border: 1px solid transparent; border-radius: 3px; padding: {padding}; }}
QToolButton:hover {{ border-color: palette(mid); }}
QToolButton:checked {{ background: palette(highlight); color: palette(highlighted-text); }}
QToolButton:focus {{ border-color: palette(highlight); }}
QToolButton:checked:focus {{ border-color: palette(text); }}
"""

VIEW_STYLE = _BUTTON.format(padding="2px 5px")
"""For buttons with text."""

SHAPE_STYLE = _BUTTON.format(padding="3px 0px")
"""For buttons with pictures."""


def button_of(kind: type[Any], name: str, text: str, act: Callable[..., object], tip: str = "") -> Any:
    """Return a push button, a tool button or a check box, whose tooltip screen readers announce.

    Args:
        kind: Its class.
        name: Its name, which styles and checks use.
        text: What it shows.
        act: Called when it is clicked; a check box passes on whether it is ticked.
        tip: Its tooltip.
    """
    button = kind()
    button.setText(text)
    button.setObjectName(f"dioptre_{name}")
    button.setToolTip(tip)
    button.setAccessibleName(text if len(text) > 1 else tip)
    if kind is QCheckBox:
        button.toggled.connect(act)
    else:
        button.clicked.connect(lambda *_: act())
    return button


def laid_out(kind: type[Any], parent: Any = None, *, spacing: int | None = None) -> Any:
    """Return a layout without margins, with a distance between its widgets in pixels if it is not the style's."""
    made = kind() if parent is None else kind(parent)
    made.setContentsMargins(0, 0, 0, 0)
    if spacing is not None:
        made.setSpacing(spacing)
    return made


def wrapped(name: str, text: str = "") -> Any:
    """Return a label whose text may have several lines; `name` is its name for styles and checks."""
    label = QLabel(text)
    label.setObjectName(f"dioptre_{name}")
    label.setWordWrap(True)
    return label


@contextmanager
def quiet(control: Any) -> Iterator[None]:
    """Let a control show another value without telling that the user has changed it."""
    control.blockSignals(True)
    try:
        yield
    finally:
        control.blockSignals(False)


class Bar(QtWidgets.QProgressBar):
    """A thin progress bar without text."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setRange(0, BAR_STEPS)
        self.setTextVisible(False)
        self.setMaximumHeight(BAR_PX)
        self.setAccessibleName(name)

    def show_fraction(self, fraction: float) -> None:
        """Show progress from 0 to 1."""
        self.setValue(round(BAR_STEPS * fraction))


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


class Slider(_Unscrolled, QtWidgets.QSlider):
    pass


class Field(_Unscrolled, QtWidgets.QDoubleSpinBox):
    pass


class ChoiceBox(_Unscrolled, QtWidgets.QComboBox):
    pass


class Shared(QtWidgets.QWidget):
    """Widget whose height depends on its share of the space alone, and not on the words in it."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)

    def hasHeightForWidth(self) -> bool:  # noqa: N802  (Qt's name)
        return False


class OneLine(QtWidgets.QLabel):
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
