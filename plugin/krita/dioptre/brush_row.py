"""The preview's tools: clicks, and the brush with its size and buttons that remove strokes."""

from __future__ import annotations

from . import style
from .dioptre_link.editing import brush
from .dioptre_link.editing.state import State, Tool
from .dioptre_link.language import translated
from .qt import QButtonGroup, QHBoxLayout, QLabel, QSlider, Qt, QToolButton, QVBoxLayout, QWidget

STEPS = 100  # Number of slider positions.


class BrushRow(QWidget):
    """Row of tool buttons that renders the state and forwards the user's input."""

    def __init__(self, on_change: brush.Change) -> None:
        super().__init__()
        self.setObjectName("dioptre_brush")
        self._on_change = on_change
        self._buttons: dict[Tool, QToolButton] = {}
        group = QButtonGroup(self)
        tools = QHBoxLayout()
        tools.setSpacing(1)
        tools.addStretch()
        for tool in Tool:
            button = self._buttons[tool] = QToolButton()
            button.setCheckable(True)
            button.setStyleSheet(style.VIEW)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setObjectName(f"dioptre_tool_{tool.value}")
            button.clicked.connect(lambda *_, chosen=tool: on_change(lambda state: brush.chose(state, chosen)))
            group.addButton(button)
            tools.addWidget(button)
        tools.addStretch()
        self._size = QSlider(Qt.Orientation.Horizontal)
        self._size.setRange(0, STEPS)
        self._size.setPageStep(STEPS // 10)
        self._size.setObjectName("dioptre_brush_size")
        self._size.setToolTip(translated("Brush size (or Ctrl+scroll over the picture)"))
        self._size.setAccessibleName(translated("Brush size"))
        self._size.valueChanged.connect(lambda place: self._sized(place / STEPS))
        self._undo = QToolButton()
        self._undo.setText("↶")
        self._undo.setToolTip(translated("Undo the last stroke (Ctrl+Z in the picture)"))
        self._undo.setAccessibleName(translated("Undo the last stroke (Ctrl+Z in the picture)"))
        self._undo.setObjectName("dioptre_undo_stroke")
        self._undo.clicked.connect(lambda *_: on_change(brush.undone))
        self._clear = QToolButton()
        self._clear.setText(translated("Clear strokes"))
        self._clear.setToolTip(translated("Remove all strokes"))
        self._clear.setObjectName("dioptre_clear_strokes")
        self._clear.clicked.connect(lambda *_: on_change(brush.cleared))
        lower = QHBoxLayout()
        lower.addWidget(QLabel(translated("Size")))
        lower.addWidget(self._size, 1)
        lower.addWidget(self._undo)
        lower.addWidget(self._clear)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(2)
        rows.addLayout(tools)
        rows.addLayout(lower)

    def _sized(self, place: float) -> None:
        self._on_change(lambda state: brush.sized(state, brush.radius_at(place)))

    def render(self, state: State) -> None:
        for tool, button in self._buttons.items():
            tip = brush.tip(state.operation, tool)
            button.setText(brush.label(state.operation, tool))
            button.setToolTip(tip)
            button.setAccessibleDescription(tip)
        self._buttons[state.brush.tool].setChecked(True)
        self._size.blockSignals(True)
        if not self._size.isSliderDown():
            self._size.setValue(round(STEPS * brush.slider_place(state.brush.radius)))
        self._size.blockSignals(False)
        painted = bool(brush.strokes(state))
        self._undo.setEnabled(painted)
        self._clear.setEnabled(painted)
        self._size.setEnabled(state.brush.paints)  # Always visible: the picture must not move before a stroke.
