"""Qt as this Krita has it: PyQt5 in Krita 5, PyQt6 in Krita 6. Enumerations are used by their full names."""

from __future__ import annotations

try:
    from PyQt5.QtCore import QByteArray, QObject, QPointF, Qt, QThread, QTimer, QUuid, pyqtSignal
    from PyQt5.QtGui import QColor, QImage, QPainter, QPen, QPixmap
    from PyQt5.QtWidgets import (
        QApplication,
        QButtonGroup,
        QCheckBox,
        QComboBox,
        QDoubleSpinBox,
        QHBoxLayout,
        QLabel,
        QListWidget,
        QListWidgetItem,
        QMenu,
        QMessageBox,
        QProgressBar,
        QPushButton,
        QScrollArea,
        QSizePolicy,
        QSlider,
        QToolButton,
        QVBoxLayout,
        QWidget,
    )
except ImportError:
    from PyQt6.QtCore import QByteArray, QObject, QPointF, Qt, QThread, QTimer, QUuid, pyqtSignal
    from PyQt6.QtGui import QColor, QImage, QPainter, QPen, QPixmap
    from PyQt6.QtWidgets import (
        QApplication,
        QButtonGroup,
        QCheckBox,
        QComboBox,
        QDoubleSpinBox,
        QHBoxLayout,
        QLabel,
        QListWidget,
        QListWidgetItem,
        QMenu,
        QMessageBox,
        QProgressBar,
        QPushButton,
        QScrollArea,
        QSizePolicy,
        QSlider,
        QToolButton,
        QVBoxLayout,
        QWidget,
    )

__all__ = [
    "QApplication",
    "QButtonGroup",
    "QByteArray",
    "QCheckBox",
    "QColor",
    "QComboBox",
    "QDoubleSpinBox",
    "QHBoxLayout",
    "QImage",
    "QLabel",
    "QListWidget",
    "QListWidgetItem",
    "QMenu",
    "QMessageBox",
    "QObject",
    "QPainter",
    "QPen",
    "QPixmap",
    "QPointF",
    "QProgressBar",
    "QPushButton",
    "QScrollArea",
    "QSizePolicy",
    "QSlider",
    "QThread",
    "QTimer",
    "QToolButton",
    "QUuid",
    "QVBoxLayout",
    "QWidget",
    "Qt",
    "pyqtSignal",
]
