"""Thumbnails of the results in the document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from krita import Document, Krita

from . import recipe
from .dioptre_link.language import translated
from .dioptre_link.operation import LISTS, Parameter
from .dioptre_link.records import GROUP, Entry
from .qt import QIcon, QListWidget, QListWidgetItem, QPixmap, QSize, Qt

THUMBNAIL_PX = 56
MOST = 12  # How many of the newest results to list; Krita takes a few milliseconds per thumbnail.
HIGH_PX = THUMBNAIL_PX + 44


class ResultList(QListWidget):
    """List in which a click activates a result's group, and a double click or Return edits the result."""

    def __init__(self, on_edit: Callable[[], None]) -> None:
        super().__init__()
        self._on_edit = on_edit
        self.setObjectName("dioptre_history")
        self.setAccessibleName(translated("Results in this document"))
        self.setToolTip(translated("Results in this document. Double-click one to edit it."))
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setIconSize(QSize(THUMBNAIL_PX, THUMBNAIL_PX))
        self.setGridSize(QSize(THUMBNAIL_PX + 28, HIGH_PX - 10))
        self.setFlow(QListWidget.Flow.LeftToRight)
        self.setWrapping(False)
        self.setWordWrap(True)
        self.setMovement(QListWidget.Movement.Static)
        self.setFixedHeight(HIGH_PX + 14)
        self.itemActivated.connect(self._edit)
        self.itemClicked.connect(self._select)

    def refresh(self) -> None:
        """List the results in the active document."""
        self.clear()
        document = Krita.instance().activeDocument()
        if document is not None:
            entries = [one for one in recipe.of(document).readable() if recipe.nodes(document, one)]
            for entry in reversed(entries[-MOST:]):
                if entry.known is not None:
                    self.addItem(_item(document, entry))
        self.setVisible(self.count() > 0)

    def _select(self, item: QListWidgetItem) -> bool:
        document = Krita.instance().activeDocument()
        if document is None:
            return False
        known = {entry.id: entry for entry in recipe.of(document).readable()}
        entry = known.get(item.data(Qt.ItemDataRole.UserRole))
        nodes = [] if entry is None else recipe.nodes(document, entry)
        if entry is None or not nodes:
            self.refresh()
            return False
        document.setActiveNode(recipe.find(document, entry.outputs.get(GROUP)) or nodes[0])
        return True

    def _edit(self, item: QListWidgetItem) -> None:
        if self._select(item):
            self._on_edit()


def _item(document: Document, entry: Entry) -> QListWidgetItem:
    node = recipe.find(document, entry.outputs.get(GROUP)) or recipe.nodes(document, entry)[0]
    item = QListWidgetItem(node.name())
    picture = node.thumbnail(THUMBNAIL_PX, THUMBNAIL_PX)
    if picture is not None and not picture.isNull():
        item.setIcon(QIcon(QPixmap.fromImage(picture)))
    item.setData(Qt.ItemDataRole.UserRole, entry.id)
    item.setToolTip(f"{node.name()}\n{entry.when[:16].replace('T', ' ')}\n{_changed(entry)}".strip())
    return item


def _changed(entry: Entry) -> str:
    """Return the options that differ from their defaults, one per line."""
    known = entry.known
    if known is None:
        return ""
    options = entry.chosen_options
    lines = [
        f"{translated(one.label)}: {_short(one, options[one.name])}"
        for one in known.parameters
        if one.name in options and not _is_default(one, options[one.name])
    ]
    return "\n".join(lines)


def _is_default(option: Parameter, value: Any) -> bool:
    return bool(value == option.default or (option.kind in LISTS and not value))


def _short(option: Parameter, value: Any) -> str:
    if option.kind in LISTS:
        return str(len(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(f"{number:.0f}" for number in value)
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
