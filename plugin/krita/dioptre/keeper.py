"""Shows a hidden source again when the group that took its place is undone, and hides it when that is redone.

Krita's scripting cannot put a layer's visibility into the undo step that adds the group.
"""

from __future__ import annotations

from krita import Document, Krita, Node

from . import recipe
from .qt import QObject, QTimer

LOOK_MS = 250  # between looks: an undo shows the source again before the eye misses it


class Keeper(QObject):
    """Watches the groups that took a source's place in this session."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._watched: list[tuple[Document, str, str, bool]] = []  # document, source, group, whether it was there
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    def watch(self, document: Document, source: Node, group: Node) -> None:
        self._watched.append((document, recipe.node_id(source), recipe.node_id(group), True))
        self._timer.start()

    def look(self) -> None:
        documents = Krita.instance().documents()
        kept = []
        for document, source_id, group_id, was_there in self._watched:
            if not any(document == each for each in documents):
                continue
            is_there = recipe.find_node(document, group_id) is not None
            source = recipe.find_node(document, source_id)
            if is_there != was_there and source is not None:
                source.setVisible(not is_there)
                document.refreshProjection()
            kept.append((document, source_id, group_id, is_there))
        self._watched = kept
        if not kept:
            self._timer.stop()
